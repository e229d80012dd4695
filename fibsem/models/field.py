"""What a pixel classifier sees of its neighbourhood, and how its outputs lie on a larger input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Padding = Literal["same", "valid"]


@dataclass(frozen=True)
class Field:
    """The part of the neighbourhood that a valid-padded network sees, and its stride.

    A block is ``convs`` valid convolutions, then a 2 x 2 pool as long as the map is at least two
    pixels wide; the head is a convolution whose kernel is what is left of the map. Pools that
    floor leave pixels unused: those are cropped from the neighbourhood, symmetrically, the odd one
    at the end.
    """

    width: int
    stride: int
    head: int
    pooled: tuple[bool, ...]

    def crop(self, n: int) -> tuple[int, int]:
        """Unused pixels before and after the field in a neighbourhood n wide."""
        unused = n - self.width
        return unused // 2, unused - unused // 2


def valid_field(
    n: int, blocks: int, kernel: int = 3, convs: int = 2, pool: bool = True
) -> Field | None:
    """Field of a valid-padded network of that many blocks, or None where the map runs out.

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
    """Largest number of blocks that a neighbourhood n wide admits (0: none)."""
    if padding == "same":  # every pool halves, and the last map keeps at least one pixel
        return n.bit_length() - 1
    blocks = 0
    while valid_field(n, blocks + 1, kernel, convs, pool) is not None:
        blocks += 1
    return blocks


def unet_margin(blocks: int, kernel: int = 3, convs: int = 2) -> int:
    """Pixels that a valid-padded U-Net of that many pools loses on each side.

    >>> unet_margin(2), unet_margin(3)
    (20, 44)
    """
    lost = convs * (kernel - 1)  # of each level on the way down, and again on the way up
    margin = lost  # at the bottom
    for _ in range(blocks):
        margin = 2 * margin + 2 * lost
    return margin // 2
