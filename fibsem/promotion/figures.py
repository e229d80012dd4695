"""Figures of a challenger on every split, and gain and cost of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from fibsem.analysis import tables
from fibsem.analysis.calibration import Calibration
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.analysis.reliability import Reliability
from fibsem.data.dataset.split import SPLITS
from fibsem.inference.model.cost import seconds_per_gigapixel
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.promotion.choice import BestSteps
from fibsem.promotion.examination import balanced_figures, score_split
from fibsem.promotion.setting import Promotion
from fibsem.promotion.testing import OnTestSquares
from fibsem.system import metric_names
from fibsem.system.records import Figures, Stored
from fibsem.system.summaries.promotion import Calibrated, Ensemble, Errors, ReliabilityCurve
from fibsem.training.material.material import Material
from fibsem.training.scoring.squares import CHOSEN, SquareCounts, labelled_figures


@dataclass(frozen=True)
class Scores(Stored):
    """Scores of the promoted models that do not use the test squares.

    Attributes
    ----------
    rows
        Confusion matrices of the challenger on training squares; in records of earlier versions
        also those on validation squares, which :class:`~fibsem.promotion.choice.BestSteps` has.
    val
        Figures of the challenger on balanced validation pixels.
    seconds_per_gigapixel
        Cost of each model, by name.
    """

    rows: tuple[SquareCounts, ...]
    val: Figures
    seconds_per_gigapixel: Figures

    @property
    def train(self) -> tuple[SquareCounts, ...]:
        """The training squares."""
        return tuple(square for square in self.rows if square.is_of("train"))


@dataclass(frozen=True)
class CalibrationOnTest:
    """Calibration that was fitted on validation squares, and its errors on the test squares.

    ``errors`` are the calibration errors before and after it on all test squares, ``by_sample`` on
    the test squares of each film.
    """

    chosen: Calibration
    errors: Figures
    by_sample: Mapping[str, Figures]

    @property
    def summary(self) -> Calibrated:
        """Record for ``summary.json``."""
        chosen, errors = self.chosen, self.errors
        return Calibrated(
            temperature=chosen.temperature,
            offset=chosen.offset,
            ece_before=chosen.ece_before,
            ece_after=chosen.ece_after,
            loss_before=chosen.loss_before,
            loss_after=chosen.loss_after,
            before=_curve(chosen.before),
            after=_curve(chosen.after),
            test_ece_before=errors["ece_before"],
            test_ece_after=errors["ece_after"],
            test_by_sample={name: Errors(**errors) for name, errors in self.by_sample.items()},
        )


def _curve(curve: Reliability) -> ReliabilityCurve:
    return ReliabilityCurve(curve.predicted, curve.observed, curve.counts)


@dataclass(frozen=True)
class ChallengerFigures:
    """All figures of a challenger.

    Attributes
    ----------
    postprocessing, calibration
        Both chosen on validation squares; calibration errors on test squares.
    val, test
        Figures on balanced pixels of these splits.
    squares
        Confusion matrices of all labelled squares, before and after post-processing.
    seconds_per_gigapixel
        Cost of the model.
    ensemble
        Comparison of the ensemble with its first member, or None for a single network.
    """

    postprocessing: PostProcessing
    calibration: CalibrationOnTest
    val: Figures
    test: Figures
    squares: tuple[SquareCounts, ...]
    seconds_per_gigapixel: float
    ensemble: Ensemble | None = None

    @cached_property
    def labelled(self) -> dict[str, Figures]:
        """Figures on all labelled pixels with post-processing, by group, such as ``train_all``."""
        return {f"{s}_all": labelled_figures(self.squares, s, CHOSEN) for s in SPLITS}

    @property
    def by_sample(self) -> pd.DataFrame:
        """Figures on labelled pixels, before and after post-processing (Tables 4.10, 4.12)."""
        return tables.post_processing([square.row for square in self.squares])

    @property
    def metrics(self) -> Figures:
        """Post-processing, and figures on labelled and on balanced test pixels, for MLflow."""
        steps = {key: float(value) for key, value in self.postprocessing.to_json().items()}
        metrics = metric_names.grouped("postprocessing", steps)
        for group, values in {"test": self.test, **self.labelled}.items():
            metrics |= metric_names.grouped(group, values)
        return metrics


def measure(
    promotion: Promotion, models: Mapping[str, Segmenter], choice: BestSteps, material: Material,
    tested: OnTestSquares,
) -> ChallengerFigures:  # fmt: skip
    """Collect the figures of a challenger, and print the main ones.

    Parameters
    ----------
    promotion, material
        The promotion, and the data that its models are scored on.
    models
        The challenger and, if it is an ensemble, its ``single`` first member.
    choice, tested
        What was chosen for the challenger, and the scores of all models on the test squares.
    """
    margin = promotion.configuration.postprocessing.grid.margin
    scores = promotion.finished.once("scores", Scores, lambda: _scores(models, material, margin))
    figures = ChallengerFigures(
        postprocessing=choice.best,
        calibration=CalibrationOnTest(
            choice.calibration, tested.calibration["challenger"],
            tested.calibration_by_sample.get("challenger", {}),
        ),
        val=scores.val,
        test=tested.balanced["challenger"],
        squares=(*scores.train, *choice.rows, *tested.rows["challenger"]),
        seconds_per_gigapixel=scores.seconds_per_gigapixel["challenger"],
    )  # fmt: skip
    miou = figures.labelled["test_all"]["miou"]
    promotion.say(f"test mIoU on every labelled pixel: {miou:.4f} with post-processing")
    if "single" not in models:
        return figures
    alone = labelled_figures(tested.rows["single"], "test", CHOSEN)["miou"]
    gain = _ensemble(
        len(models["challenger"].members), miou, alone,
        tested.calibration["single"]["ece_after"], scores.seconds_per_gigapixel,
    )  # fmt: skip
    promotion.say(
        f"ensemble of {gain.members}: test mIoU {gain.gain_test_miou:+.4f} against its first "
        f"member, at {gain.cost_ratio:.1f} times the cost"
    )
    return replace(figures, ensemble=gain)


def _scores(models: Mapping[str, Segmenter], material: Material, margin: int) -> Scores:
    challenger = models["challenger"]
    return Scores(
        tuple(score_split(challenger, material, "train", margin)),
        balanced_figures(challenger, material, "val"),
        {name: seconds_per_gigapixel(Scorer(model)) for name, model in models.items()},
    )


def _ensemble(members: int, miou: float, alone: float, error: float, cost: Figures) -> Ensemble:
    """Compare an ensemble with its first member: test mIoU, calibration error, cost."""
    return Ensemble(
        members=members,
        single_test_miou=alone,
        gain_test_miou=miou - alone,
        single_test_calibration_error=error,
        cost_ratio=cost["challenger"] / cost["single"],
    )
