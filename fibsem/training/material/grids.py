"""Number and size of the windows of a step in grid mode."""

from __future__ import annotations

from dataclasses import dataclass

#: Pixels around small squares that the training windows of a network on squares include.
CONTEXT = 16


@dataclass(frozen=True)
class GridShape:
    """A batch in grid mode: ``windows`` windows of ``size`` x ``size`` pixels."""

    windows: int = 16
    size: int = 8

    def extent(self, stride: int) -> int:
        """Return the extent in pixels of a grid whose pixels lie ``stride`` apart.

        >>> GridShape(16, 8).extent(stride=16)
        113
        """
        return 1 + stride * (self.size - 1)

    def around(self, side: int, multiple: int) -> GridShape:
        """Return more and smaller windows, not much larger than the labelled squares.

        Squares of 64 get four windows of 96 instead of two of 128, in which three of four pixels
        would have no label:

        >>> GridShape(2, 128).around(side=64, multiple=4)
        GridShape(windows=4, size=96)

        Parameters
        ----------
        side
            Side of the largest square in pixels.
        multiple
            The size of a window is a multiple of it, to suit the pooling of the network.
        """
        size = min(self.size, -(-(side + 2 * CONTEXT) // multiple) * multiple)
        return GridShape(round(self.windows * (self.size / size) ** 2), size)

    def framed(self, side: int, frame: int) -> int:
        """Return the minimum side to which squares are grown before windows are drawn from them.

        Without a frame a square of the size of a window allows a single window, and the network
        memorises the few images that it sees again and again.

        >>> GridShape(2, 128).framed(side=128, frame=16), GridShape(4, 96).framed(64, frame=16)
        (160, 96)

        Parameters
        ----------
        side
            Side of the largest square in pixels.
        frame
            Pixels added on each side of it.
        """
        return max(self.size, min(self.size, side) + 2 * frame)
