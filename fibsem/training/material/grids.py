"""The windows of a step in grid mode: how many, and how far they reach."""

from __future__ import annotations

from dataclasses import dataclass

#: Pixels around small squares that steps of a network on squares see.
CONTEXT = 16


@dataclass(frozen=True)
class GridShape:
    """A batch in grid mode: ``windows`` windows of ``size`` x ``size`` pixels."""

    windows: int = 16
    size: int = 8

    def extent(self, stride: int) -> int:
        """Pixels of labels across a window whose pixels lie ``stride`` apart.

        >>> GridShape(16, 8).extent(stride=16)
        113
        """
        return 1 + stride * (self.size - 1)

    def around(self, side: int, multiple: int) -> GridShape:
        """Windows that are not much larger than squares of labels, and more of them.

        Of squares of 64 there are four of 96 in place of two of 128, where three of four pixels
        had no label:

        >>> GridShape(2, 128).around(side=64, multiple=4)
        GridShape(windows=4, size=96)

        Parameters
        ----------
        side
            Of the largest square.
        multiple
            Of which a window's size is one, for the pools of the network.
        """
        size = min(self.size, -(-(side + 2 * CONTEXT) // multiple) * multiple)
        return GridShape(round(self.windows * (self.size / size) ** 2), size)

    def framed(self, side: int, frame: int) -> int:
        """Pixels across what windows are drawn from, at least: squares with what is around them.

        A square as large as a window has one place in it. The same pictures come again and again
        then, and are learned by heart.

        >>> GridShape(2, 128).framed(side=128, frame=16), GridShape(4, 96).framed(64, frame=16)
        (160, 96)

        Parameters
        ----------
        side
            Of the largest square.
        frame
            Pixels around it.
        """
        return max(self.size, min(self.size, side) + 2 * frame)
