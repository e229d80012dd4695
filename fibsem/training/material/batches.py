"""Batches of one epoch: patches around balanced pixels, or grids at random positions.

They depend on (seed, epoch) only, so that a resumed training sees the batches it would have seen
without the interruption.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.sampling import Pixels, cut_patches, dihedral
from fibsem.data.windows import HalfArray, LabelledWindow
from fibsem.models.spec import ModelSpec
from fibsem.training.material.augmentation import Augmentation, Bend
from fibsem.training.material.grids import GridShape
from fibsem.training.material.supply import Supply

FloatArray = npt.NDArray[np.float32]
Batch = tuple[FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True)
class Shown:
    """Position of the pixels of a grid in a window.

    Attributes
    ----------
    corner
        Row and column of the first pixel in the labels.
    before
        Row and column of the first pixel in the image; both are equal.
    count, stride
        Number of pixels along each side, and their distance.
    bend
        Displacement of the window, or None.
    """

    corner: tuple[int, int]
    before: int
    count: int
    stride: int
    bend: Bend | None

    def of(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the labels or probabilities (h, w) of a window at the pixels of the grid."""
        if self.bend is not None:
            return self.bend.labels(values, self.corner, self.before, self.count, self.stride)
        extent = self.stride * (self.count - 1) + 1
        rows, columns = (slice(at, at + extent, self.stride) for at in self.corner)
        return values[rows, columns]


def softened(labels: FloatArray, taught: FloatArray, share: float) -> FloatArray:
    """Blend labels (0 pore, 1 solid) with a teacher's probabilities of solid by its share.

    >>> softened(np.float32([0, 1]), np.float32([0.5, 0.5]), 0.5)
    array([0.25, 0.75], dtype=float32)
    """
    return (1 - share) * labels + share * taught


def patch_epoch(
    windows: Sequence[LabelledWindow],
    pixels: Pixels,
    spec: ModelSpec,
    batch: int,
    steps: int,
    augmentation: Augmentation,
    seed: Sequence[int],
    *,
    teacher_share: float = 0.0,
) -> Iterator[Batch]:
    """Yield patches around drawn pixels in random order.

    If ``steps`` exceed one pass, the pixels are repeated, in a new order for each whole pass. What
    whole passes lack is filled up from the beginning of the first one, so that all batches have the
    same shape. The teacher's probabilities have a share of ``teacher_share`` in the labels.

    Yields
    ------
    inputs, labels, weights : ndarray, float32
        (b, n_y, n_x, n_z), (b, 1, 1, 1) and (b, 1, 1).
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
            for k in range(batch):  # the labelled pixel stays in the centre
                bend = augmentation.bend(side, rng, fixed=side // 2)
                patches[k] = bend.image(patches[k])
        if augmentation.symmetry:
            for k, turn in enumerate(rng.integers(0, 8, batch)):
                patches[k] = dihedral(patches[k].copy(), int(turn))
        labels = chosen.label.astype(np.float32)
        if teacher_share:
            labels = softened(labels, _taught_at(windows, chosen), teacher_share)
        yield augmentation.intensity(patches, rng), labels.reshape(batch, 1, 1, 1), weights


def grid_epoch(
    supply: Supply,
    spec: ModelSpec,
    grid: GridShape,
    steps: int,
    class_weights: tuple[float, float],
    augmentation: Augmentation,
    seed: Sequence[int],
    *,
    as_scored: bool = False,
    teacher_share: float = 0.0,
) -> Iterator[Batch]:
    """Yield windows with a grid of g x g labelled outputs at random positions.

    ``side`` is n + s (g - 1) for stride s. Pixels are weighted by class, and by 0 if unlabelled.
    For a network on squares ``side`` is that of the grid, rounded up to the network's pools, and
    labels are padded to it with weight 0, unless surroundings are requested ``as_scored``. The
    teacher's probabilities have a share of ``teacher_share`` in the labels.

    Yields
    ------
    inputs, labels, weights : ndarray, float32
        (b, side, side, n_z), (b, g, g, 1) and (b, g, g).
    """
    rng = np.random.default_rng(seed)
    extent = grid.extent(spec.stride)
    before, after = (spec.halo[1],) * 2 if as_scored else spec.step_frame(extent)
    side, reach = before + extent + after, (before, before)
    padded = spec.family == "squares" and not as_scored
    out, inner = (side, slice(before, before + grid.size)) if padded else (grid.size, slice(None))
    table = np.array([*class_weights, *[0.0] * (IGNORE - 1)], np.float32)
    for _ in range(steps):
        images = np.empty((grid.windows, side, side, spec.nbhd.z), np.float32)
        labels = np.empty((grid.windows, out, out, 1), np.uint8)
        taught = np.zeros(labels.shape, np.float32)
        places = supply.draw(grid.windows, extent, rng, spec.stride)
        for k, (number, y, x) in enumerate(places):
            window = supply.windows[number]
            turn = int(rng.integers(0, 8)) if augmentation.symmetry else 0
            bend = augmentation.bend(side, rng) if augmentation.bends else None
            shown = Shown((y, x), before, grid.size, spec.stride, bend)
            image = window.around(y, x, side, side, reach)
            images[k] = dihedral(bend.image(image) if bend else image, turn)
            labels[k] = _framed(shown.of(window.labels), out, inner, turn, IGNORE)
            if teacher_share:
                taught[k] = _framed(shown.of(_taught(window)), out, inner, turn, 0)
        solid = (labels == 1).astype(np.float32)
        if teacher_share:
            solid = np.where(labels <= 1, softened(solid, taught, teacher_share), solid)
        yield augmentation.intensity(images, rng), solid, table[labels[..., 0]]


def _framed(
    values: npt.NDArray[Any], out: int, inner: slice, turn: int, beyond: int
) -> npt.NDArray[Any]:
    """Pad the values of a grid with ``beyond`` and turn them like its image, (out, out, 1)."""
    framed = np.full((out, out), beyond, values.dtype)
    framed[inner, inner] = values
    return dihedral(framed[..., None], turn)


def _taught(window: LabelledWindow) -> HalfArray:
    """Return the teacher's probabilities of a window, (h, w) float16."""
    assert window.taught is not None
    return window.taught


def _taught_at(windows: Sequence[LabelledWindow], pixels: Pixels) -> FloatArray:
    """Return the teacher's probabilities of the given pixels, (len(pixels),) float32."""
    places = zip(pixels.window, pixels.y, pixels.x, strict=True)
    return np.array([_taught(windows[k])[y, x] for k, y, x in places], np.float32)
