"""Receptive fields of networks, and the positions of their outputs on larger inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Padding = Literal["same", "valid"]


@dataclass(frozen=True)
class Field:
    """The part of the neighbourhood that a valid-padded network sees, and its stride.

    A block is ``convs`` valid convolutions, then a 2 x 2 pool if the map is at least two pixels
    wide; the head is a convolution whose kernel covers the remaining map. Pools of odd maps leave
    pixels unused; these are cropped from the neighbourhood symmetrically, an odd one at the end.
    """

    width: int
    stride: int
    head: int
    pooled: tuple[bool, ...]

    def crop(self, n: int) -> tuple[int, int]:
        """Return the unused pixels before and after the field in a neighbourhood n wide."""
        unused = n - self.width
        return unused // 2, unused - unused // 2


def valid_field(
    n: int, blocks: int, kernel: int = 3, convs: int = 2, pool: bool = True
) -> Field | None:
    """Return the field of a valid-padded network, or None if the map runs out of pixels.

    >>> [valid_field(n, b).width for n, b in ((11, 1), (33, 3), (49, 3), (65, 3), (81, 4))]
    [10, 32, 44, 60, 76]
    """
    width, pooled = n, []
    for _ in range(blocks):
        width -= convs * (kernel - 1)
        if width < 1:
            return None
        pooled.append(pool and width >= 2)
        width = width // 2 if pooled[-1] else width
    head = field = width
    for halved in reversed(pooled):
        field = field * (2 if halved else 1) + convs * (kernel - 1)
    return Field(field, 2 ** sum(pooled), head, tuple(pooled))


def most_blocks(
    n: int, padding: Padding, kernel: int = 3, convs: int = 2, pool: bool = True
) -> int:
    """Return the largest number of blocks that a neighbourhood n wide admits, possibly 0."""
    # every pool halves, and the last map keeps at least one pixel; a kernel of 1 loses none
    if padding == "same" or kernel == 1:
        return n.bit_length() - 1
    blocks = 0
    while valid_field(n, blocks + 1, kernel, convs, pool) is not None:
        blocks += 1
    return blocks


@dataclass(frozen=True)
class UNetGeometry:
    """Position of the outputs of a valid-padded U-Net on its input, in pixels of the input.

    The output has ``multiple * m - rest`` pixels for some m, and lacks ``margin`` pixels of the
    input on each side.
    """

    margin: int
    multiple: int
    rest: int


def unet_squares(blocks: int, kernel: int = 3, convs: int = 2, stem: int = 1) -> UNetGeometry:
    """Return the geometry of a valid-padded U-Net with ``blocks`` pools.

    With ``stem=2`` its maps have half the resolution of the image: the first convolution is 4 wide
    with a stride of 2, and the last one, ``kernel`` wide, gives four scores for each of its pixels.

    >>> [unet_squares(2), unet_squares(3)]
    [UNetGeometry(margin=20, multiple=4, rest=12), UNetGeometry(margin=44, multiple=8, rest=28)]
    >>> unet_squares(2, stem=2)
    UNetGeometry(margin=41, multiple=8, rest=28)
    """
    lost = convs * (kernel - 1)  # per level, on the way down and again on the way up
    first, last = (lost, 0) if stem == 1 else (lost - (kernel - 1), kernel - 1)
    down = [first, *[lost] * (blocks - 1)]
    eaten = lost * 2**blocks + sum((lost + d) * 2**i for i, d in enumerate(down)) + last
    rest = lost * (2**blocks - 1) + last
    return UNetGeometry(stem * eaten // 2 + stem - 1, stem * 2**blocks, stem * rest)
