"""Places of an annotator's squares on a phantom, and the labels drawn in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from fibsem.data.phantom.recipe import PhantomRecipe, stream
from fibsem.errors import UserError
from fibsem.geometry import Box

Mask = NDArray[np.bool_]

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
#: Slices between the squares of two splits, if the stack is deep enough.
GUARD_SLICES = 10
SOLID = 255


@dataclass(frozen=True)
class Square:
    """A labelled square, one slice thick."""

    box: Box
    split: str


def place_squares(recipe: PhantomRecipe, sample: str) -> list[Square]:
    """Choose the squares of a sample, without overlap and spread over the stack.

    In a stack that is deep enough, train, validation and test squares lie in separate ranges of
    slices with ``GUARD_SLICES`` unused ones between them, so that no neighbourhood is shared. In a
    shallower stack the splits are mixed, as in the published split.
    """
    rng = stream(recipe.seed, sample, "squares", 0)
    depth, height, width = recipe.shape
    splits = _split_names(recipe.squares)
    zones = _zones(depth)
    if zones is None:
        zones = dict.fromkeys(SHARES, range(depth))
        splits = [splits[k] for k in rng.permutation(len(splits))]
    side, placed = recipe.square_px, list[Square]()
    for split in SHARES:
        members = [k for k, name in enumerate(splits) if name == split]
        spread = np.linspace(zones[split].start, zones[split].stop - 1, max(1, len(members)))
        for z in np.round(spread).astype(int)[: len(members)]:
            box = _free_box(int(z), zones[split], (height, width), side, placed, rng)
            placed.append(Square(box, split))
    return placed


def _zones(depth: int) -> dict[str, range] | None:
    """Slices of each split, or None if the guard would take more than half of the stack."""
    usable = depth - 2 * GUARD_SLICES
    if usable < depth / 2:
        return None
    zones, start = {}, 0
    for split, share in SHARES.items():
        stop = min(depth, start + max(1, round(share * usable)))
        zones[split] = range(start, stop)
        start = stop + GUARD_SLICES
    return zones


def _split_names(count: int) -> list[str]:
    """Split of each square: 60 / 20 / 20 %, at least one of each if there are three."""
    held_out = max(1, round(SHARES["val"] * count)) if count >= 3 else 0
    return ["train"] * (count - 2 * held_out) + ["val"] * held_out + ["test"] * held_out


def _free_box(
    z: int,
    zone: range,
    extent: tuple[int, int],
    side: int,
    placed: Sequence[Square],
    rng: np.random.Generator,
) -> Box:
    """Return a square near slice z that overlaps no square in ``taken``."""
    for attempt in range(10_000):
        y, x = (int(rng.integers(0, n - side + 1)) for n in extent)
        if attempt > 100:  # the slice may be full
            z = int(rng.integers(zone.start, zone.stop))
        box = Box((z, y, x), (z + 1, y + side, x + side))
        if not any(box.overlaps(square.box) for square in placed):
            return box
    raise UserError(
        f"`phantom.squares` must fit into the slices without overlap, but {len(placed) + 1} "
        f"squares of {side} pixels do not fit into {len(zone)} slices of {extent[0]} x {extent[1]}."
    )


def draw(
    solid: Mask, recipe: PhantomRecipe, rng: np.random.Generator, margin: int
) -> NDArray[np.uint8]:
    """Draw labels like an annotator: the truth, displaced smoothly at random by a few pixels.

    Parameters
    ----------
    solid : (h + 2 margin, w + 2 margin) bool
        The truth, including a margin.
    recipe, rng
        Size and correlation length of the displacement, and the source of randomness.
    margin
        Pixels to cut off on each side.

    Returns
    -------
    (h, w) uint8
        0 pore, 255 solid.

    Examples
    --------
    >>> solid = np.zeros((40, 40), bool)
    >>> solid[:, 20:] = True
    >>> draw(solid, PhantomRecipe(), np.random.default_rng(0), margin=4).shape
    (32, 32)
    """
    moved = []
    for axis, n in enumerate(solid.shape):
        noise = gaussian_filter(rng.standard_normal(solid.shape), recipe.annotator_length_px)
        scale = noise.std() if recipe.annotator_sd_px else 1.0
        position = np.arange(n).reshape(-1, 1) if axis == 0 else np.arange(n)
        moved.append(position + recipe.annotator_sd_px * noise / scale)
    drawn = map_coordinates(solid.astype(np.uint8), moved, order=0, mode="nearest")
    inner = slice(margin, solid.shape[0] - margin), slice(margin, solid.shape[1] - margin)
    return (SOLID * drawn[inner]).astype(np.uint8)


@dataclass
class DrawnSquares:
    """Drawn and exact labels of the squares of a sample, collected slice by slice."""

    recipe: PhantomRecipe
    sample: str
    squares: Sequence[Square]

    def __post_init__(self) -> None:
        self.masks: dict[int, NDArray[np.uint8]] = {}
        self.truths: dict[int, NDArray[np.uint8]] = {}
        self.margin = 4 * round(self.recipe.annotator_sd_px + 1)

    def take(self, z: int, solid: Mask) -> None:
        """Draw the squares that lie in slice z."""
        padded = np.pad(solid, self.margin, mode="reflect")
        for k, square in enumerate(self.squares):
            if square.box.start[0] != z:
                continue
            _, rows, columns = square.box.slices
            around = padded[
                rows.start : rows.stop + 2 * self.margin,
                columns.start : columns.stop + 2 * self.margin,
            ]
            rng = stream(self.recipe.seed, self.sample, "annotator", k)
            self.masks[k] = draw(around, self.recipe, rng, self.margin)
            self.truths[k] = (SOLID * solid[rows, columns]).astype(np.uint8)
