"""The search for areas without material, slice by slice on demand."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fibsem.data.material.appearance import Appearance
from fibsem.data.material.axes import other_order
from fibsem.data.material.bars import bar_rows
from fibsem.data.material.burnt import burnt_in
from fibsem.data.material.extent import BoolArray, Extent
from fibsem.data.material.glance import FILL, contrast_of, quantiles, shown_of, some_of
from fibsem.data.material.lines import odd_lines
from fibsem.data.material.odd import odd_slices
from fibsem.data.material.parts import KINDS, Kind, Part, Rect
from fibsem.data.material.rims import OUTSIDE, Edge
from fibsem.data.volumes import Volume
from fibsem.errors import UserError

#: Number of evenly spaced slices that show the usual appearance, and of columns and rows of each.
LOOKED_AT, LINES = 20, 256
#: Share of the usual contrast below which a slice shows nothing.
FAINT = 0.1
#: Share of a neighbour's pixels with the value of a blank slice from which both may be material.
LIKE = 0.6
#: Number of slices on both sides in which an edge or block is looked for, and minimum occurrences.
AROUND, AGAIN = 2, 2
#: Minimum share and number of slices with a straight edge if a film was moved slice by slice.
MOVED, FEWEST = 0.6, 3


Show = Callable[[str, int, int], None]


class SampledLines(NamedTuple):
    """Some columns and some rows of a few slices, (slices, y, x) each, and their contrasts."""

    columns: npt.NDArray[Any]
    rows: npt.NDArray[Any]
    contrasts: list[float]


class Search(Mapping[int, tuple[Part, ...]]):
    """Mapping of each slice of a volume to its parts that are not material.

    Parameters
    ----------
    volume
        The volume, whose slices and their neighbours are read on demand.

    Notes
    -----
    Memory: a slice, and at most 20 x 256 columns and as many rows.
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
        if self.is_blank(look) and self.differs(z, look):
            return (Rect("slices", 0, 0, height, width),)
        top, bottom = self.bars
        parts: list[Part] = []
        for block in look.blocks:
            spans = block.x1 - block.x0 == width or block.y1 - block.y0 == height - top - bottom
            if spans or self._blocks_around(z, block) >= AGAIN:
                parts.append(block)
        parts += self._hidden_blocks(z, look)
        for edge in look.edges:  # a rim may also have been found as a block
            if self.is_proven(z, look, edge):
                film = height - top - bottom
                parts.append(edge.part(film, width).between(self.bars, film))
        parts += [  # painted last, as the line of a rim extends behind the bars
            Rect("bar", y0, 0, y1, width)
            for y0, y1 in ((0, top), (height - bottom, height))
            if y1 > y0
        ]
        return tuple(parts)

    @property
    def sampled_columns(self) -> npt.NDArray[Any]:
        """Some columns of evenly spaced slices, without slices that show nothing."""
        return self._sampled.columns

    @cached_property
    def _spaced(self) -> list[int]:
        """Evenly spaced slice numbers, including the first and the last."""
        depth = len(self)
        return sorted({round(k) for k in np.linspace(0, depth - 1, min(LOOKED_AT, depth))})

    @property
    def _steps(self) -> tuple[int, int]:
        """Every how many rows and columns are sampled."""
        rows, columns = (-(-side // LINES) for side in self.volume.shape[1:])
        return rows, columns

    @cached_property
    def _sampled(self) -> SampledLines:
        """Some columns and rows of these slices, and the contrast of each."""
        rows, columns = self._steps
        read = [
            (image[:, ::columns].copy(), image[::rows].copy())
            for z in self._spaced
            if (image := self.read(z)) is not None
        ]
        contrasts = [contrast_of(image) for image, _ in read]
        least = FAINT * float(np.quantile(contrasts, 0.75)) if read else 0.0
        shown = [pair for pair, c in zip(read, contrasts, strict=True) if c >= least]
        if not shown:
            nothing = np.zeros((1, 1, 1), self.volume.dtype)
            return SampledLines(nothing, nothing, [0.0])
        of_columns, of_rows = (np.stack(lines) for lines in zip(*shown, strict=True))
        return SampledLines(of_columns, of_rows, [c for c in contrasts if c >= least])

    @cached_property
    def tolerance(self) -> float:
        """Difference of grey values within which compressed fill varies."""
        return FILL * self.contrast

    @cached_property
    def contrast(self) -> float:
        """Contrast of a usual slice."""
        return float(np.quantile(self._sampled.contrasts, 0.75))

    @cached_property
    def range(self) -> tuple[float, float]:
        """Dark and bright grey values of the volume (2 % and 98 % quantiles)."""
        low, high = quantiles(self.sampled_columns[:, ::4], (0.02, 0.98))
        return low, high

    @cached_property
    def bars(self) -> tuple[int, int]:
        """Rows of the data bars at top and bottom; a height stated in the file has priority."""
        top, bottom = bar_rows(self.sampled_columns, self.tolerance)
        return top, self.volume.bar_rows or bottom

    def read(self, z: int) -> npt.NDArray[Any] | None:
        """Return a slice as stored, or None if it cannot be read."""
        try:
            image: npt.NDArray[Any] = self.volume.slice(z)
        except UserError:
            return None
        return None if z in self.volume.missing else image

    def _look(self, z: int) -> Appearance | None:
        if z not in self._looks:
            image = self.read(z)
            shows = None if image is None else Appearance.of(image, self.bars, self.tolerance)
            self._looks[z] = shows
        return self._looks[z]

    def is_blank(self, look: Appearance) -> bool:
        """Whether a slice shows nothing: one value, or black or white noise."""
        if look.contrast == 0 and look.some.min() == look.some.max():
            return True
        low, high = self.range
        return look.contrast < FAINT * self.contrast and not low < look.grey < high

    def differs(self, z: int, look: Appearance) -> bool:
        """Whether slices next to a run of blank ones look different, or there are none."""
        shares = []
        for step in (-1, 1):
            k = z + step
            while 0 <= k < len(self) and ((near := self._look(k)) is None or self.is_blank(near)):
                k += step
            if 0 <= k < len(self) and near is not None:
                film = near.some
                shares.append(
                    np.mean(np.abs(film.astype(np.float32) - look.grey) <= self.tolerance)
                )
        return not shares or max(shares) < LIKE

    def is_proven(self, z: int, look: Appearance, edge: Edge) -> bool:
        """Whether the slice, its neighbours or many others prove that an edge belongs to fill."""
        if self._is_of_film(edge.value):
            return False
        if not edge.straight:
            return self._is_again(z, edge)
        fill = self.moved_fill
        same = fill is not None and abs(edge.value - fill) <= self.tolerance
        return edge.alone or same or look.is_cornered(edge, self.tolerance)

    @cached_property
    def _few(self) -> list[Appearance]:
        """What the evenly spaced slices show."""
        return [look for z in self._spaced if (look := self._look(z)) is not None]

    def _is_of_film(self, value: float) -> bool:
        """Whether most pixels between the edges of slices have a value, such as white solid."""
        if value not in self._of_film:
            shares = [look.share_between_edges(value, self.tolerance) for look in self._few]
            shares = [share for share in shares if not np.isnan(share)]
            self._of_film[value] = bool(shares) and float(np.mean(shares)) > OUTSIDE
        return self._of_film[value]

    @cached_property
    def moved_fill(self) -> float | None:
        """Value of the fill around a film that was aligned slice by slice, or None.

        Black pores end in a straight line at a side in one slice of twenty, lamellae in one of two.
        """
        looks = self._few
        flat = [[edge.value for edge in look.edges if edge.is_flat] for look in looks]
        values = [value for fills in flat for value in fills]
        slices = sum(map(bool, flat))
        return float(np.median(values)) if slices >= max(FEWEST, MOVED * len(looks)) else None

    def _is_again(self, z: int, edge: Edge) -> bool:
        """Whether enough neighbouring slices have an edge of this slice, too."""
        edges = (look.borders[edge.side].edge for look in self._neighbours(z))
        return sum(e is not None and edge.is_again(e, self.tolerance) for e in edges) >= AGAIN

    def _blocks_around(self, z: int, block: Rect) -> int:
        """Number of neighbouring slices with this block, within a pixel."""
        ends = np.array(block.as_kept[1:])
        return sum(
            any(np.abs(np.array(near.as_kept[1:]) - ends).max() <= 1 for near in look.blocks)
            for look in self._neighbours(z)
        )

    def _hidden_blocks(self, z: int, look: Appearance) -> Iterator[Rect]:
        """Yield blocks of the neighbours that are also here, but hidden among black pores."""
        nearby = {block for near in self._neighbours(z) for block in near.blocks} - set(look.blocks)
        again = [block for block in nearby if self._blocks_around(z, block) >= AGAIN]
        image = self.read(z) if again else None
        for block in again:
            if image is not None and np.ptp(image[block.y0 : block.y1, block.x0 : block.x1]) == 0:
                yield block

    def _neighbours(self, z: int) -> Iterator[Appearance]:
        for k in range(max(0, z - AROUND), min(len(self), z + AROUND + 1)):
            if k != z and (look := self._look(k)) is not None:
                yield look

    def looks(self) -> dict[int, Appearance]:
        """Return what the slices examined so far show."""
        return {z: look for z, look in self._looks.items() if look is not None}

    def left_out(self, z: int, of: Container[Kind] = KINDS) -> BoolArray:
        """Return which subsampled pixels of a slice, without bars, are not material, by kind."""
        top, bottom = self.bars
        kinds = np.zeros(self.volume.shape[1:], np.uint8)
        for part in self[z]:
            if part.kind in of:
                part.paint(kinds)
        return some_of(kinds[top : len(kinds) - bottom]) != 0

    @cached_property
    def _absent(self) -> BoolArray:
        """Which pixels, without bars, are no material in any of the evenly spaced slices."""
        top, bottom = self.bars
        kinds = np.zeros(self.volume.shape[1:], np.uint8)
        for z in self._spaced:
            for part in self[z]:
                if part.kind != "slices":
                    part.paint(kinds)
        return kinds[top : len(kinds) - bottom] != 0

    def burnt(self) -> Iterator[str]:
        """Yield messages about text and lines that were burnt into all slices."""
        top, bottom = self.bars
        film = self.sampled_columns[:, top : self.volume.shape[1] - bottom]
        yield from burnt_in(film, self.contrast, lambda: self._absent[:, :: self._steps[1]])

    def odd_lines(self) -> Iterator[str]:
        """Yield messages about rows and columns, beside bars, that do not fit their neighbours."""
        top, bottom = self.bars
        columns, rows, _ = self._sampled
        step_y, step_x = self._steps
        film = columns[:, top : columns.shape[1] - bottom]
        yield from odd_lines(film, self._absent[:, ::step_x], "row")
        first = -(-top // step_y)  # sampled row that is no bar
        absent = self._absent[first * step_y - top :: step_y]
        film = rows[:, first : first + len(absent)]
        yield from odd_lines(film.transpose(0, 2, 1), absent.T, "column")

    def odd(self) -> Iterator[str]:
        """Yield messages about slices examined so far that are unlike their neighbours."""
        pixels = {z: look.some for z, look in self.looks().items() if not self.is_blank(look)}
        yield from odd_slices(pixels, self.contrast)

    def odd_of_all(
        self, extent: Extent | None = None, show: Callable[[int], object] = int
    ) -> Iterator[str]:
        """Yield messages about slices, of the volume or an extent, unlike their neighbours."""
        least, pixels = FAINT * self.contrast, {}
        for z in self:
            show(z)
            image, inside = self.read(z), None if extent is None else extent.inside(z)
            if image is not None and (inside is None or inside.any()):
                sampled = some_of(image) if inside is None else shown_of(image, inside)
                if contrast_of(sampled) >= least:
                    pixels[z] = sampled
        yield from odd_slices(pixels, self.contrast)
        burnt = [*self.burnt()]
        yield from burnt if extent is None else ()
        is_unmasked = extent is None or extent.mask is None
        lines = [*self.odd_lines()] if is_unmasked and not burnt else []
        yield from lines or other_order(len(self), self.read)
