"""``forest``: a random forest on Gaussian scale-space features, the baseline of the thesis.

The features of a pixel are, for every slice of the window and every sigma, the smoothed grey value,
its gradient magnitude and the two eigenvalues of its Hessian, all within the slice.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import skops.io
from scipy.ndimage import gaussian_filter
from sklearn.ensemble import RandomForestClassifier

from fibsem.errors import UserError
from fibsem.models.architectures import TRUNCATE, gaussian_reach
from fibsem.models.spec import ModelSpec

FloatArray = npt.NDArray[np.float32]

#: Number of features of one slice at one sigma.
PER_SIGMA = 4
#: The only type in a file that skops must be told to trust; its indices are checked on loading.
TREE = "sklearn.tree._tree.Tree"
#: Number of pixels that are classified at once: a few MB of features and votes.
CHUNK = 1 << 17


@dataclass(frozen=True)
class Forest:
    """A random forest; ``classifier`` is scikit-learn's classifier, None before fitting."""

    spec: ModelSpec
    classifier: RandomForestClassifier = None

    @classmethod
    def fit(
        cls, spec: ModelSpec, features: FloatArray, labels: npt.NDArray[np.uint8], seed: int
    ) -> Forest:
        """Fit a forest to balanced pixels: features (pixels, features) and classes (pixels,)."""
        hp = spec.hyperparameters
        classifier = RandomForestClassifier(
            hp["trees"],
            min_samples_leaf=hp["min_samples_leaf"],
            max_features=hp["max_features"],
            random_state=seed,
            n_jobs=-1,
        )
        return cls(spec, classifier.fit(features, labels))

    @property
    def feature_count(self) -> int:
        """Number of features of a pixel."""
        return feature_count(self.spec)

    @property
    def values_per_pixel(self) -> float:
        """Float32 values held per pixel while scoring: features and temporaries."""
        return feature_count(self.spec) + 24

    def fitted(self, features: FloatArray, labels: npt.NDArray[np.uint8], seed: int) -> Forest:
        """Return a forest fitted to features (pixels, features) and classes (pixels,)."""
        return Forest.fit(self.spec, features, labels, seed)

    def restored(self, folder: Path) -> Forest:
        """Return the forest that was saved in a folder."""
        return Forest.load(self.spec, folder / str(self.spec.architecture.weights))

    def level(self, slice_: FloatArray) -> None:
        """Return None: scores depend on the surroundings of a pixel only."""

    @property
    def parameters(self) -> int:
        """Number of nodes of all trees."""
        return sum(tree.tree_.node_count for tree in self.classifier.estimators_)

    def features(self, block: FloatArray) -> FloatArray:
        """Compute the features of the inner pixels of a block, (y, x, features) float32.

        Parameters
        ----------
        block : (y + 2 halo, x + 2 halo, n_z) float32
            Corrected grey values including the halo of the spec, slices last.
        """
        return scale_space(block, self.spec.hyperparameters["sigmas"], self.spec.halo[1])

    def scores(self, block: FloatArray, level: None = None) -> FloatArray:
        """Return the probability of solid of the inner pixels of a block, (y, x) float32."""
        features = self.features(block)
        return self.classify(features.reshape(-1, features.shape[-1])).reshape(features.shape[:2])

    def scores_at(
        self, block: FloatArray, y: npt.NDArray[Any], x: npt.NDArray[Any], level: None = None
    ) -> FloatArray:
        """Return the probability of solid of some inner pixels only, (pixels,) float32."""
        return self.classify(self.features(block)[y, x])

    def classify(self, features: FloatArray) -> FloatArray:
        """Return the mean vote for solid from features (pixels, features), (pixels,) float32."""
        parts = [
            self.classifier.predict_proba(features[start : start + CHUNK])[:, 1]
            for start in range(0, len(features), CHUNK)
        ]
        return np.concatenate(parts).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the forest without pickle."""
        skops.io.dump(self.classifier, path)

    @classmethod
    def load(cls, spec: ModelSpec, path: Path) -> Forest:
        """Read a forest from a file that holds nothing but a valid scikit-learn forest.

        Raises
        ------
        UserError
            If indices of a tree are out of bounds, which scikit-learn does not check.
        """
        classifier = skops.io.load(path, trusted=[TREE])
        for estimator in classifier.estimators_:
            _check_tree(estimator.tree_, feature_count(spec), path)
        return cls(spec, classifier)


def scale_space(block: FloatArray, sigmas: Sequence[float], halo: int) -> FloatArray:
    """Compute the Gaussian scale-space features of the inner pixels of a block.

    Parameters
    ----------
    block : (y + 2 halo, x + 2 halo, n_z) float32
        Grey values.
    sigmas
        Standard deviations of the Gaussians in pixels.
    halo
        Pixels around the inner ones: four times the largest sigma, plus two for the differences.

    Returns
    -------
    (y, x, n_z * len(sigmas) * 4) float32
    """
    height, width, depth = block.shape
    inner = (height - 2 * halo, width - 2 * halo)
    features = np.empty((*inner, depth * len(sigmas) * PER_SIGMA), np.float32)

    def fill(k: int, i: int) -> None:
        sigma = sigmas[i]
        reach = gaussian_reach(sigma) + 2
        start = halo - reach  # a narrow Gaussian does not need the halo of the widest
        grey = block[start : height - start, start : width - start, k]
        smooth = gaussian_filter(grey, sigma, output=np.float32, truncate=TRUNCATE)
        cut = reach - 2
        at = (k * len(sigmas) + i) * PER_SIGMA
        _differences(
            smooth[cut : smooth.shape[0] - cut, cut : smooth.shape[1] - cut],
            features[..., at : at + PER_SIGMA],
        )

    # SciPy and NumPy release the GIL, so threads help; the widest Gaussians come first
    pairs = [(k, i) for i in np.argsort(sigmas)[::-1] for k in range(depth)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(lambda pair: fill(*pair), pairs))
    return features


def _differences(smooth: FloatArray, out: FloatArray) -> None:
    """Write value, gradient magnitude and Hessian eigenvalues to ``out``, by central differences.

    ``smooth`` is two pixels larger on each side than ``out``.
    """
    half = np.float32(0.5)
    dy = half * (smooth[2:] - smooth[:-2])  # one row less on both sides
    dx = half * (smooth[:, 2:] - smooth[:, :-2])
    out[..., 0] = smooth[2:-2, 2:-2]
    np.hypot(dy[1:-1, 2:-2], dx[2:-2, 1:-1], out=out[..., 1])
    yy = half * (dy[2:, 2:-2] - dy[:-2, 2:-2])
    xx = half * (dx[2:-2, 2:] - dx[2:-2, :-2])
    xy = half * (dx[3:-1, 1:-1] - dx[1:-3, 1:-1])
    mean = half * (yy + xx)
    spread = np.hypot(half * (yy - xx), xy)
    out[..., 2] = mean + spread
    out[..., 3] = mean - spread


def _check_tree(tree: Any, features: int, path: Path) -> None:
    """Raise UserError if indices of a tree are out of bounds."""
    nodes = np.arange(tree.node_count)
    left, right = tree.children_left, tree.children_right
    inner = left != -1
    sound = (
        ((left[inner] > nodes[inner]) & (left[inner] < tree.node_count)).all()
        and ((right[inner] > nodes[inner]) & (right[inner] < tree.node_count)).all()
        and ((tree.feature[inner] >= 0) & (tree.feature[inner] < features)).all()
        and (right[~inner] == -1).all()
    )
    if not sound:
        raise UserError(f"`weights` must hold a sound forest, but the trees of {path} are damaged.")


def feature_count(spec: ModelSpec) -> int:
    """Return the number of features of a pixel."""
    return math.prod((spec.nbhd.z, len(spec.hyperparameters["sigmas"]), PER_SIGMA))


MODEL = Forest
