"""Warnings of a search about areas that it takes for material, but that may be none."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fibsem.data.material.appearance import Appearance
from fibsem.data.material.axes import other_order
from fibsem.data.material.bars import bars_of_few
from fibsem.data.material.curved import fill_along_sides
from fibsem.data.material.noiseless import doubtful_bars, doubtful_rims, is_noiseless
from fibsem.data.material.parts import SIDES, Side
from fibsem.data.material.quiet import quiet_sides
from fibsem.data.material.search import LOOKED_AT, Search
from fibsem.data.material.standing import standing_fill
from fibsem.data.material.wrapped import wrapped
from fibsem.system.advice import VALID

#: Share of a side, depth in pixels and share of the slices from which to warn.
SHARE, DEPTH_PX, SLICES = 0.75, 4.0, 0.1
#: Minimum share of the slices that have the value of fill over an area.
CURVED_SLICES = 0.5


@dataclass(frozen=True)
class Doubts:
    """Iterate over the warnings about the slices that a search has examined so far."""

    search: Search

    def __iter__(self) -> Iterator[str]:
        along = dict(self._along_sides())
        yield from along.values() or self._curved()
        yield from self._unproven()
        standing = [] if along else [*self._standing()]
        yield from standing
        yield from self._quiet(along.keys())
        yield from self._without_noise()
        film = self.search.volume
        yield from bars_of_few(self.search.sampled_columns[:, : film.shape[1] - film.bar_rows])
        yield from self.search.odd()
        yield from self._lines([*along, *standing])
        yield from self._blank()
        yield from wrapped(self.search.sampled_columns)

    @cached_property
    def _looks(self) -> dict[int, Appearance]:
        return self.search.looks()

    @cached_property
    def _shown(self) -> dict[int, Appearance]:
        """Slices that show something."""
        return {z: look for z, look in self._looks.items() if not self.search.is_blank(look)}

    def _along_sides(self) -> Iterator[tuple[Side, str]]:
        """Yield the sides with the value of fill along most of them, each with a message."""
        for side in SIDES:
            borders = [look.borders[side] for look in self._looks.values()]
            odd = [b.filled for b in borders if b.share >= SHARE and b.filled >= DEPTH_PX]
            if len(odd) > SLICES * len(borders):
                said = (
                    f"{len(odd)} of {len(borders)} slices have one grey value along most of their "
                    f"{side} border, {np.mean(odd):.0f} pixels deep, but no straight edge: it is "
                    f"measured as material; {VALID.at('MASK')} leaves it out"
                )
                yield side, said

    def _unproven(self) -> Iterator[str]:
        """Warn about straight edges along a side that too few slices have."""
        odd = [
            z for z, look in self._looks.items()
            if any(e.is_flat and not self.search.is_proven(z, look, e) for e in look.edges)
        ]  # fmt: skip
        if len(odd) > 1:
            yield (
                f"{len(odd)} of {len(self._looks)} slices, such as {odd[0]}, have one grey value "
                "up to a straight line along a side, as one that an alignment has moved: it is "
                f"measured as material; {VALID.at('MASK')} leaves it out"
            )

    def _curved(self) -> Iterator[str]:
        """Warn about areas with the value of fill, regardless of their edge."""
        shares = [
            fill_along_sides(look.some, self.search.left_out(z)) for z, look in self._shown.items()
        ]
        odd = [share for share in shares if share]
        if len(odd) > CURVED_SLICES * len(self._looks):
            yield (
                f"{len(odd)} of {len(self._looks)} slices have one grey value over "
                f"{100 * np.mean(odd):.1f} % from their sides on, and hardly inside, but no "
                f"straight edge: it is measured as material; {VALID.at('MASK')} leaves it out"
            )

    def _quiet(self, warned: Container[Side]) -> Iterator[str]:
        """Warn about low-contrast borders at sides without an edge, a bar or another message."""
        edges = {edge.side for look in self._shown.values() for edge in look.edges}
        height, width = self.search.volume.shape[1:]
        bars = dict(zip(("top", "bottom"), self.search.bars, strict=True))
        yield from quiet_sides(
            [look.some for look in self._shown.values()],
            {side: side in edges or side in warned or bool(bars.get(side)) for side in SIDES},
            {side: height if side in bars else width for side in SIDES},
        )

    def _without_noise(self) -> Iterator[str]:
        """Warn about what is left out of a film in which material may look the same."""
        columns, (top, bottom) = self.search.sampled_columns, self.search.bars
        if is_noiseless(columns):
            rims = {z: self.search.left_out(z, ("rim",)) for z in self._shown}
            yield from doubtful_rims({z: float(mask.mean()) for z, mask in rims.items()})
            yield from doubtful_bars(columns, (top, 0 if self.search.volume.bar_rows else bottom))

    def _standing(self) -> Iterator[str]:
        """Warn about areas, of any shape, with one value at the same place in most slices."""
        few = [*self._shown][:: -(-len(self._shown) // LOOKED_AT) or 1]
        images = [self._looks[z].some for z in few]
        yield from standing_fill(images, lambda k: self.search.left_out(few[k]), self.search.range)

    def _lines(self, fill: Sequence[str]) -> Iterator[str]:
        """Warn about text in all slices, or else about lines that do not fit each other, or axes.

        Text, and fill that stays in place, has edges along rows and columns.
        """
        burnt = [] if fill else [*self.search.burnt()]
        yield from burnt
        lines = [] if fill or burnt else [*self.search.odd_lines()]
        yield from lines or other_order(len(self.search), self.search.read)

    def _blank(self) -> Iterator[str]:
        """Warn about slices of one value that are like those around them."""
        blank = [
            z for z, look in self._looks.items()
            if z not in self._shown and not self.search.differs(z, look)
        ]  # fmt: skip
        if blank:
            yield (
                f"{len(blank)} slices from {blank[0]} to {blank[-1]} are of one grey value like "
                f"most of their neighbours: measured as material; {VALID.at('MASK')} leaves "
                "them out"
            )
