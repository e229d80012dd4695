"""A segmentation under way: what is labelled, by what, how, and where the labels go."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.volumes import Volume
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.inference.volume.ledger.outputs import Outputs
from fibsem.inference.volume.plan import SegmentationPlan


@dataclass(frozen=True)
class Work:
    """One segmentation: all that labelling, finishing and the summary are given.

    Attributes
    ----------
    volume, segmenter, options
        What is labelled, by what, and how.
    plan
        What was decided before the first slab.
    outputs, ledger
        Where slices go, and which of them are done.
    """

    volume: Volume
    segmenter: Segmenter
    options: Options
    plan: SegmentationPlan
    outputs: Outputs
    ledger: Ledger

    @property
    def depth(self) -> int:
        """Slices of the volume."""
        return self.volume.shape[0]

    @property
    def pixels(self) -> list[int]:
        """Pixels of material in every slice."""
        return [self.plan.extent.pixels(z) for z in range(self.depth)]

    @property
    def corrected(self) -> CorrectedVolume:
        """The volume as the networks see it."""
        return CorrectedVolume(self.volume, self.plan.correction, self.plan.extent)
