"""All figures of a challenger: on every part of the data, and what an ensemble brings and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fibsem.inference.model.cost import seconds_per_gigapixel
from fibsem.inference.model.segmenter import Scorer
from fibsem.promotion.choice import Chosen
from fibsem.promotion.examination import balanced, score_split
from fibsem.promotion.setting import Promotion
from fibsem.promotion.testing import Look
from fibsem.system.records import typed
from fibsem.training.material import Material
from fibsem.training.results import Figures
from fibsem.training.squares import CHOSEN, SquareCounts, labelled_figures


@dataclass(frozen=True)
class Scores:
    """What is measured of the promoted models beside the test squares.

    Attributes
    ----------
    rows
        Training and validation squares of the challenger.
    val
        Its figures on balanced validation pixels.
    seconds_per_gigapixel
        By model.
    """

    rows: tuple[SquareCounts, ...]
    val: Figures
    seconds_per_gigapixel: Figures

    def to_json(self) -> dict[str, Any]:
        """The record that is stored."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "val": self.val,
            "seconds_per_gigapixel": self.seconds_per_gigapixel,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Scores:
        """Read what :meth:`to_json` made."""
        return typed(cls, record)


def measure(
    work: Promotion, chosen: Mapping[str, Chosen], material: Material, tested: Look
) -> dict[str, Any]:
    """The figures of a challenger as ``summary.json`` has them."""
    challenger = chosen["challenger"]
    scores = work.steps.once("scores", Scores, lambda: _scores(chosen, material))
    squares = [*scores.rows, *tested.rows["challenger"]]
    errors = tested.calibration["challenger"]
    record: dict[str, Any] = {
        "postprocessing": challenger.segmenter.postprocessing.to_json(),
        "calibration": {
            **challenger.choice.calibration.to_json(),
            **{f"test_{key}": value for key, value in errors.items()},
            "test_by_sample": tested.calibration_by_sample.get("challenger", {}),
        },
        "val": scores.val,
        "test": tested.balanced["challenger"],
        **{f"{s}_all": labelled_figures(squares, s, CHOSEN) for s in ("train", "val", "test")},
        "squares": [square.to_json() for square in squares],
        "seconds_per_gigapixel": scores.seconds_per_gigapixel["challenger"],
    }
    miou = record["test_all"]["miou"]
    work.say(f"test mIoU on every labelled pixel: {miou:.4f} with post-processing")
    if "single" in chosen:
        members, cost = len(challenger.segmenter.members), scores.seconds_per_gigapixel
        alone = labelled_figures(tested.rows["single"], "test", CHOSEN)["miou"]
        error = tested.calibration["single"]["ece_after"]
        record["ensemble"] = _ensemble(members, miou, alone, error, cost)
        work.say(
            f"ensemble of {members}: test mIoU {miou - alone:+.4f} against its first member, at "
            f"{record['ensemble']['cost_ratio']:.1f} times the cost"
        )
    return record


def _scores(chosen: Mapping[str, Chosen], material: Material) -> Scores:
    challenger = chosen["challenger"]
    train = score_split(challenger.segmenter, material, "train", challenger.margin)
    cost = {name: seconds_per_gigapixel(Scorer(one.segmenter)) for name, one in chosen.items()}
    return Scores(
        (*train, *challenger.choice.rows), balanced(challenger.segmenter, material, "val"), cost
    )


def _ensemble(
    members: int, miou: float, alone: float, error: float, cost: Figures
) -> dict[str, float]:
    """An ensemble beside its first member: test mIoU of both, calibration error of that alone."""
    return {
        "members": members,
        "single_test_miou": alone,
        "gain_test_miou": miou - alone,
        "single_test_calibration_error": error,
        "cost_ratio": cost["challenger"] / cost["single"],
    }
