"""What readers of a ``summary.json`` take for granted, by kind: the shapes of our own records.

Keys without a default are needed; those with one are younger, or of one way of working only. What
nobody reads again is not named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fibsem.system.summaries.evaluation import EvaluationSummary
from fibsem.system.summaries.inspection import InspectionSummary
from fibsem.system.summaries.porosity import FilmPorosity, Interval
from fibsem.system.summaries.promotion import PromotedModel, PromotionSummary
from fibsem.system.summaries.quantification import QuantificationSummary
from fibsem.system.summaries.segmentation import SegmentationSummary, SegmentedFilm
from fibsem.system.summaries.sweep import SweepSummary, is_infeasible, trial_rows

__all__ = [
    "SHAPES",
    "EvaluationSummary",
    "FilmPorosity",
    "InspectionSummary",
    "Interval",
    "PromotedModel",
    "PromotionSummary",
    "QuantificationSummary",
    "Report",
    "SegmentationSummary",
    "SegmentedFilm",
    "SweepSummary",
    "is_infeasible",
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
