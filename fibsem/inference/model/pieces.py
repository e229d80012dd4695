"""Score the sampled pieces of a split on lattices of pixels, in few passes of a network."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from fibsem.analysis.estimates import Estimate
from fibsem.data.lattices import Lattices
from fibsem.data.pieces import Pieces
from fibsem.data.windows import LabelledWindow
from fibsem.models.spec import ModelSpec

FloatArray = npt.NDArray[np.float32]

#: Input pixels in one pass of a network, whose maps take below 200 MiB in its default size.
AT_ONCE = 2**18


class PieceScorer:
    """Scorer of pieces with a convertible network, in large inputs.

    A network of stride s outputs every s-th pixel, a lattice; with stride 1 these are all pixels.

    Parameters
    ----------
    spec
        The network's geometry; the network itself is an argument of :meth:`estimate`.
    pieces, windows
        The pieces, and their grey values with a margin.
    lattices
        Pixels of each piece that are scored.
    """

    def __init__(
        self,
        spec: ModelSpec,
        pieces: Pieces,
        windows: Sequence[LabelledWindow],
        lattices: Lattices,
    ) -> None:
        self.spec, self.pieces, self.windows = spec, pieces, windows
        self.lattices = lattices

    def estimate(self, forward: Callable[[FloatArray], FloatArray]) -> Estimate:
        """Score the labelled pixels of the lattices, for an estimate of the split's figures."""
        labels, scores, lattice = [], [], []
        for members, shape in self._batches():
            images = np.stack([self._image(k, shape) for k in members])
            for k, grid in zip(members, forward(images)[..., 0], strict=True):
                truth = self._labels(k)
                labelled = truth <= 1
                labels.append(truth[labelled])
                scores.append(grid[labelled])
                lattice.append(np.full(int(labelled.sum()), k))
        index = np.concatenate(lattice)
        return Estimate(
            np.concatenate(labels), np.concatenate(scores), self.lattices.weight[index],
            self.pieces.square[self.lattices.piece[index]], self.pieces.counts, self.pieces.sample,
        )  # fmt: skip

    def _batches(self) -> Iterator[tuple[list[int], tuple[int, int]]]:
        """Yield batches of lattices of one shape: their indices, and the shape."""
        by_shape: dict[tuple[int, int], list[int]] = defaultdict(list)
        for k in range(len(self.lattices)):
            rows, columns = self._labels(k).shape
            by_shape[rows, columns].append(k)
        for shape, members in by_shape.items():
            size = max(1, AT_ONCE // math.prod(input_of(self.spec, shape)))
            for start in range(0, len(members), size):
                yield members[start : start + size], shape

    def _window(self, k: int) -> LabelledWindow:
        return self.windows[self.lattices.piece[k]]

    def _image(self, k: int, shape: tuple[int, int]) -> FloatArray:
        y, x = self.lattices.start[k]
        return self._window(k).around(y, x, *input_of(self.spec, shape), self.spec.halo[1:])

    def _labels(self, k: int) -> npt.NDArray[np.uint8]:
        (y, x), s = self.lattices.start[k], self.spec.stride
        return self._window(k).labels[y::s, x::s]


def input_of(spec: ModelSpec, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of the input for a lattice of this shape."""
    n = spec.window
    return spec.stride * (shape[0] - 1) + n[0], spec.stride * (shape[1] - 1) + n[1]
