"""Types of the keys that readers of a ``summary.json`` rely on, by kind of results.

Keys without a default are required; keys with one were added later or are written in some modes
only. Keys that no code reads are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fibsem.system.summaries.evaluation import EvaluationSummary
from fibsem.system.summaries.inspection import InspectionSummary
from fibsem.system.summaries.porosity import FilmPorosity, Interval
from fibsem.system.summaries.promotion import PromotedModel, PromotionSummary
from fibsem.system.summaries.quantification import QuantificationSummary
from fibsem.system.summaries.segmentation import SegmentationSummary, SegmentedFilm
from fibsem.system.summaries.sweep import SweepSummary, TrialRow, trial_rows

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
    "TrialRow",
    "trial_rows",
]


@dataclass(frozen=True)
class Report:
    """Record of ``fibsem.report``.

    Attributes
    ----------
    page, browser, tables, figures
        Files of the report; ``browser`` is None if no labels can be read.
    dataset, data, data_now
        Name of the dataset, hash of the data that the results were made on, and of the current
        data, None if they were not opened.
    results
        Number of results that are shown, by kind.
    others
        Number of results on other data of the same name, which are left out.
    of_former_data
        Whether all results are of data that were changed since.
    elsewhere
        Folders of segmentations that belong to no known dataset.
    shows
        Digest of the page.

    Examples
    --------
    ```python
    from fibsem.system.records import typed

    report = typed(Report, read_json(Path("report/summary.json")))
    report.page, report.results
    ```
    """

    page: str
    browser: str | None = field(default=None, kw_only=True)
    tables: tuple[str, ...]
    figures: tuple[str, ...]
    dataset: str | None = None
    data: str | None = None
    results: Mapping[str, int] = field(default_factory=dict)
    others: int = 0
    data_now: str | None = None
    of_former_data: bool = False
    elsewhere: tuple[str, ...] = ()
    shows: str | None = None


#: Type of the summary that a report reads, by kind of results.
SHAPES: Mapping[str, type] = {
    "inspection": InspectionSummary,
    "evaluation": EvaluationSummary,
    "sweep": SweepSummary,
    "promotion": PromotionSummary,
    "segmentation": SegmentationSummary,
    "quantification": QuantificationSummary,
}
