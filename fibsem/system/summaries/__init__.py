"""What readers of a ``summary.json`` take for granted, by kind: the shapes of our own records.

Keys without a default are needed; those with one are younger, or of one way of working only. What
nobody reads again is not named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fibsem.system.identity import kind_of
from fibsem.system.records import typed
from fibsem.system.summaries.evaluation import EvaluationSummary
from fibsem.system.summaries.inspection import InspectionSummary
from fibsem.system.summaries.promotion import PromotedModel, PromotionSummary
from fibsem.system.summaries.quantification import QuantificationSummary
from fibsem.system.summaries.segmentation import SegmentationSummary, SegmentedFilm
from fibsem.system.summaries.sweep import SweepSummary, is_infeasible, trial_rows

__all__ = [
    "SHAPES",
    "EvaluationSummary",
    "InspectionSummary",
    "PromotedModel",
    "Report",
    "SegmentedFilm",
    "is_infeasible",
    "of_kind",
    "trial_rows",
]


@dataclass(frozen=True)
class Report:
    """Record of ``fibsem.report``."""

    page: str
    tables: tuple[str, ...]
    figures: tuple[str, ...]


#: What a report needs of every kind of results.
SHAPES: Mapping[str, type] = {
    "inspection": InspectionSummary,
    "evaluation": EvaluationSummary,
    "sweep": SweepSummary,
    "promotion": PromotionSummary,
    "segmentation": SegmentationSummary,
    "quantification": QuantificationSummary,
}


def of_kind(shapes: Mapping[str, type], record: Any) -> Any:
    """A record itself, if it is whole, or of no kind that has a shape.

    Raises
    ------
    ValueError
        Names the key and the value that cannot be.
    """
    kind = kind_of(record)
    if kind is not None and kind in shapes:
        typed(shapes[kind], record)
    return record
