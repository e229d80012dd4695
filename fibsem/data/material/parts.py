"""Parts of a slice that show no material, bounded by straight lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["rim", "slices", "bar", "block", "mask"]
#: In the order of their codes, which begin at 1; 0 is material.
KINDS: tuple[Kind, ...] = ("rim", "slices", "bar", "block", "mask")

Side = Literal["top", "bottom", "left", "right"]
SIDES: tuple[Side, ...] = ("top", "bottom", "left", "right")

#: Parts as a ledger keeps them: a rectangle, and a wedge.
KeptRect = tuple[Kind, int, int, int, int]
KeptWedge = tuple[Side, float, float]
KeptPart = KeptRect | KeptWedge

#: Kind of every pixel of a slice, as a code.
KindArray = npt.NDArray[np.uint8]


def code(kind: Kind) -> int:
    """Return the code of a kind."""
    return 1 + KINDS.index(kind)


def from_top(image: npt.NDArray[Any], side: Side) -> npt.NDArray[Any]:
    """Return a view of a slice with the given side at the top.

    >>> from_top(np.array([[1, 2], [3, 4]]), "right").tolist()
    [[2, 4], [1, 3]]
    """
    match side:
        case "top":
            return image
        case "bottom":
            return image[::-1]
        case "left":
            return image.T
        case _:
            return image[:, ::-1].T


@dataclass(frozen=True)
class Rect:
    """A rectangle of rows and columns, half open, that is no material."""

    kind: Kind
    y0: int
    x0: int
    y1: int
    x1: int

    def paint(self, kinds: KindArray) -> None:
        """Set the code of the rectangle in the kinds of a slice."""
        kinds[self.y0 : self.y1, self.x0 : self.x1] = code(self.kind)

    def between(self, bars: tuple[int, int], rows: int) -> Rect:
        """Return the rectangle moved from the rows between two bars to those of the whole slice.

        >>> Rect("rim", 0, 0, 2, 9).between((30, 0), 200)
        Rect(kind='rim', y0=30, x0=0, y1=32, x1=9)
        """
        top, _ = bars
        return Rect(self.kind, self.y0 + top, self.x0, self.y1 + top, self.x1)

    @property
    def as_kept(self) -> KeptRect:
        """The rectangle as a ledger keeps it."""
        return self.kind, self.y0, self.x0, self.y1, self.x1


@dataclass(frozen=True)
class Wedge:
    """A rim of a rotated film: from a side to a line that is not parallel to it.

    Attributes
    ----------
    side
        The side of the slice.
    first, last
        Depth in pixels at the first and last pixel of the side; negative where the line is outside
        the slice.
    """

    side: Side
    first: float
    last: float
    kind: Kind = "rim"

    def paint(self, kinds: KindArray) -> None:
        """Set the code of the wedge in the kinds of a slice."""
        view = from_top(kinds, self.side)
        depth = np.linspace(self.first, self.last, view.shape[1])
        deepest = max(0, int(np.ceil(max(self.first, self.last))))
        top = view[:deepest]
        top[np.arange(len(top))[:, None] < np.rint(depth)] = code(self.kind)

    def between(self, bars: tuple[int, int], rows: int) -> Wedge:
        """Return the wedge in the whole slice, extended behind the bars above and below ``rows``.

        >>> Wedge("left", 4.0, 0.0).between((5, 10), 41)
        Wedge(side='left', first=4.5, last=-1.0, kind='rim')
        >>> Wedge("bottom", 4.0, 0.0).between((5, 10), 41)
        Wedge(side='bottom', first=14.0, last=10.0, kind='rim')
        """
        top, bottom = bars
        if self.side in ("top", "bottom"):
            deeper = top if self.side == "top" else bottom
            return replace(self, first=self.first + deeper, last=self.last + deeper)
        slope = (self.last - self.first) / (rows - 1)
        return replace(self, first=self.first - slope * top, last=self.last + slope * bottom)

    @property
    def as_kept(self) -> KeptWedge:
        """The wedge as a ledger keeps it."""
        return self.side, self.first, self.last


Part = Rect | Wedge


def part_of(record: KeptPart) -> Part:
    """Return the part that a ledger keeps.

    >>> part_of(("rim", 0, 0, 2, 9)), part_of(("left", 4.0, 0.0)).side
    (Rect(kind='rim', y0=0, x0=0, y1=2, x1=9), 'left')
    """
    return Rect(*record) if len(record) == 5 else Wedge(*record)
