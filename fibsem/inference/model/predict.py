"""Probabilities of solid for a fixed sample or a block: patch, grid or dense evaluation."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fibsem.data.sampling import LATTICE, LatticeSample, Pixels, cut_patches
from fibsem.data.windows import LabelledWindow
from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.inference.model.memory import ask_for, bytes_per_pixel
from fibsem.inference.model.views import views
from fibsem.inference.options import Precision
from fibsem.models import Model
from fibsem.models.dense import dense_twin
from fibsem.models.spec import ModelSpec
from fibsem.system.interrupts import uninterrupted
from fibsem.system.pulse import apart, step

FloatArray = npt.NDArray[np.float32]
Indices = npt.NDArray[np.integer[Any]]
Mode = Literal["patch", "dense", "features"]

# Every network has a function of its own, traced once. TensorFlow mistakes them for one function
# that is traced repeatedly, and warns.
tf.get_logger().addFilter(lambda record: "tf.function retracing" not in record.getMessage())

#: Patches in a batch, in patch mode.
PATCH_BATCH = 512


def compiled(model: keras.Model) -> Callable[[FloatArray], FloatArray]:
    """Compile a network to a function on arrays, which is traced once for all input sizes."""
    signature = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)

    @tf.function(input_signature=[signature], autograph=False)  # type: ignore[untyped-decorator]
    def forward(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)

    traced = False

    def on_arrays(images: FloatArray) -> FloatArray:
        nonlocal traced
        if not traced:
            apart()
        with uninterrupted():
            scores: FloatArray = forward(tf.convert_to_tensor(images)).numpy()
        traced = True
        step()
        return scores

    return on_arrays


class SampleScorer:
    """Scorer of the fixed balanced sample of a split, in grid form if that costs less.

    Parameters
    ----------
    spec
        The network's geometry; the network itself is an argument of :meth:`scores`.
    windows, balanced
        The labelled windows of the split and the pixels drawn from them.
    """

    def __init__(
        self, spec: ModelSpec, windows: Sequence[LabelledWindow], balanced: LatticeSample
    ) -> None:
        self.spec, self.windows, self.balanced = spec, windows, balanced

    @property
    def by_grid(self) -> bool:
        """Whether whole lattices are evaluated: for convertible networks, if it costs less."""
        if not self.spec.convertible:
            return False
        if self.spec.family == "squares":
            return True
        if LATTICE % self.spec.stride:  # its grid misses pixels of the lattice
            return False
        sees = self.spec.sees
        grids = sum(
            np.prod([LATTICE * (g - 1) + sees for g in lattice.shape])
            for lattice in self.balanced.lattices
        )
        return bool(grids < len(self.balanced) * sees**2)

    def scores(self, forward: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """Return the probability of solid of every balanced pixel, (len(balanced),) float32."""
        if self.by_grid:
            return self._by_grid(forward)
        return patch_scores(forward, self.spec, self.windows, self.balanced.pixels)

    def _by_grid(self, forward: Callable[[FloatArray], FloatArray]) -> FloatArray:
        by_shape: dict[tuple[int, int], list[int]] = defaultdict(list)
        for k, lattice in enumerate(self.balanced.lattices):
            by_shape[lattice.shape].append(k)
        scores = np.empty(len(self.balanced), np.float32)
        for shape, members in by_shape.items():
            for start in range(0, len(members), 8):
                batch = members[start : start + 8]
                for k, grid in zip(batch, self._lattices(batch, shape, forward), strict=True):
                    of_member = self.balanced.member == k
                    scores[of_member] = grid[
                        self.balanced.row[of_member], self.balanced.column[of_member]
                    ]
        return scores

    def _lattices(
        self, members: Sequence[int], shape: tuple[int, int], forward: Callable[..., FloatArray]
    ) -> FloatArray:
        """Score lattices of one shape, (lattice, g_y, g_x)."""
        height, width = (
            LATTICE * (g - 1) + n for g, n in zip(shape, self.spec.window, strict=True)
        )
        images = np.empty((len(members), height, width, self.spec.nbhd.z), np.float32)
        for image, lattice in zip(
            images, (self.balanced.lattices[k] for k in members), strict=True
        ):
            window = self.windows[lattice.window]
            image[...] = window.around(lattice.y, lattice.x, height, width, self.spec.halo[1:])
        step = LATTICE // self.spec.stride
        return forward(images)[:, ::step, ::step, 0]


def patch_scores(
    forward: Callable[[FloatArray], FloatArray],
    spec: ModelSpec,
    windows: Sequence[LabelledWindow],
    pixels: Pixels,
) -> FloatArray:
    """Return the probability of solid at pixels of windows, (len(pixels),) float32, by patches."""
    parts = []
    for start in range(0, len(pixels), PATCH_BATCH):
        batch = pixels.take(np.arange(start, min(start + PATCH_BATCH, len(pixels))))
        parts.append(forward(cut_patches(windows, batch, spec.window)).reshape(-1))
    return np.concatenate(parts)


class BlockScorer:
    """Scorer of every pixel of a block of corrected grey values.

    Parameters
    ----------
    spec, model
        The trained model and its geometry; a network is given in strided form.
    precision
        Precision of a network's dense form.
    symmetry
        Number of views of a block whose scores are averaged, see
        :mod:`fibsem.inference.model.views`; without effect for models that are no networks.

    Attributes
    ----------
    mode
        ``dense`` where a network is convertible, else ``patch``; ``features`` for other models.
    model
        The trained model, as it was given.
    network
        The network that is evaluated: the dense twin, or the one given; None for other models.
    level
        Result of :meth:`look` for the current slice; None for models that do not need it.

    Examples
    --------
    Otsu's threshold of a slice of 24 x 24 pixels, smoothed, of which 4 on each side are its halo:

    >>> from fibsem.geometry import Nbhd
    >>> from fibsem.models import resolve, untrained
    >>> spec = resolve("threshold", Nbhd.parse("1x1x1"), "valid")
    >>> scorer = BlockScorer(spec, untrained(spec))
    >>> grey = np.random.default_rng(0).normal(size=(24, 24)).astype(np.float32)
    >>> scorer.look(grey)  # networks do not need to
    >>> scores = scorer(grey[..., None])
    >>> scores.shape, scores.dtype.name, bool(0 <= scores.min() <= scores.max() <= 1)
    ((16, 16), 'float32', True)
    """

    def __init__(
        self, spec: ModelSpec, model: Model, precision: Precision = "float32", symmetry: int = 1
    ) -> None:
        self.spec, self.precision = spec, precision
        self.views = list(views(symmetry if spec.is_network else 1))
        self.mode: Mode = "features"
        self.network: keras.Model | None = None
        self.model = model
        self.level: Any = None
        if spec.is_network:
            self.mode = "dense" if spec.convertible else "patch"
            self.network = model
            if spec.convertible:
                self.network = dense_twin(spec, model, precision=precision)
            self._forward = compiled(self.network)

    @property
    def halo(self) -> Triple:
        """Pixels that a block must be grown by, (z, y, x)."""
        return self.spec.halo

    @cached_property
    def bytes_per_pixel(self) -> float:
        """Bytes of memory for each pixel of a block."""
        if self.network is None:
            return 4.0 * self.model.values_per_pixel
        return bytes_per_pixel(self.network, self.precision)

    @property
    def alignment(self) -> int:
        """Blocks that start at multiples of these pixels get the scores that larger blocks get."""
        return self.spec.alignment

    @property
    def needs_slice(self) -> bool:
        """Whether :meth:`look` must be called for a slice before its blocks are scored."""
        return self.spec.architecture.needs_slice

    def look(self, grey: FloatArray) -> None:
        """Look at the whole slice (y, x) that the next blocks lie in, for models that need it.

        The result, ``level``, is kept until the next slice is looked at.
        """
        if self.needs_slice:
            self.level = self.model.level(grey)

    def __call__(self, block: FloatArray) -> FloatArray:
        """Return the probability of solid, (y, x) float32, for a block without its halo.

        Parameters
        ----------
        block : (y + 2 halo_y, x + 2 halo_x, n_z) float32
            Corrected grey values with the halo of the spec around, slices last.

        Raises
        ------
        MemoryError
            If the maps of a dense network do not fit.
        UserError
            If a probability is not a number: weights that diverged give no porosity.
        """
        return self._finite(self._scores(block) if len(self.views) == 1 else self._mean(block))

    def one_view(self, block: FloatArray) -> FloatArray:
        """Return the probability of solid for a block in a single view."""
        return self._finite(self._scores(block))

    def _finite(self, scores: FloatArray) -> FloatArray:
        if not math.isfinite(float(scores.sum(dtype=np.float64))):
            raise UserError(
                f"a model must give finite probabilities, but this {self.spec.name} gives others "
                f"in {self.precision}: its training diverged, or its weights are damaged; train "
                "again, or name another model."
            )
        return scores

    def _mean(self, block: FloatArray) -> FloatArray:
        """Return the mean probability over the views of a block."""
        halo, alignment = self.halo[1], self.alignment
        scores = [view.scores(block, self._scores, halo, alignment) for view in self.views]
        mean: FloatArray = np.mean(scores, axis=0, dtype=np.float32)
        return mean

    def _scores(self, block: FloatArray) -> FloatArray:
        if self.mode == "dense":
            ask_for(self.bytes_per_pixel * block.shape[0] * block.shape[1])
            return self._forward(block[None])[0, ..., 0]
        if self.mode == "patch":
            return sliding_window(self._forward, block, self.spec)
        return self.model.scores(block, self.level)

    def at(self, block: FloatArray, y: Indices, x: Indices) -> FloatArray:
        """Return the probability of solid at some inner pixels of a block, (pixels,) float32.

        Models other than networks score only these pixels if that costs less.
        """
        if self.mode == "features":
            return self.model.scores_at(block, y, x, self.level)
        return self(block)[y, x]


def sliding_window(
    forward: Callable[[FloatArray], FloatArray], block: FloatArray, spec: ModelSpec
) -> FloatArray:
    """Score a block patch by patch, as in the thesis: the slow reference of the dense form."""
    n = spec.window
    patches = np.lib.stride_tricks.sliding_window_view(block, n, axis=(0, 1))
    patches = np.moveaxis(patches, 2, -1)  # (y, x, n_y, n_x, n_z)
    shape = patches.shape[:2]
    scores = np.empty(shape[0] * shape[1], np.float32)
    for start in range(0, scores.size, PATCH_BATCH):
        index = np.unravel_index(range(start, min(start + PATCH_BATCH, scores.size)), shape)
        scores[start : start + PATCH_BATCH] = forward(patches[index]).reshape(-1)
    return scores.reshape(shape)
