"""Choose the pixels for training and scoring: balanced samples, lattices, and their patches.

Neighbourhoods are cut from the corrected regions when needed; storing 589 820 patches of
81 x 81 x 3 would take 46 GB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.data.windows import LabelledWindow
from fibsem.errors import UserError

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.uint8]

#: Spacing of the pixels on which models are compared: a multiple of every stride up to 16.
LATTICE = 16


@dataclass(frozen=True)
class Pixels:
    """Labelled pixels as arrays of equal length: index of the window, y, x, and label."""

    window: npt.NDArray[np.int32]
    y: npt.NDArray[np.int32]
    x: npt.NDArray[np.int32]
    label: LabelArray

    def __len__(self) -> int:
        return len(self.label)

    def take(self, index: npt.NDArray[np.intp]) -> Pixels:
        """Return the pixels at some indices, in their order."""
        return Pixels(self.window[index], self.y[index], self.x[index], self.label[index])


def sample_size(labelled: int, share: float) -> int:
    """Number of pixels to draw as a share of N labelled: 2 floor(share N / 2) (thesis 3.3)."""
    return 2 * int(share * labelled / 2 + 1e-9)


def balanced_pixels(labels: Sequence[LabelArray], size: int, rng: np.random.Generator) -> Pixels:
    """Draw random pixels from all windows, half of them pore and half solid (thesis 3.3).

    Parameters
    ----------
    labels
        Labels of each window, (h, w) uint8.
    size
        Even number of pixels, drawn without replacement unless a class has too few.
    rng
        Source of randomness.

    Examples
    --------
    >>> labels = np.array([[0, 0, 0, 0, 1, 1]], np.uint8)
    >>> drawn = balanced_pixels([labels], 4, np.random.default_rng(0))
    >>> sorted(drawn.label.tolist())
    [0, 0, 1, 1]
    """
    drawn = [_draw_class(labels, value, size // 2, rng) for value in (0, 1)]
    window, y, x = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    label = np.repeat(np.array([0, 1], np.uint8), size // 2)
    return Pixels(window, y, x, label).take(rng.permutation(size))


def _draw_class(
    labels: Sequence[LabelArray], value: int, size: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Draw ``size`` pixels of one class as (window, y, x)."""
    counts = np.array([int((window == value).sum()) for window in labels])
    total = int(counts.sum())
    if total == 0:
        raise UserError(f"a split must hold pixels of both classes, but none is of class {value}.")
    rank = np.sort(rng.choice(total, size, replace=size > total))
    ends = counts.cumsum()
    window = np.searchsorted(ends, rank, side="right").astype(np.int32)
    y, x = np.empty(size, np.int32), np.empty(size, np.int32)
    for k in np.unique(window):
        here = window == k
        flat = np.flatnonzero(labels[k] == value)[rank[here] - (ends[k] - counts[k])]
        y[here], x[here] = np.divmod(flat, labels[k].shape[1])
    return window, y, x


@dataclass(frozen=True)
class Lattice:
    """A g_y x g_x grid of pixels in a window, ``LATTICE`` apart, starting at (y, x)."""

    window: int
    y: int
    x: int
    shape: tuple[int, int]


@dataclass(frozen=True)
class LatticeSample:
    """The fixed balanced sample of a split: half pores, half solid, on lattices.

    A convertible network evaluates a whole lattice at once in grid form, other networks evaluate
    it patch by patch; the pixels are the same.

    Attributes
    ----------
    lattices
        The lattices that hold the pixels.
    member
        Index of the lattice of each pixel.
    row, column
        Position of each pixel in its lattice.
    pixels
        The same pixels by window and position, with their labels.
    """

    lattices: tuple[Lattice, ...]
    member: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    pixels: Pixels

    def __len__(self) -> int:
        return len(self.pixels)


def lattice_pixels(
    labels: Sequence[LabelArray], size: int, rng: np.random.Generator
) -> LatticeSample:
    """Draw a balanced sample of ``size`` pixels on as few random lattices as needed."""
    lattices: list[Lattice] = []
    values: list[LabelArray] = []
    drawn = np.zeros(2, dtype=np.int64)
    for lattice in _random_lattices(labels, rng):
        grid = _on_lattice(labels[lattice.window], lattice)
        lattices.append(lattice)
        values.append(grid)
        drawn += [int((grid == 0).sum()), int((grid == 1).sum())]
        if drawn.min() >= size // 2:
            break
    if drawn.min() < size // 2:  # a class is rare: draw fewer pixels to stay balanced
        size = 2 * int(drawn.min())
    if size == 0:
        raise UserError("a split must hold pixels of both classes, but one class is missing.")
    return _choose(lattices, values, size, rng)


def _random_lattices(labels: Sequence[LabelArray], rng: np.random.Generator) -> Iterator[Lattice]:
    """Yield every lattice of every window, in random order."""
    for code in rng.permutation(len(labels) * LATTICE**2):
        window, offset = divmod(int(code), LATTICE**2)
        y, x = divmod(offset, LATTICE)
        height, width = labels[window].shape
        shape = (max(1, height // LATTICE), max(1, width // LATTICE))
        if y < height and x < width:
            yield Lattice(window, y, x, shape)


def _on_lattice(labels: LabelArray, lattice: Lattice) -> LabelArray:
    rows, columns = lattice.shape
    return labels[lattice.y :: LATTICE, lattice.x :: LATTICE][:rows, :columns]


def _choose(
    lattices: Sequence[Lattice],
    values: Sequence[LabelArray],
    size: int,
    rng: np.random.Generator,
) -> LatticeSample:
    """Choose equally many pore and solid pixels from the lattices."""
    pixels_of_lattices = [
        (k, *ij, grid[ij]) for k, grid in enumerate(values) for ij in np.ndindex(grid.shape)
    ]
    member, row, column, label = (
        np.array(entries, dtype)
        for entries, dtype in zip(zip(*pixels_of_lattices, strict=True), "iiiB", strict=True)
    )
    chosen = np.sort(
        np.concatenate(
            [rng.choice(np.flatnonzero(label == c), size // 2, replace=False) for c in (0, 1)]
        )
    )
    member, row, column, label = (entries[chosen] for entries in (member, row, column, label))
    used, member = np.unique(member, return_inverse=True)
    used_lattices = tuple(lattices[k] for k in used)
    start = np.array(
        [(lattice.window, lattice.y, lattice.x) for lattice in used_lattices], np.int32
    )[member]
    pixels = Pixels(start[:, 0], start[:, 1] + LATTICE * row, start[:, 2] + LATTICE * column, label)
    return LatticeSample(used_lattices, member.astype(np.int32), row, column, pixels)


def cut_patches(
    windows: Sequence[LabelledWindow], pixels: Pixels, n: tuple[int, int]
) -> FloatArray:
    """Cut the neighbourhoods of pixels, (len(pixels), n_y, n_x, n_z) float32."""
    depth = windows[0].image.shape[-1]
    patches = np.empty((len(pixels), *n, depth), np.float32)
    reach = (n[0] // 2, n[1] // 2)
    for k, (window, y, x) in enumerate(zip(pixels.window, pixels.y, pixels.x, strict=True)):
        patches[k] = windows[window].around(y, x, *n, reach)
    return patches


def dihedral(images: npt.NDArray[np.generic], k: int) -> npt.NDArray[np.generic]:
    """Return one of the eight rotations and reflections (k = 0..7) of (..., y, x, channel) images.

    The first four are rotations by k quarter turns, the others their mirror images in x. The result
    is a view.
    """
    turned = np.rot90(images, k % 4, axes=(-3, -2))
    return turned[..., ::-1, :] if k >= 4 else turned
