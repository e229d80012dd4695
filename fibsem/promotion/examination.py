"""What a finally trained model is worth: post-processing, every labelled pixel, the gate.

Everything is chosen on the validation squares. The test squares are read in one place, once, for
all that a promotion wants to know of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fibsem.analysis.metrics import Confusion, pooled, porosity_error
from fibsem.analysis.postprocessing import PostProcessing, ScoredSquare
from fibsem.analysis.statistics import Examined, Gate, judge
from fibsem.config import GateConfig
from fibsem.data.dataset import Dataset, Region
from fibsem.data.split import Split
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.promotion.calibrating import calibration_errors
from fibsem.system.identity import same_data
from fibsem.system.progress import Progress
from fibsem.tracking.bundle import Bundle
from fibsem.training.estimating import estimate
from fibsem.training.material import Material
from fibsem.training.scoring import scored_squares
from fibsem.training.squares import CHOSEN, Record, square_row


def validation_squares(
    segmenter: Segmenter, material: Material, margin: int
) -> list[tuple[Region, ScoredSquare]]:
    """Scores of all validation squares, with the margin that the search needs."""
    return list(_scored(segmenter, material, "val", margin))


def rows_of(squares: Iterable[tuple[Region, ScoredSquare]], how: PostProcessing) -> list[Record]:
    """Confusion matrices of squares, before and after post-processing."""
    return [square_row(region, square, how) for region, square in squares]


def score_split(
    segmenter: Segmenter, material: Material, split: Split, margin: int
) -> list[Record]:
    """The same of a whole split."""
    return rows_of(_scored(segmenter, material, split, margin), segmenter.postprocessing)


def _scored(
    segmenter: Segmenter, material: Material, split: Split, margin: int
) -> Iterator[tuple[Region, ScoredSquare]]:
    """Squares with their scores; patch by patch they take hours, so with time left."""
    total = len(material.dataset.regions(split))
    with Progress(f"{split} squares") as progress:
        squares = scored_squares(material, Scorer(segmenter), split, margin)
        for done, scored in enumerate(squares, start=1):
            yield scored
            progress("scored", done, total)


def balanced(segmenter: Segmenter, material: Material, split: Split) -> dict[str, float]:
    """Figures of the mean over members on the fixed balanced sample, at T = 0.5."""
    each = [
        estimate(
            material.for_config(replace(material.config, spec=member.spec)), member.model, split
        )
        for member in segmenter.members
    ]
    return replace(each[0], scores=np.mean([one.scores for one in each], axis=0)).balanced


def examined(rows: Sequence[Record]) -> Examined:
    """What the gate wants to know of the test squares of one model."""
    mious = tuple(Confusion.from_counts(row[CHOSEN]).miou for row in rows)
    return Examined(mious, porosity_error(by_sample(rows).values()))


def examine_on_test(
    segmenters: dict[str, Segmenter],
    material: Material,
    margin: int,
    champion: Bundle | None,
) -> dict[str, Any]:
    """Score the test squares, once, by all models that are to be compared on them.

    Returns
    -------
    dict
        ``rows``: squares by model, those of a ``champion`` of this dataset among them;
        ``balanced``: figures on the balanced sample, and ``calibration``: calibration error
        without and with its line of logits, by model, without the champion's.
    """
    theirs = None
    if champion is not None and champion.audit.get("dataset") == material.dataset.name:
        theirs = champion.segmenter
        # one for all: with less around a square, components at its border look smaller
        margin = max(margin, theirs.postprocessing.margin)
    rows, calibration = {}, {}
    for name, one in segmenters.items():
        squares = list(_scored(one, material, "test", margin))
        rows[name] = rows_of(squares, one.postprocessing)
        calibration[name] = calibration_errors((square for _, square in squares), one.platt)
    if theirs is not None:
        config = replace(material.config, preprocess=theirs.recipe, spec=theirs.members[0].spec)
        theirs_material = Material.of(material.dataset, config)
        rows["champion"] = score_split(theirs, theirs_material, "test", margin)
    return {
        "rows": rows,
        "balanced": {name: balanced(one, material, "test") for name, one in segmenters.items()},
        "calibration": calibration,
    }


def verdict(
    rows: Mapping[str, Sequence[Record]],
    champion: Mapping[str, Any] | None,
    dataset: Dataset,
    how: GateConfig,
) -> Gate:
    """Challenger against champion, from what was found on the test squares.

    A champion of another dataset cannot be compared; one that was made with other labels or
    another split may have learnt from these squares, which the reason says.

    Parameters
    ----------
    rows
        Of :func:`examine_on_test`.
    champion
        ``dataset`` and ``data`` (hash) that the champion was made with; None where there was none.
    """
    ours = examined(rows["challenger"])
    if champion is None:
        gate = Gate(True, "there is no champion yet", None, ours.porosity_error)
    elif champion["dataset"] != dataset.name:
        gate = Gate(
            False,
            f"the champion was made for dataset {champion['dataset']} and cannot be "
            "compared; force=true promotes regardless",
            None,
            ours.porosity_error,
        )
    else:
        gate = judge(
            ours, examined(rows["champion"]), alpha=how.alpha,
            most_growth=how.porosity_points / 100,
        )  # fmt: skip
        notes = [gate.reason]
        places = {(row["sample"], *row["at"][1:]) for row in rows["challenger"]}
        if len(places) < len(rows["challenger"]):
            notes.append(
                f"the squares lie in {len(places)} places of neighbouring slices, which are not "
                "independent: p says more than they know"
            )
        if not same_data(champion["data"], dataset.hash):
            notes.append("the champion was made with other labels or another split")
        gate = replace(gate, reason="; ".join(notes))
    return gate


def by_sample(rows: Sequence[Record], kind: str = CHOSEN) -> dict[str, Confusion]:
    """Pooled confusion matrix of the squares of each sample."""
    parts: dict[str, list[Confusion]] = {}
    for row in rows:
        parts.setdefault(row["sample"], []).append(Confusion.from_counts(row[kind]))
    return {sample: pooled(some) for sample, some in parts.items()}
