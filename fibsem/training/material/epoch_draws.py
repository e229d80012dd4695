"""Where the windows of each epoch are cut from: all that is labelled, or what fits in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from fibsem.data.dataset.samples import Region
from fibsem.data.pieces import Parts
from fibsem.data.windows import LabelledWindow
from fibsem.training.material.changing import PLACES, Changing
from fibsem.training.material.reader import WindowReader
from fibsem.training.material.supply import Supply, rare_class

#: Most that the windows of two epochs may take together, bytes.
MOST_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class EpochDraws:
    """The supplies of the epochs of one training.

    Attributes
    ----------
    regions, parts
        All that is learned from, and cut into parts.
    reader
        Reads either with its surroundings.
    windows
        Gives all of the regions as windows; asked only where they fit.
    rare_windows
        Share of the windows that are drawn for a rare class; None: see :func:`rare_class`.
    drawn
        Windows that an epoch draws; pixels in patch mode.
    seed
        Of the run.
    """

    regions: Sequence[Region]
    parts: Parts
    reader: WindowReader
    windows: Callable[[], Sequence[LabelledWindow]]
    rare_windows: float | None
    drawn: int
    seed: int

    def of(self, epoch: int) -> Supply:
        """What an epoch is drawn from."""
        return self.changing.of(epoch) if self.changing else self.whole

    @cached_property
    def rare(self) -> tuple[int | None, float]:
        """The class that windows are drawn for too, None where neither is rare; and what share."""
        return rare_class(self.parts.both_classes(), self.rare_windows)

    @cached_property
    def whole(self) -> Supply:
        """All windows, where they fit."""
        return Supply.of(self.windows(), *self.rare)

    @cached_property
    def changing(self) -> Changing | None:
        """Other parts in every epoch, where all windows would not fit; else None.

        A window has its whole region, of which no more than a part may be labelled.
        """
        whole = sum(map(self.reader.bytes, self.regions))
        if max(whole, sum(self.bytes_of_parts)) <= MOST_BYTES:
            return None
        return self._changing(max(2, min(self._most_parts, self.drawn)))

    def few(self, most: int) -> Supply:
        """Parts of at most ``most`` pixels together, each from a place of its own; two at least."""
        largest = max(part.box.size for part in self.parts.regions)
        count = max(2, min(self._most_parts, most // largest))
        return self._changing(count, places=count).read(0)

    def labels(self) -> Supply:
        """What the first epoch is drawn from; where all is not in memory, without grey values."""
        return self.changing.drawn(0, self.reader.labels) if self.changing else self.whole

    def _changing(self, most: int, places: int = PLACES) -> Changing:
        return Changing(self.parts, self.reader.read, most, *self.rare, self.seed, places)

    @cached_property
    def bytes_of_parts(self) -> list[int]:
        """Memory of each part with its surroundings."""
        return [self.reader.bytes(part) for part in self.parts.regions]

    @property
    def _most_parts(self) -> int:
        """Parts of an epoch that fit beside those of the next."""
        return max(2, MOST_BYTES // 2 // max(self.bytes_of_parts))
