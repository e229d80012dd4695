"""What is read again of a promotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from fibsem.system.records import UNLESS_NONE, Figure, Figures, Number, Record, Stored, WrittenAs
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
        Of "the challenger is worse"; None where nothing was tested.
    porosity_error, champion_porosity_error
        Absolute, on the test squares; None where nothing was compared.
    forced
        Passed although it would have been refused, because somebody said so.
    """

    passed: bool
    reason: str
    p_value: float | None = None
    porosity_error: float | None = None
    champion_porosity_error: float | None = None
    forced: bool = False


@dataclass(frozen=True)
class Errors:
    """Calibration errors on test pixels of a sample; null where nobody labelled one."""

    ece_before: float | None
    ece_after: float | None


@dataclass(frozen=True)
class ReliabilityCurve:
    """Mean predicted probability, share of solid and pixels of every bin; null in empty ones."""

    predicted: tuple[Number, ...]
    observed: tuple[Number, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """What a promotion calibrated on validation, and how far it is off on the test squares.

    ``before`` and ``after`` are the reliability of the scores as they are, and with its line.
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
    """Several networks beside the first of them: test mIoU of both, calibration error of that.

    ``cost_ratio`` is how many times the seconds of the first they take.
    """

    members: int
    single_test_miou: float | None = None
    gain_test_miou: float
    single_test_calibration_error: float | None = None
    cost_ratio: float


@dataclass(frozen=True)
class RunAgain:
    """What a trial found over its fresh seeds.

    Attributes
    ----------
    rank_value, rank_value_sd
        By what gave it its place.
    val_miou, val_miou_sd
        Validation mIoU on balanced pixels.
    seeds, diverged
        How many runs came to a result, and how many did not.
    train_seconds
        Mean over the runs.
    val_porosity_by_seed
        That each found on the validation squares of a sample, by sample.
    """

    rank_value: Number
    rank_value_sd: Number
    val_miou: Number
    val_miou_sd: Number
    seeds: int
    diverged: int
    train_seconds: float
    val_porosity_by_seed: Mapping[str, Sequence[Number]]


@dataclass(frozen=True)
class AgainstFirst:
    """A trial beside the first one, over the validation squares that both have.

    What the paired test cannot tell from the first is tied; ``places`` are its pairs.
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
        Its place, its number in the sweep, its name, and its run.
    search_loss, search_value
        In the sweep: validation loss, and the objective ``ranked_by`` that it was chosen by.
    ordered_by
        What gave it its place; None where it was alone.
    again
        Over its fresh seeds; None where it was alone.
    against_first
        None of the first, and where they cannot be compared.
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
        """A flat record, as tables have it, without the keys of what there is not."""
        record = super().to_json()
        parts = [record.pop(key) or {} for key in ("again", "against_first")]
        return {**record, **parts[0], **parts[1]}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> RankedTrial:
        """Read what :meth:`to_json` made; older rows were in the order of their mIoU."""
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


#: One as it is written.
WrittenRanked = Annotated[RankedTrial, WrittenAs(Record, RankedTrial.from_json)]
#: A confusion matrix, ``counts[label][prediction]``.
ConfusionCounts = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class SquareRow:
    """One labelled square, before and after post-processing.

    Attributes
    ----------
    split, sample, region, at, size
        Which square, where it begins, (z, y, x), and its height and width in pixels.
    loss
        Cross-entropy of the scores; None where nothing is labelled.
    parts
        Of small parts of it: how many, and the sums of the errors of calibrated probabilities and
        of their squares; none where nothing was calibrated yet.
    half, chosen, truth
        Confusion matrices: against the labels at threshold 0.5 and after post-processing, and
        against the exact truth where it is known.
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
class OnLabelled(WithMiou):
    """Figures on all labelled pixels of a split; the porosity with the ends of its interval."""

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
    """A network that was trained finally, the trial that it repeats, and its own run."""

    model: str
    nbhd: Text = None
    seed: int | None = None
    trial: Text = None
    run_id: Text = None


@dataclass(frozen=True)
class PromotedFilm(Corrected):
    """A film of the data, segmented with what was promoted, and how long that took."""

    seconds: float | None = None
    voxels_per_second: float | None = None


@dataclass(frozen=True, kw_only=True)
class PromotedModel:
    """Record of ``fibsem.promote``, as all versions wrote it."""

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
        Runs of its first final training, of itself, and of the trial that the former repeats.
    ranking
        Trials, best first.
    seeds, members
        Of the final trainings, the best first.
    test_squares_learned
        Test squares that their starts had learned from; None where nobody knows.
    val, test
        On balanced pixels; ``<split>_all`` on all that are labelled, with post-processing.
    squares
        Every labelled square, before and after post-processing.
    symmetry
        What views bring and cost, by their number.
    bundle, version, champion
        Folder of the model, its registered version, and whether that is the champion.
    samples
        Every film of the data; none with ``segment=false``.
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
