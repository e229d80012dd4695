"""Neighbourhoods and boxes of voxels, with integers only and without an array library.

Arrays are (z, y, x) throughout. The notation of users, ``"81x81x3"``, is n_x x n_y x n_z; it is
converted only in :meth:`Nbhd.parse`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import index

from fibsem.errors import UserError

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Nbhd:
    """Neighbourhood from which one pixel is classified, in pixels; odd on every axis.

    Examples
    --------
    >>> Nbhd.parse("81x81x3").halo
    (1, 40, 40)
    """

    z: int
    y: int
    x: int

    def __post_init__(self) -> None:
        if any(n < 1 or n % 2 == 0 for n in self.shape):
            raise UserError(f"`nbhd` must be odd and positive on every axis, but got {self}.")

    @classmethod
    def parse(cls, text: str) -> Nbhd:
        """Parse the notation n_x x n_y x n_z; raise UserError if it is malformed.

        >>> Nbhd.parse("81x65x3")
        Nbhd(z=3, y=65, x=81)
        """
        match = re.fullmatch(r"(\d+)x(\d+)x(\d+)", str(text).strip())
        if match is None:
            raise UserError(
                f"`nbhd` must read n_x x n_y x n_z, but got {text!r}; for example 81x81x3."
            )
        x, y, z = (int(group) for group in match.groups())
        return cls(z=z, y=y, x=x)

    @property
    def shape(self) -> Triple:
        """Extent in pixels, (z, y, x)."""
        return self.z, self.y, self.x

    @property
    def halo(self) -> Triple:
        """Pixels on each side of the centre, (z, y, x)."""
        return self.z // 2, self.y // 2, self.x // 2

    def __str__(self) -> str:
        return f"{self.x}x{self.y}x{self.z}"


@dataclass(frozen=True)
class Box:
    """A half-open box of voxels, ``start <= (z, y, x) < stop``.

    Raises
    ------
    UserError
        If start or stop is anything but three whole numbers.

    Examples
    --------
    >>> box = Box((4, 0, 0), (5, 64, 32))
    >>> box.shape, box.size
    ((1, 64, 32), 2048)
    """

    start: Triple
    stop: Triple

    def __post_init__(self) -> None:
        try:
            start, stop = (_triple(map(index, corner)) for corner in (self.start, self.stop))
        except (TypeError, ValueError):
            raise UserError(
                "a box must have start and stop, of three whole numbers (z, y, x) each, but got "
                f"{self.start} and {self.stop}."
            ) from None
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "stop", stop)

    @classmethod
    def whole(cls, shape: Triple) -> Box:
        """Return the box that covers a volume of the given shape."""
        return cls((0, 0, 0), shape)

    @property
    def shape(self) -> Triple:
        """Number of voxels along each axis, (z, y, x)."""
        z, y, x = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def size(self) -> int:
        """Number of voxels."""
        z, y, x = self.shape
        return z * y * x

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Slices that index the box in an array of the volume."""
        z, y, x = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    def grow(self, halo: Triple) -> Box:
        """Return the box grown by ``halo`` voxels on both sides of each axis (negative: shrunk)."""
        return Box(
            _triple(a - h for a, h in zip(self.start, halo, strict=True)),
            _triple(b + h for b, h in zip(self.stop, halo, strict=True)),
        )

    def clip(self, shape: Triple) -> Box:
        """Return the part of the box inside a volume of the given shape.

        If there is none, the result has an extent of zero along some axis.
        """
        start = _triple(min(max(a, 0), n) for a, n in zip(self.start, shape, strict=True))
        stop = _triple(max(min(b, n), a) for a, b, n in zip(start, self.stop, shape, strict=True))
        return Box(start, stop)

    def aligned(self, multiple: int) -> Box:
        """Return the box with its y and x start moved back to a multiple of ``multiple`` pixels.

        >>> Box((4, 21, 32), (5, 40, 64)).aligned(16)
        Box(start=(4, 16, 32), stop=(5, 40, 64))
        """
        z, y, x = self.start
        return Box((z, y - y % multiple, x - x % multiple), self.stop)

    def inside(self, shape: Triple) -> bool:
        """Whether the box lies within a volume of the given shape."""
        return self.clip(shape) == self

    def within(self, other: Box) -> bool:
        """Whether the box lies within another one."""
        axes = zip(other.start, self.start, self.stop, other.stop, strict=True)
        return all(a <= b and c <= d for a, b, c, d in axes)

    def slices_in(self, other: Box) -> tuple[slice, slice, slice]:
        """Return the slices of the box in an array of a box ``other`` that contains it."""
        first = other.start
        z, y, x = (
            slice(a - o, b - o) for a, b, o in zip(self.start, self.stop, first, strict=True)
        )
        return z, y, x

    def overlaps(self, other: Box) -> bool:
        """Whether the two boxes share a voxel."""
        return all(
            max(a, c) < min(b, d)
            for a, b, c, d in zip(self.start, self.stop, other.start, other.stop, strict=True)
        )

    def tiles(self, tile: Triple) -> Iterator[Box]:
        """Yield boxes of at most ``tile`` voxels, (z, y, x), that cover the box without overlap."""
        for z in range(self.start[0], self.stop[0], tile[0]):
            for y in range(self.start[1], self.stop[1], tile[1]):
                for x in range(self.start[2], self.stop[2], tile[2]):
                    stop = (z + tile[0], y + tile[1], x + tile[2])
                    yield Box(
                        (z, y, x),
                        _triple(min(a, b) for a, b in zip(stop, self.stop, strict=True)),
                    )


def _triple(values: Iterable[int]) -> Triple:
    z, y, x = values
    return z, y, x
