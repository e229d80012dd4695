"""A segmentation in progress: volume, models, options, plan, outputs and ledger."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.digests import slice_digests
from fibsem.data.volumes import Volume
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.inference.volume.ledger.outputs import Outputs
from fibsem.inference.volume.ledger.witness import plain
from fibsem.inference.volume.plan import SegmentationPlan


@dataclass(frozen=True)
class Work:
    """State that is shared by labelling, finishing and summary.

    Attributes
    ----------
    volume, segmenter, options
        The volume, the models, and the options.
    plan
        Decisions for all slabs.
    outputs, ledger
        Output volumes, and entries of finished slabs.
    """

    volume: Volume
    segmenter: Segmenter
    options: Options
    plan: SegmentationPlan
    outputs: Outputs
    ledger: Ledger

    @property
    def depth(self) -> int:
        """Number of slices in the volume."""
        return self.volume.shape[0]

    @property
    def pixels(self) -> list[int]:
        """Number of pixels of material in every slice."""
        return [self.plan.extent.pixels(z) for z in range(self.depth)]

    @property
    def digests(self) -> dict[int, str]:
        """Digest of every slice as it was read; those that earlier versions read are read again."""
        digests = self.ledger.digests
        unread = [z for z in range(self.depth) if z not in digests]
        return digests | slice_digests(plain(self.volume), unread) if unread else digests

    @property
    def corrected(self) -> CorrectedVolume:
        """The volume with corrected grey values, the input of the models."""
        return CorrectedVolume(self.volume, self.plan.correction, self.plan.extent)
