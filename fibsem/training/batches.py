"""Batches for one epoch: patches around balanced pixels, or grids at random positions.

An epoch is a function of (seed, epoch), so that a training that was killed goes on with the same
batches it would have had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.data.labels import IGNORE
from fibsem.data.sampling import Pixels, cut_patches, dihedral
from fibsem.data.windows import LabelledWindow
from fibsem.models.spec import ModelSpec
from fibsem.training.augmentation import Augmentation
from fibsem.training.supply import Supply

FloatArray = npt.NDArray[np.float32]
Batch = tuple[FloatArray, FloatArray, FloatArray]

#: Patches a step in patch mode from which the length of an epoch in grid mode is taken.
REFERENCE_BATCH = 128


@dataclass(frozen=True)
class GridShape:
    """A batch in grid mode: ``windows`` windows of ``size`` x ``size`` pixels."""

    windows: int = 16
    size: int = 8


def steps_per_epoch(samples: int, batch: int = REFERENCE_BATCH) -> int:
    """Steps that see every sample once, the last batch filled up."""
    return max(1, -(-samples // batch))


def patch_epoch(
    windows: Sequence[LabelledWindow],
    pixels: Pixels,
    spec: ModelSpec,
    batch: int,
    steps: int,
    augmentation: Augmentation,
    seed: Sequence[int],
) -> Iterator[Batch]:
    """Drawn pixels in a new order: (b, n_y, n_x, n_z), labels and weights (b, 1, 1, 1).

    Where there are more ``steps`` than they fill, all are gone over again, in other orders. The
    last batch of a single pass is filled up from its first, so that every batch has one shape.
    """
    rng = np.random.default_rng(seed)
    passes = max(1, steps * batch // len(pixels))
    orders = [rng.permutation(len(pixels)) for _ in range(passes)]
    order = np.resize(np.concatenate(orders), steps * batch)
    n = spec.window
    weights = np.ones((batch, 1, 1), np.float32)
    for step in range(steps):
        chosen = pixels.take(order[step * batch : (step + 1) * batch])
        patches = cut_patches(windows, chosen, n)
        if augmentation.bends:
            side = patches.shape[1]
            for k in range(batch):  # around the pixel that the label is of
                bend = augmentation.bend(side, rng, fixed=side // 2)
                patches[k] = bend.image(patches[k])
        if augmentation.symmetry:
            for k, turn in enumerate(rng.integers(0, 8, batch)):
                patches[k] = dihedral(patches[k].copy(), int(turn))
        labels = chosen.label.astype(np.float32).reshape(batch, 1, 1, 1)
        yield augmentation.intensity(patches, rng), labels, weights


def grid_epoch(
    supply: Supply,
    spec: ModelSpec,
    grid: GridShape,
    steps: int,
    class_weights: tuple[float, float],
    augmentation: Augmentation,
    seed: Sequence[int],
    *,
    whole: bool = False,
) -> Iterator[Batch]:
    """Grids at random positions: (b, side, side, n_z), labels (b, g, g, 1), weights (b, g, g).

    ``side`` is n + s (g - 1) for stride s. The grid's pixels are weighted by class, and by 0 where
    nobody labelled them. Of a network on squares the side is that of the grid, rounded up to its
    pools, unless the ``whole`` surroundings are asked for; so are labels, with weight 0.
    """
    rng = np.random.default_rng(seed)
    extent = spec.stride * (grid.size - 1) + 1
    before, after = (spec.halo[1],) * 2 if whole else spec.step_frame(extent)
    side, reach = before + extent + after, (before, before)
    padded = spec.family == "squares" and not whole
    out, inner = (side, slice(before, before + grid.size)) if padded else (grid.size, slice(None))
    table = np.array([*class_weights, *[0.0] * (IGNORE - 1)], np.float32)
    for _ in range(steps):
        images = np.empty((grid.windows, side, side, spec.nbhd.z), np.float32)
        labels = np.empty((grid.windows, out, out, 1), np.uint8)
        places = supply.draw(grid.windows, extent, rng, spec.stride)
        for k, (number, y, x) in enumerate(places):
            window = supply.windows[number]
            turn = int(rng.integers(0, 8)) if augmentation.symmetry else 0
            image = window.around(y, x, side, side, reach)
            if augmentation.bends:
                bend = augmentation.bend(side, rng)
                image = bend.image(image)
                shown = bend.labels(window.labels, (y, x), before, grid.size, spec.stride)
            else:
                rows, columns = (slice(at, at + extent, spec.stride) for at in (y, x))
                shown = window.labels[rows, columns]
            images[k] = dihedral(image, turn)
            framed = np.full((out, out), IGNORE, np.uint8)
            framed[inner, inner] = shown
            labels[k] = dihedral(framed[..., None], turn)
        solid = (labels == 1).astype(np.float32)
        yield augmentation.intensity(images, rng), solid, table[labels[..., 0]]
