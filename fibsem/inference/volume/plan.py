"""The plan of a segmentation: all decisions that are made once, before the first slab.

The extent of the material is found, the correction is fitted to it, tiles are chosen for the
memory, bfloat16 is compared with float32 if it is requested, and before long runs dense evaluation
is compared with patches, on places of this volume. The plan is kept in the ledger and sent to
every process that labels slabs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.material import Extent, find_extent
from fibsem.data.preprocessing import Correction, fit_correction
from fibsem.data.volumes import Volume
from fibsem.inference.model.predict import Mode
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options, Precision, advised_overwrite
from fibsem.inference.tiling.tiles import Room, Tiling
from fibsem.inference.tiling.tuning import tiling_of
from fibsem.inference.volume.checks import MOST_CHANGED, Certificate, certify, share_changed
from fibsem.inference.volume.ledger.decisions import KeptPlan
from fibsem.inference.volume.ledger.ledger import Ledger

#: Fewest voxels of a long run, before which a certificate is made.
LONG = 20_000_000

Say = Callable[[str], None]
Show = Callable[[str, int, int], None]
#: Function that returns the scorer of a precision; each is built once, which takes seconds.
ScorerOf = Callable[[Precision], Scorer]


@dataclass(frozen=True)
class SegmentationPlan:
    """The plan of a segmentation, which holds for all its slabs.

    Attributes
    ----------
    correction
        Correction of grey values, fitted to this volume.
    precision, changed
        Precision of the networks; share of labels that bfloat16 changes, None unless tested.
    certificate
        Comparison of dense and patch evaluation on this volume; None without one.
    extent
        Extent of the material in the volume.
    mode
        Mode in which the models are evaluated.
    tiling, room
        Tiles of a slice, and the memory for which they were chosen.
    """

    correction: Correction
    precision: Precision
    changed: float | None
    certificate: Certificate | None
    extent: Extent
    mode: Mode
    tiling: Tiling
    room: Room

    @property
    def rounded(self) -> float:
        """Share of labels that the precision of this run changes, estimated on a sample."""
        return self.changed or 0.0 if self.precision == "bfloat16" else 0.0

    @property
    def as_kept(self) -> KeptPlan:
        """The plan as the ledger keeps it."""
        return KeptPlan(
            self.correction, self.precision, self.changed, self.certificate, self.extent.as_kept,
            self.mode, self.tiling, self.room,
        )  # fmt: skip


@dataclass(frozen=True)
class Planner:
    """Planner of one segmentation, which continues a plan in the ledger.

    Attributes
    ----------
    volume, segmenter, options
        The volume, the models, and the options.
    declared
        The extent from the option ``valid``; None if it has to be found.
    room
        Memory for tiles.
    scorer_of
        Returns scorers, which the run uses after the planner.
    say, show
        Called with warnings, and with progress.
    """

    volume: Volume
    segmenter: Segmenter
    options: Options
    declared: Extent | None
    room: Room
    scorer_of: ScorerOf
    say: Say
    show: Show

    def plan(self, ledger: Ledger) -> SegmentationPlan:
        """Return the plan in a ledger, completed, or a new one; changes are stored there."""
        before = ledger.decided.decisions
        plan = self._anew() if before is None else self._completed(before)
        if plan.as_kept != before:
            ledger.decide(decisions=plan.as_kept)
        return plan

    def _anew(self) -> SegmentationPlan:
        extent = find_extent(self.volume, self.declared, self.show)
        for line in extent.report():
            self.say(line)
        return self.within(extent)

    def within(self, extent: Extent) -> SegmentationPlan:
        """Return a new plan for a volume whose extent is known."""
        correction = fit_correction(self.volume, self.segmenter.recipe, extent=extent)
        corrected = CorrectedVolume(self.volume, correction, extent)
        requested = self.options.certificate
        wanted = np.prod(self.volume.shape) >= LONG if requested is None else requested
        certificate = certify(corrected, *self._exact) if wanted else None
        changed = None
        if self._may_round:
            rough, exact = self.scorer_of("bfloat16"), self.scorer_of("float32")
            changed = share_changed(corrected, self.segmenter, rough, exact)
        precision = self._precision(changed)
        mode, tiling = self._tiles(precision)
        return SegmentationPlan(
            correction, precision, changed, certificate, extent, mode, tiling, self.room
        )

    @property
    def _may_round(self) -> bool:
        """Whether bfloat16 is requested, and there is a dense network for it."""
        dense = any(member.spec.convertible for member in self.segmenter.members)
        return dense and self.options.precision == "bfloat16"

    def _precision(self, changed: float | None) -> Precision:
        """Choose the precision by the share of labels that bfloat16 changes; None: not tried."""
        if changed is None:
            return "float32"
        if changed <= MOST_CHANGED:
            return "bfloat16"
        self.say(
            f"warning: bfloat16 changes {100 * changed:.2f} % of the labels on a sample of "
            f"tiles, more than {100 * MOST_CHANGED:g} %; going on in float32"
        )
        return "float32"

    def _tiles(self, precision: Precision) -> tuple[Mode, Tiling]:
        scorer = self.scorer_of(precision)
        return scorer.mode, tiling_of(scorer, self.volume.shape, self.room)

    @property
    def _exact(self) -> tuple[Scorer, Tiling]:
        """The scorer in float32 and its tiles, which are certified."""
        return self.scorer_of("float32"), self._tiles("float32")[1]

    def _completed(self, before: KeptPlan) -> SegmentationPlan:
        """Return the plan of an earlier start, with the certificate and tiles requested now."""
        if self.options.valid == "auto" and before.extent is None:
            self.say(
                "warning: this segmentation was begun when the whole volume counted as material, "
                f"and is as it was begun; {advised_overwrite()} begins anew"
            )
        plan = self._read(before)
        if self.options.certificate and plan.certificate is None:
            corrected = CorrectedVolume(self.volume, plan.correction, plan.extent)
            plan = replace(plan, certificate=certify(corrected, *self._exact))
        return plan

    def _read(self, before: KeptPlan) -> SegmentationPlan:
        """Read a plan of the ledger; plans of earlier versions have no extent and no tiles."""
        extent = self.declared or Extent(self.volume.shape)
        if before.extent is not None:
            extent = extent.with_parts(before.extent)
        mode, tiling = before.mode, before.tiling
        if before.room != self.room or mode is None or tiling is None:  # other tiles are requested
            mode, tiling = self._tiles(before.precision)
        return SegmentationPlan(
            before.correction, before.precision, before.changed, before.certificate, extent,
            mode, tiling, self.room,
        )  # fmt: skip
