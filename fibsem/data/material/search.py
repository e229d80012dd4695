"""The search for what is not material: slice by slice, each when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.axes import other_order
from fibsem.data.material.bars import bar_rows, bars_of_few
from fibsem.data.material.blocks import blocks_of
from fibsem.data.material.curved import fill_along_sides
from fibsem.data.material.extent import BoolArray, Extent
from fibsem.data.material.glance import FILL, contrast_of, quantiles, shown_of, some_of
from fibsem.data.material.odd import odd_slices
from fibsem.data.material.parts import SIDES, Part, Rect, Side
from fibsem.data.material.quiet import quiet_sides
from fibsem.data.material.rims import OUTSIDE, Border, Edge, look_around
from fibsem.data.material.standing import standing_fill
from fibsem.data.volumes import Volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.system.advice import VALID

#: Slices, evenly spaced, that tell what the film usually looks like; and columns of each.
LOOKED_AT, COLUMNS = 20, 256
#: Share of the film's contrast below which a slice shows nothing.
FAINT = 0.1
#: Share of a neighbour's pixels with a blank slice's value from which both may be film.
LIKE = 0.6
#: Slices on both sides in which an edge or a block is looked for again, and how often it must be.
AROUND, AGAIN = 2, 2
#: Share of a side, depth in pixels and share of the slices from which a doubt is said.
DOUBT_SHARE, DOUBT_PX, DOUBT_SLICES = 0.75, 4.0, 0.1
#: Share of the slices with a straight edge from which a film was moved slice by slice, and number.
MOVED, FEWEST = 0.6, 3
#: Share of the slices that must have the value of fill over an area.
CURVED_SLICES = 0.5


Show = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Appearance:
    """What one slice shows by itself; ``some`` of its pixels are kept."""

    grey: float
    contrast: float
    borders: Mapping[Side, Border]
    blocks: tuple[Rect, ...]
    some: npt.NDArray[Any]


def edges_of(look: Appearance) -> list[Edge]:
    """Edges of the sides of a slice."""
    return [border.edge for border in look.borders.values() if border.edge]


def between_edges(look: Appearance) -> npt.NDArray[Any]:
    """Pixels that are kept of a slice, without those up to its edges."""
    depths = dict.fromkeys(SIDES, 0.0)
    depths |= {edge.side: max(edge.first, edge.last, 0.0) / edge.of for edge in edges_of(look)}
    height, width = look.some.shape
    y0, y1 = (round(height * depth) for depth in (depths["top"], 1 - depths["bottom"]))
    x0, x1 = (round(width * depth) for depth in (depths["left"], 1 - depths["right"]))
    return look.some[y0:y1, x0:x1]


def cornered(look: Appearance, edge: Edge, tolerance: float) -> bool:
    """Whether a slice has fill around a corner, of which an edge is one side."""
    return any(edge.is_cornered(other, tolerance) for other in edges_of(look))


class Search(Mapping[int, tuple[Part, ...]]):
    """Parts of a volume that are not material, by slice.

    Parameters
    ----------
    volume
        Whose slices are read when asked for, with those around them.

    Notes
    -----
    Memory: a slice, and at most 20 x 256 columns of it.
    """

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self._looks: dict[int, Appearance | None] = {}
        self._of_film: dict[float, bool] = {}

    def __len__(self) -> int:
        return self.volume.shape[0]

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __getitem__(self, z: int) -> tuple[Part, ...]:
        height, width = self.volume.shape[1:]
        look = self._look(z)
        if look is None:
            return ()
        if self._blank(z, look) and self._differs(z, look):
            return (Rect("slices", 0, 0, height, width),)
        top, bottom = self.bars
        parts: list[Part] = []
        for block in look.blocks:
            whole = block.x1 - block.x0 == width or block.y1 - block.y0 == height - top - bottom
            if whole or self._blocks_around(z, block) >= AGAIN:
                parts.append(block)
        parts += self._hidden_blocks(z, look)
        for border in look.borders.values():  # a rim may be a rectangle, too
            edge = border.edge
            if edge and self._is_proven(z, look, edge):
                film = height - top - bottom
                parts.append(edge.part(film, width).between(self.bars, film))
        parts += [  # last: the line of a rim goes on behind them
            Rect("bar", y0, 0, y1, width)
            for y0, y1 in ((0, top), (height - bottom, height))
            if y1 > y0
        ]
        return tuple(parts)

    @property
    def _sample(self) -> npt.NDArray[Any]:
        """Some columns of evenly spaced slices, without those that show nothing."""
        return self._sampled[0]

    @cached_property
    def _sampled(self) -> tuple[npt.NDArray[Any], list[float]]:
        """These slices, and the contrast of each."""
        depth, _, width = self.volume.shape
        step = -(-width // COLUMNS)
        read = [
            image[:, ::step].copy()
            for z in sorted({round(k) for k in np.linspace(0, depth - 1, min(LOOKED_AT, depth))})
            if (image := self._read(z)) is not None
        ]
        contrasts = [contrast_of(image) for image in read]
        least = FAINT * float(np.quantile(contrasts, 0.75)) if read else 0.0
        shown = [image for image, c in zip(read, contrasts, strict=True) if c >= least]
        if not shown:
            return np.zeros((1, 1, 1), self.volume.dtype), [0.0]
        return np.stack(shown), [c for c in contrasts if c >= least]

    @cached_property
    def tolerance(self) -> float:
        """Grey values within which fill varies that was compressed."""
        return FILL * self.contrast

    @cached_property
    def contrast(self) -> float:
        """Contrast of a usual slice."""
        return float(np.quantile(self._sampled[1], 0.75))

    @cached_property
    def range(self) -> tuple[float, float]:
        """Dark and bright values of the film."""
        low, high = quantiles(self._sample[:, ::4], (0.02, 0.98))
        return low, high

    @cached_property
    def bars(self) -> tuple[int, int]:
        """Rows of the data bars at the top and at the bottom; a height that is stated holds."""
        top, bottom = bar_rows(self._sample, self.tolerance)
        return top, self.volume.bar_rows or bottom

    def _read(self, z: int) -> npt.NDArray[Any] | None:
        """A slice as it is stored; None where it cannot be read: labelling says so."""
        try:
            image: npt.NDArray[Any] = self.volume.read(
                Box((z, 0, 0), (z + 1, *self.volume.shape[1:]))
            )
        except UserError:
            return None
        return None if z in self.volume.missing else image[0]

    def _look(self, z: int) -> Appearance | None:
        if z not in self._looks:
            image = self._read(z)
            self._looks[z] = None if image is None else self._appearance(image)
        return self._looks[z]

    def _appearance(self, image: npt.NDArray[Any]) -> Appearance:
        top, bottom = self.bars
        film = image[top : len(image) - bottom]
        some = some_of(film)
        borders = look_around(film, self.tolerance)
        blocks = tuple(block.between(self.bars, len(film)) for block in blocks_of(film))
        (grey,) = quantiles(some, (0.5,))
        return Appearance(grey, contrast_of(some), borders, blocks, some)

    def _blank(self, z: int, look: Appearance) -> bool:
        """Whether a slice shows nothing: one value, or noise that is black or white."""
        if look.contrast == 0 and look.some.min() == look.some.max():
            return True
        low, high = self.range
        return look.contrast < FAINT * self.contrast and not low < look.grey < high

    def _differs(self, z: int, look: Appearance) -> bool:
        """Whether the film beside a run of blank slices, if any is, looks otherwise there."""
        shares = []
        for step in (-1, 1):
            k = z + step
            while 0 <= k < len(self) and ((near := self._look(k)) is None or self._blank(k, near)):
                k += step
            if 0 <= k < len(self) and near is not None:
                film = near.some
                shares.append(
                    np.mean(np.abs(film.astype(np.float32) - look.grey) <= self.tolerance)
                )
        return not shares or max(shares) < LIKE

    def _is_proven(self, z: int, look: Appearance, edge: Edge) -> bool:
        """Whether a slice, its neighbours or many others show that an edge is that of fill."""
        if self._is_of_film(edge.value):
            return False
        if not edge.straight:
            return self._is_again(z, edge)
        fill = self.moved_fill
        same = fill is not None and abs(edge.value - fill) <= self.tolerance
        return edge.alone or same or cornered(look, edge, self.tolerance)

    @cached_property
    def _few(self) -> list[Appearance]:
        """What some evenly spaced slices show."""
        depth = len(self)
        few = sorted({round(k) for k in np.linspace(0, depth - 1, min(LOOKED_AT, depth))})
        return [look for z in few if (look := self._look(z)) is not None]

    def _is_of_film(self, value: float) -> bool:
        """Whether most of what lies between the edges of slices has a value, as a white solid."""
        if value not in self._of_film:
            shares = [
                np.mean(np.abs(film.astype(np.float32) - value) <= self.tolerance)
                for film in map(between_edges, self._few)
                if film.size
            ]
            self._of_film[value] = bool(shares) and float(np.mean(shares)) > OUTSIDE
        return self._of_film[value]

    @cached_property
    def moved_fill(self) -> float | None:
        """Value of the fill beside a film that an alignment has moved slice by slice; else None.

        Black pores end in a straight line at a side of one slice in twenty, lamellae in one of two.
        """
        looks = self._few
        flat = [[edge.value for edge in edges_of(look) if edge.is_flat] for look in looks]
        values = [value for some in flat for value in some]
        slices = sum(map(bool, flat))
        return float(np.median(values)) if slices >= max(FEWEST, MOVED * len(looks)) else None

    def _is_again(self, z: int, edge: Edge) -> bool:
        """Whether enough neighbours have the same edge."""
        edges = (look.borders[edge.side].edge for look in self._around(z))
        return sum(e is not None and edge.is_again(e, self.tolerance) for e in edges) >= AGAIN

    def _blocks_around(self, z: int, block: Rect) -> int:
        """Neighbours with the same block, give or take a pixel."""
        ends = np.array(block.to_json()[1:])
        return sum(
            any(np.abs(np.array(other.to_json()[1:]) - ends).max() <= 1 for other in look.blocks)
            for look in self._around(z)
        )

    def _hidden_blocks(self, z: int, look: Appearance) -> Iterator[Rect]:
        """Blocks of the neighbours that are here too, but hidden among black pores."""
        nearby = {block for near in self._around(z) for block in near.blocks} - set(look.blocks)
        again = [block for block in nearby if self._blocks_around(z, block) >= AGAIN]
        image = self._read(z) if again else None
        for block in again:
            if image is not None and np.ptp(image[block.y0 : block.y1, block.x0 : block.x1]) == 0:
                yield block

    def _around(self, z: int) -> Iterator[Appearance]:
        for k in range(max(0, z - AROUND), min(len(self), z + AROUND + 1)):
            if k != z and (look := self._look(k)) is not None:
                yield look

    def doubts(self) -> Iterator[str]:
        """What has the value of fill, but no straight edge; of slices seen so far."""
        looks = {z: look for z, look in self._looks.items() if look is not None}
        along = dict(self._along_sides(looks))
        yield from along.values() or self._curved(looks)
        yield from self._unproven(looks)
        yield from () if along else self._standing(looks)
        yield from self._quiet(looks, along.keys())
        yield from bars_of_few(self._sample[:, : self.volume.shape[1] - self.volume.bar_rows])
        yield from self.odd()
        yield from other_order(len(self), self._read)
        blank = [
            z for z, look in looks.items() if self._blank(z, look) and not self._differs(z, look)
        ]
        if blank:
            yield (
                f"{len(blank)} slices from {blank[0]} to {blank[-1]} are of one grey value like "
                f"most of their neighbours: measured as material; {VALID.at('MASK')} leaves "
                "them out"
            )

    def _along_sides(self, looks: Mapping[int, Appearance]) -> Iterator[tuple[Side, str]]:
        """Sides, and what is said of them where they have the value of fill along most of them."""
        for side in SIDES:
            odd = [
                look.borders[side].filled
                for look in looks.values()
                if look.borders[side].share >= DOUBT_SHARE and look.borders[side].filled >= DOUBT_PX
            ]
            if len(odd) > DOUBT_SLICES * len(looks):
                said = (
                    f"{len(odd)} of {len(looks)} slices have one grey value along most of their "
                    f"{side} border, {np.mean(odd):.0f} pixels deep, but no straight edge: it is "
                    f"measured as material; {VALID.at('MASK')} leaves it out"
                )
                yield side, said

    def _unproven(self, looks: Mapping[int, Appearance]) -> Iterator[str]:
        """What ends in a straight line at a side of too few slices."""
        odd = [
            z for z, look in looks.items()
            if any(e.is_flat and not self._is_proven(z, look, e) for e in edges_of(look))
        ]  # fmt: skip
        if len(odd) > 1:
            yield (
                f"{len(odd)} of {len(looks)} slices, such as {odd[0]}, have one grey value up to a "
                "straight line along a side, as one that an alignment has moved: it is measured as "
                f"material; {VALID.at('MASK')} leaves it out"
            )

    def _curved(self, looks: Mapping[int, Appearance]) -> Iterator[str]:
        """What only has the value of fill, however its edge goes."""
        shares = [
            fill_along_sides(look.some, self._left_out(z, look))
            for z, look in looks.items()
            if not self._blank(z, look)
        ]
        odd = [share for share in shares if share]
        if len(odd) > CURVED_SLICES * len(looks):
            yield (
                f"{len(odd)} of {len(looks)} slices have one grey value over "
                f"{100 * np.mean(odd):.1f} % from their sides on, and hardly inside, but no "
                f"straight edge: it is measured as material; {VALID.at('MASK')} leaves it out"
            )

    def _quiet(self, looks: Mapping[int, Appearance], said: Container[Side]) -> Iterator[str]:
        """What shows little along a side of which nothing was said, and has no value of its own."""
        shown = [look for z, look in looks.items() if not self._blank(z, look)]
        edges = {edge.side for look in shown for edge in edges_of(look)}
        height, width = self.volume.shape[1:]
        bars = dict(zip(("top", "bottom"), self.bars, strict=True))
        yield from quiet_sides(
            [look.some for look in shown],
            {side: side in edges or side in said or bool(bars.get(side)) for side in SIDES},
            {side: height if side in bars else width for side in SIDES},
        )

    def _standing(self, looks: Mapping[int, Appearance]) -> Iterator[str]:
        """What has one value in the same place of most slices, whatever its shape."""
        shown = [z for z, look in looks.items() if not self._blank(z, look)]
        few = shown[:: -(-len(shown) // LOOKED_AT) or 1]
        some = [looks[z].some for z in few]
        yield from standing_fill(some, lambda k: self._left_out(few[k], looks[few[k]]), self.range)

    def _left_out(self, z: int, look: Appearance) -> BoolArray:
        """Which of the pixels that are kept of a slice are no material, or no film."""
        top, bottom = self.bars
        kinds = np.zeros(self.volume.shape[1:], np.uint8)
        for part in self[z]:
            part.paint(kinds)
        return some_of(kinds[top : len(kinds) - bottom]) != 0

    def odd(self) -> Iterator[str]:
        """Slices seen so far that are unlike their neighbours."""
        looks = {z: look for z, look in self._looks.items() if look is not None}
        pixels = {z: look.some for z, look in looks.items() if not self._blank(z, look)}
        yield from odd_slices(pixels, self.contrast)

    def odd_of_all(
        self, extent: Extent | None = None, show: Callable[[int], object] = int
    ) -> Iterator[str]:
        """Slices of the whole film, or of an extent, that are unlike their neighbours."""
        least, pixels = FAINT * self.contrast, {}
        for z in self:
            show(z)
            image, inside = self._read(z), None if extent is None else extent.inside(z)
            if image is not None and (inside is None or inside.any()):
                some = some_of(image) if inside is None else shown_of(image, inside)
                if contrast_of(some) >= least:
                    pixels[z] = some
        yield from odd_slices(pixels, self.contrast)
        yield from other_order(len(self), self._read)
