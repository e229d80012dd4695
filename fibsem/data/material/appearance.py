"""What a single slice shows: its borders, blocks of one value, and some of its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.blocks import blocks_of
from fibsem.data.material.glance import contrast_of, quantiles, some_of
from fibsem.data.material.parts import SIDES, Rect, Side
from fibsem.data.material.rims import Border, Edge, look_around


@dataclass(frozen=True)
class Appearance:
    """What a single slice shows.

    Attributes
    ----------
    grey, contrast
        Median and contrast of its values.
    borders
        The border along each side.
    blocks
        Rectangles of one value.
    some : (y, x)
        Subsampled pixels.
    """

    grey: float
    contrast: float
    borders: Mapping[Side, Border]
    blocks: tuple[Rect, ...]
    some: npt.NDArray[Any]

    @classmethod
    def of(cls, image: npt.NDArray[Any], bars: tuple[int, int], tolerance: float) -> Appearance:
        """Analyse a slice as stored.

        Parameters
        ----------
        image : (y, x)
            Grey values of the slice.
        bars
            Rows of data bars at the top and at the bottom, which are ignored.
        tolerance
            Difference of grey values within which compressed fill varies.
        """
        top, bottom = bars
        film = image[top : len(image) - bottom]
        pixels = some_of(film)
        borders = look_around(film, tolerance)
        blocks = tuple(block.between(bars, len(film)) for block in blocks_of(film))
        (grey,) = quantiles(pixels, (0.5,))
        return cls(grey, contrast_of(pixels), borders, blocks, pixels)

    @property
    def edges(self) -> list[Edge]:
        """Edges of possible fill along the sides."""
        return [border.edge for border in self.borders.values() if border.edge]

    def is_cornered(self, edge: Edge, tolerance: float) -> bool:
        """Whether an edge belongs to fill around a corner of the slice."""
        return any(edge.is_cornered(other, tolerance) for other in self.edges)

    @cached_property
    def between_edges(self) -> npt.NDArray[Any]:
        """The subsampled pixels between the edges along the sides."""
        depths = dict.fromkeys(SIDES, 0.0)
        depths |= {edge.side: max(edge.first, edge.last, 0.0) / edge.of for edge in self.edges}
        height, width = self.some.shape
        y0, y1 = (round(height * depth) for depth in (depths["top"], 1 - depths["bottom"]))
        x0, x1 = (round(width * depth) for depth in (depths["left"], 1 - depths["right"]))
        return self.some[y0:y1, x0:x1]

    def share_between_edges(self, value: float, tolerance: float) -> float:
        """Share of the pixels between the edges with a value; nan if there are no pixels."""
        film = self.between_edges.astype(np.float32)
        return float(np.mean(np.abs(film - value) <= tolerance)) if film.size else float("nan")
