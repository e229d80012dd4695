"""Summary of a promotion, as far as it is read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from fibsem.system.records import (
    UNLESS_NONE,
    Figure,
    Figures,
    Keyed,
    Number,
    Record,
    Stored,
    WrittenAs,
)
from fibsem.system.summaries.budget import BudgetUse
from fibsem.system.summaries.figures import Shape, Text, WithMiou
from fibsem.system.summaries.lineage import WrittenLineage
from fibsem.system.summaries.porosity import Corrected


@dataclass(frozen=True)
class Gate:
    """Whether a challenger may replace the champion, and why.

    Attributes
    ----------
    passed, reason
        The verdict, and one line on it.
    p_value
        P-value of "the challenger is worse"; None without a test.
    porosity_error, champion_porosity_error
        Absolute errors of the porosity on the test squares; None without a comparison.
    forced
        Whether the user made it pass although it would have been refused.
    """

    passed: bool
    reason: str
    p_value: float | None = None
    porosity_error: float | None = None
    champion_porosity_error: float | None = None
    forced: bool = False


@dataclass(frozen=True)
class Errors:
    """Calibration errors on the test pixels of a sample; None without labelled test pixels."""

    ece_before: float | None
    ece_after: float | None


@dataclass(frozen=True)
class ReliabilityCurve:
    """Mean predicted probability, share of solid and pixels of each bin; NaN if it is empty."""

    predicted: tuple[Number, ...]
    observed: tuple[Number, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """Calibration fitted on validation, and calibration errors on the test squares.

    ``before`` and ``after`` are the reliability curves of the scores without and with the
    calibration's line.
    """

    temperature: float
    offset: float = 0.0
    ece_before: float
    ece_after: float
    loss_before: float | None = None
    loss_after: float | None = None
    before: ReliabilityCurve | None = None
    after: ReliabilityCurve | None = None
    test_ece_before: float | None = None
    test_ece_after: float | None = None
    test_by_sample: Mapping[str, Errors] | None = None


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """An ensemble compared with its first member, whose figures begin with ``single_``.

    ``cost_ratio`` is the ratio of the ensemble's seconds to those of its first member.
    """

    members: int
    single_test_miou: float | None = None
    gain_test_miou: float
    single_test_calibration_error: float | None = None
    cost_ratio: float


@dataclass(frozen=True)
class RunAgain:
    """Results of a trial that was repeated with new seeds.

    Attributes
    ----------
    rank_value, rank_value_sd
        Mean and standard deviation of the figure that the trials are ranked by.
    val_miou, val_miou_sd
        Mean and standard deviation of the validation mIoU on balanced pixels.
    seeds, diverged
        Numbers of runs with a result, and of runs that diverged.
    train_seconds
        Mean training time of the runs.
    val_porosity_by_seed
        Porosity on the validation squares for each seed, by sample.
    val_iou_pore_median, val_iou_pore_median_sd
        Mean and standard deviation of the median IoU of pore over the validation squares; None in
        records of earlier versions and without ``train.val_all``.
    """

    rank_value: Number
    rank_value_sd: Number
    val_miou: Number
    val_miou_sd: Number
    seeds: int
    diverged: int
    train_seconds: float
    val_porosity_by_seed: Mapping[str, Sequence[Number]]
    val_iou_pore_median: float | None = field(default=None, metadata=UNLESS_NONE)
    val_iou_pore_median_sd: float | None = field(default=None, metadata=UNLESS_NONE)


@dataclass(frozen=True)
class AgainstFirst:
    """A trial compared with the first one, over the validation squares of both.

    A trial that the paired test cannot distinguish from the first is tied; ``places`` is the
    number of pairs.
    """

    difference: Number
    p_value: float | None
    tied: bool
    places: int | None = None


@dataclass(frozen=True)
class RankedTrial(Stored):
    """One row of the ranking.

    Attributes
    ----------
    rank, trial, hyperparameters, run_id
        Rank, number in the sweep, hyperparameters as text, and run.
    search_loss, search_value
        Values from the sweep: validation loss, and the objective ``ranked_by``.
    ordered_by
        Figure that determined the rank; None if there was only one trial.
    again
        Results over new seeds; None if there was only one trial.
    against_first
        Comparison with the first trial; None for the first, or if they cannot be compared.
    """

    rank: int
    trial: Text
    hyperparameters: str
    run_id: str
    search_loss: float
    ranked_by: Text = None
    search_value: float | None = None
    ordered_by: Text = None
    seconds_per_gigapixel: float | None = None
    again: RunAgain | None = None
    against_first: AgainstFirst | None = None

    def to_json(self) -> Record:
        """Return a flat record for tables, without the keys of missing parts."""
        record = super().to_json()
        parts = [record.pop(key) or {} for key in ("again", "against_first")]
        return {**record, **parts[0], **parts[1]}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> RankedTrial:
        """Read a record of :meth:`to_json`; rows of earlier versions were ranked by mIoU."""
        again = against = None
        if "seeds" in record:
            value, sd = record.get("val_miou"), record.get("val_miou_sd")
            older: Record = {
                "rank_value": value, "rank_value_sd": sd, "diverged": 0, "val_porosity_by_seed": {},
            }  # fmt: skip
            again = {**older, **record}
        if "difference" in record:
            against = record
        return super().from_json({**record, "again": again, "against_first": against})


#: A ranked trial as it is written in JSON.
WrittenRanked = Annotated[RankedTrial, WrittenAs(Record, RankedTrial.from_json)]
#: A confusion matrix, ``counts[label][prediction]``.
ConfusionCounts = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class SquareRow:
    """One labelled square, before and after post-processing.

    Attributes
    ----------
    split, sample, region, at, size
        Split, sample and name of the square, its corner (z, y, x), and its height and width in
        pixels.
    loss
        Cross-entropy of the scores; None if no pixel is labelled.
    parts
        Number of small parts of the square, and sums over them of the error of the calibrated
        probabilities and of the squared error; None before calibration.
    half, chosen, truth
        Confusion matrices: against the labels at threshold 0.5 and after post-processing, and
        against the exact truth if it is known.
    """

    split: str
    sample: str
    region: str
    at: Shape
    loss: float | None
    size: tuple[int, int] | None = field(default=None, metadata=UNLESS_NONE)
    parts: tuple[int, Number, Number] | None = field(default=None, metadata=UNLESS_NONE)
    half: ConfusionCounts
    chosen: ConfusionCounts
    truth: ConfusionCounts | None = field(default=None, metadata=UNLESS_NONE)


@dataclass(frozen=True)
class OnLabelled(WithMiou, Keyed):
    """Figures on all labelled pixels of a split, with the ends of the porosity's interval."""

    accuracy: float | None = None
    iou_pore: float | None = None
    iou_solid: float | None = None
    porosity: float | None = None
    label_porosity: float | None = None
    iou_pore_median: float | None = None
    loss: float | None = None
    porosity_low: float | None = None
    porosity_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class FinalNetwork:
    """A network of the final training, the trial that it repeats, and its own run."""

    model: str
    nbhd: Text = None
    seed: int | None = None
    trial: Text = None
    run_id: Text = None


@dataclass(frozen=True)
class PromotedFilm(Corrected):
    """A film of the data segmented with the promoted model, and how long that took."""

    seconds: float | None = None
    voxels_per_second: float | None = None


@dataclass(frozen=True, kw_only=True)
class PromotedModel:
    """Keys of the record of ``fibsem.promote`` that all versions wrote.

    Examples
    --------
    ```python
    from fibsem.system.records import typed

    model = typed(PromotedModel, read_json(Path("promotion/summary.json")))
    model.version, model.gate.passed
    ```
    """

    winner: Any
    version: str
    gate: Gate
    lineage: WrittenLineage | None = None


@dataclass(frozen=True, kw_only=True)
class PromotionSummary:
    """Record of ``fibsem.promote``, with what a report shows.

    Attributes
    ----------
    run_id, parent_run_id, winner
        Runs of the first final training, of the promotion, and of the trial that the former
        repeats.
    ranking
        Trials, best first.
    seeds, members
        Seeds and networks of the final trainings, best first.
    test_squares_learned
        Number of test squares that initial models or teachers were trained on; None if unknown.
    val, test
        Figures on balanced pixels; ``<split>_all`` on all labelled pixels, with post-processing.
    squares
        Every labelled square, before and after post-processing.
    symmetry
        Gain and cost of averaging over symmetric views, by their number.
    bundle, version, champion
        Folder of the model, its registered version, and whether that is the champion.
    samples
        Every film of the data; empty with ``segment=false``.
    plan, budget
        Plan of a budget of time, and its use; None without one.

    Examples
    --------
    ```python
    from fibsem.system.records import typed

    promoted = typed(PromotionSummary, read_json(Path("promotion/summary.json")))
    promoted.gate.reason, [trial.rank for trial in promoted.ranking], promoted.test_all.miou
    ```
    """

    run_id: Text = None
    parent_run_id: Text = None
    winner: Any
    ranking: tuple[WrittenRanked, ...] = ()
    seeds: tuple[int, ...] = ()
    members: tuple[FinalNetwork, ...] = ()
    gate: Gate
    test_squares_learned: int | None = None
    postprocessing: Mapping[str, int | float]
    calibration: Calibrated | None = None
    val: Figures | None = None
    test: Figures | None = None
    train_all: OnLabelled | None = None
    val_all: OnLabelled
    test_all: OnLabelled
    squares: tuple[SquareRow, ...] = ()
    seconds_per_gigapixel: float | None = None
    ensemble: Ensemble | None = field(default=None, metadata=UNLESS_NONE)
    symmetry: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)
    lineage: WrittenLineage | None = None
    bundle: Text = None
    version: str
    champion: bool | None = None
    samples: Mapping[str, PromotedFilm]
    plan: Mapping[str, Any] | None = field(default=None, metadata=UNLESS_NONE)
    budget: BudgetUse | None = field(default=None, metadata=UNLESS_NONE)
