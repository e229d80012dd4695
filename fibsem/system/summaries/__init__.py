"""Types of the keys that readers of a ``summary.json`` rely on, by kind of results.

Keys without a default are required; keys with one were added later or are written in some modes
only. Keys that no code reads are left out.
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


#: Type of the summary that a report reads, by kind of results.
SHAPES: Mapping[str, type] = {
    "inspection": InspectionSummary,
    "evaluation": EvaluationSummary,
    "sweep": SweepSummary,
    "promotion": PromotionSummary,
    "segmentation": SegmentationSummary,
    "quantification": QuantificationSummary,
}
