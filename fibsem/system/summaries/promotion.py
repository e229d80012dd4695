"""What is read again of a promotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fibsem.system.records import Number, Record, as_record
from fibsem.system.summaries.figures import Text, WithMiou
from fibsem.system.summaries.lineage import WrittenLineage
from fibsem.system.summaries.porosity import Corrected


@dataclass(frozen=True)
class GateVerdict:
    """The verdict on a challenger."""

    passed: bool
    reason: str


@dataclass(frozen=True)
class Errors:
    """Calibration errors on test pixels of a sample; null where nobody labelled one."""

    ece_before: float | None
    ece_after: float | None


@dataclass(frozen=True)
class Calibrated:
    """What a promotion calibrated."""

    temperature: float
    ece_before: float
    ece_after: float
    offset: float = 0.0
    test_ece_before: float | None = None
    test_ece_after: float | None = None
    test_by_sample: dict[str, Errors] | None = None


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
    places: int


@dataclass(frozen=True)
class RankedTrial:
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
    ranked_by: str
    search_value: float
    ordered_by: Text
    seconds_per_gigapixel: float | None
    again: RunAgain | None = None
    against_first: AgainstFirst | None = None

    def to_json(self) -> Record:
        """A flat record, as tables have it, without the keys of what there is not."""
        record = as_record(self)
        parts = [record.pop(key) or {} for key in ("again", "against_first")]
        return {**record, **parts[0], **parts[1]}


@dataclass(frozen=True)
class OnTestPixels(WithMiou):
    """Figures on all labelled test pixels; the porosity with the ends of its interval."""

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
class PromotedModel:
    """Record of ``fibsem.promote``, as all versions wrote it."""

    winner: Any
    version: str
    gate: GateVerdict
    lineage: WrittenLineage | None = None


@dataclass(frozen=True, kw_only=True)
class PromotionSummary(PromotedModel):
    """Record of ``fibsem.promote``, with what a report shows."""

    val_all: WithMiou
    test_all: OnTestPixels
    postprocessing: dict[str, int | float]
    samples: dict[str, Corrected]
    calibration: Calibrated | None = None
    ensemble: Ensemble | None = None
