"""Fit and score models that are not networks: a forest on features, Otsu's threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.sampling import Pixels
from fibsem.data.windows import LabelledWindow
from fibsem.inference.model.predict import BlockScorer
from fibsem.models import Model, untrained
from fibsem.system.pulse import apart, step
from fibsem.training.material.material import Material

FloatArray = npt.NDArray[np.float32]


def fit_features(material: Material) -> Model:
    """Fit a model to the balanced training pixels that networks see in patch mode.

    Memory: the features of these pixels and of one labelled region, and the windows of the pixels.
    Memory and time do not grow with labels beyond those of the thesis.
    """
    spec = material.config.spec
    model = untrained(spec)
    if not model.feature_count:
        return model
    windows, pixels = material.pixels_to_fit()
    table = np.empty((len(pixels), model.feature_count), np.float32)
    for window, in_window, y, x in _by_window(windows, pixels):
        table[in_window] = model.features(window.image)[y, x]
    apart()
    return model.fitted(table, pixels.label, material.config.seed)


def pixel_scores(
    scorer: BlockScorer,
    volumes: Mapping[str, CorrectedVolume],
    windows: Sequence[LabelledWindow],
    pixels: Pixels,
) -> FloatArray:
    """Return the probability of solid of each pixel, (len(pixels),) float32.

    ``volumes`` has the volume of every sample, for models that look at whole slices first.
    """
    scores = np.empty(len(pixels), np.float32)
    for window, in_window, y, x in _by_window(windows, pixels):
        region = window.region
        if scorer.needs_slice:
            scorer.look(volumes[region.sample].slice(region.box.start[0]))
        scores[in_window] = scorer.at(window.image, y, x)
    return scores


def _by_window(
    windows: Sequence[LabelledWindow], pixels: Pixels
) -> Iterator[
    tuple[LabelledWindow, npt.NDArray[np.bool_], npt.NDArray[np.int32], npt.NDArray[np.int32]]
]:
    """Yield each window with pixels, a mask of its pixels, and their y and x in its labels."""
    for k in np.unique(pixels.window):
        in_window = pixels.window == k
        yield windows[k], in_window, pixels.y[in_window], pixels.x[in_window]
        step()
