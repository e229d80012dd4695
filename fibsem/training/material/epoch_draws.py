"""Supplies of windows for each epoch: all labelled regions, or as many as fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from fibsem.data.dataset.samples import Region
from fibsem.data.pieces import Parts
from fibsem.data.windows import LabelledWindow
from fibsem.training.material.changing import SLICES_READ, Changing
from fibsem.training.material.reader import WindowReader
from fibsem.training.material.supply import Supply, rare_class

#: Maximum size of all windows in bytes; beyond it, of the changing windows of two epochs together.
MOST_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class EpochDraws:
    """Supplies of all epochs of one training.

    Attributes
    ----------
    regions, parts
        Training regions, and the same regions cut into parts.
    reader
        Reads regions or parts with their surroundings.
    windows
        Returns the windows of all regions; called only if they fit in memory.
    rare_windows
        Share of the windows that are drawn for a rare class; None for the default of
        :func:`rare_class`.
    drawn
        Number of windows drawn per epoch, or of pixels in patch mode.
    seed
        Seed of the run.
    """

    regions: Sequence[Region]
    parts: Parts
    reader: WindowReader
    windows: Callable[[], Sequence[LabelledWindow]]
    rare_windows: float | None
    drawn: int
    seed: int

    def of(self, epoch: int) -> Supply:
        """Return the supply of an epoch."""
        return self.changing.of(epoch) if self.changing else self.whole

    @cached_property
    def rare(self) -> tuple[int | None, float]:
        """The rare class or None, and the share of windows drawn for it."""
        return rare_class(self.parts.both_classes(), self.rare_windows)

    @cached_property
    def whole(self) -> Supply:
        """Supply of all windows, for regions that fit in memory."""
        return Supply.of(self.windows(), *self.rare)

    @cached_property
    def changing(self) -> Changing | None:
        """Supplies of changing parts if the windows do not all fit in memory, else None.

        Windows cover whole regions, even if only a part of a region is labelled.
        """
        region_bytes = sum(map(self.reader.bytes, self.regions))
        if max(region_bytes, sum(self.bytes_of_parts)) <= MOST_BYTES:
            return None
        return self._changing(max(2, min(self._most_parts, self.drawn)))

    def few(self, most: int) -> Supply:
        """Return a supply of at most ``most`` pixels, its parts from different slices.

        There are at least two parts.
        """
        largest = max(part.box.size for part in self.parts.regions)
        count = max(2, min(self._most_parts, most // largest))
        return self._changing(count, slices_read=count).read(0)

    def labels(self) -> Supply:
        """Return the supply of the first epoch, without grey values unless all are in memory."""
        return self.changing.drawn(0, self.reader.labels) if self.changing else self.whole

    def _changing(self, most: int, slices_read: int = SLICES_READ) -> Changing:
        return Changing(self.parts, self.reader.read, most, *self.rare, self.seed, slices_read)

    @cached_property
    def bytes_of_parts(self) -> list[int]:
        """Memory of each part with its surroundings, in bytes."""
        return [self.reader.bytes(part) for part in self.parts.regions]

    @property
    def _most_parts(self) -> int:
        """Maximum number of parts per epoch, such that two epochs fit in memory."""
        return max(2, MOST_BYTES // 2 // max(self.bytes_of_parts))
