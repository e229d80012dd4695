"""Scores of the pieces that stand for a split: each once, on the pixels that a network gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from fibsem.analysis.estimates import Estimate
from fibsem.data.pieces import Pieces
from fibsem.data.sampling import LabelledWindow
from fibsem.models.spec import ModelSpec

FloatArray = npt.NDArray[np.float32]

#: Pixels of input that go through a network at once: its maps take some 50 to 200 MB.
AT_ONCE = 2**18


class PieceScorer:
    """Scores pieces with a convertible network, as large inputs.

    A network of stride s gives every s-th pixel of a piece, one of stride 1 all of them. These are
    what it is scored on: more would cost more, and neighbours tell little that is new.

    Parameters
    ----------
    spec
        The network's geometry; the network itself is handed to :meth:`estimate`.
    pieces, windows
        The pieces, and each with its surroundings.
    """

    def __init__(self, spec: ModelSpec, pieces: Pieces, windows: Sequence[LabelledWindow]) -> None:
        self.spec, self.pieces, self.windows = spec, pieces, windows

    def estimate(self, forward: Callable[[FloatArray], FloatArray]) -> Estimate:
        """What the network gives on the labelled pixels of its lattices."""
        labels, scores, piece = [], [], []
        for members, shape in self._batches():
            images = np.stack([self._image(k, shape) for k in members])
            for k, grid in zip(members, forward(images)[..., 0], strict=True):
                truth = self._labels(k, shape)
                labelled = truth <= 1
                labels.append(truth[labelled])
                scores.append(grid[labelled])
                piece.append(np.full(int(labelled.sum()), k))
        where = np.concatenate(piece)
        return Estimate(
            np.concatenate(labels), np.concatenate(scores), self.pieces.weight[where],
            self.pieces.square[where], self.pieces.counts,
        )  # fmt: skip

    def _batches(self) -> Iterator[tuple[list[int], tuple[int, int]]]:
        """Pieces with lattices of one shape, as many as go through at once."""
        by_shape: dict[tuple[int, int], list[int]] = defaultdict(list)
        for k, window in enumerate(self.windows):
            rows, columns = (max(1, side // self.spec.stride) for side in window.labels.shape)
            by_shape[rows, columns].append(k)
        for shape, members in by_shape.items():
            height, width = self._input(shape)
            size = max(1, AT_ONCE // (height * width))
            for start in range(0, len(members), size):
                yield members[start : start + size], shape

    def _input(self, shape: tuple[int, int]) -> tuple[int, int]:
        n = self.spec.window
        return self.spec.stride * (shape[0] - 1) + n[0], self.spec.stride * (shape[1] - 1) + n[1]

    def _start(self, k: int) -> tuple[int, int]:
        """First pixel of the lattice of a piece; a piece may be smaller than a stride."""
        y, x = self.pieces.offset[k]
        height, width = self.windows[k].labels.shape
        return int(y) % min(self.spec.stride, height), int(x) % min(self.spec.stride, width)

    def _image(self, k: int, shape: tuple[int, int]) -> FloatArray:
        return self.windows[k].around(*self._start(k), *self._input(shape), self.spec.halo[1:])

    def _labels(self, k: int, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
        (y, x), s = self._start(k), self.spec.stride
        return self.windows[k].labels[y::s, x::s][: shape[0], : shape[1]]
