"""What is read again of a promotion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fibsem.system.summaries.figures import WithMiou
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


@dataclass(frozen=True)
class Ensemble:
    """What several networks bring to a promotion."""

    members: int
    gain_test_miou: float
    cost_ratio: float


@dataclass(frozen=True)
class Tested(WithMiou):
    """Figures on all labelled test pixels."""

    iou_pore_median: float | None = None
    porosity: float | None = None
    label_porosity: float | None = None


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
    test_all: Tested
    postprocessing: dict[str, int | float]
    samples: dict[str, Corrected]
    calibration: Calibrated | None = None
    ensemble: Ensemble | None = None
