"""Score a model on a small sample of a split that represents all of it.

``train.validation=pieces`` draws pieces of the labelled regions, which depend on the dataset and
are the same for every run; the number of scored pixels depends on the network
(:func:`most_lattices`). ``lattice`` draws the thesis's balanced pixels, the same for all networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.analysis.estimates import Estimate
from fibsem.data.dataset.split import Split
from fibsem.data.pieces import few_pixels, samples_of
from fibsem.data.sampling import Pixels
from fibsem.data.windows import LabelledWindow
from fibsem.inference.model.pieces import PieceScorer, input_of
from fibsem.inference.model.predict import BlockScorer, SampleScorer, compiled, patch_scores
from fibsem.models import Model
from fibsem.models.spec import ModelSpec
from fibsem.training.material.fixed_draws import FixedDraws
from fibsem.training.material.material import Material
from fibsem.training.scoring.features import pixel_scores

FloatArray = npt.NDArray[np.float32]
Forward = Callable[[FloatArray], FloatArray]

#: Maximum share of an epoch's time for validation, and cost of a step in forward passes.
SHARE, STEP = 0.1, 3


@dataclass(frozen=True)
class Drawn:
    """Single pixels that represent a split, and the windows that contain them.

    For ``weight``, ``square``, ``counts`` and ``sample`` see
    :class:`~fibsem.analysis.estimates.Estimate`.
    """

    windows: Sequence[LabelledWindow]
    pixels: Pixels
    weight: npt.NDArray[np.float64] | None
    square: npt.NDArray[np.int64]
    counts: tuple[int, int]
    sample: npt.NDArray[np.int64]

    def estimate(self, scores: FloatArray) -> Estimate:
        """Estimate the metrics of the split from the scores of the pixels, (len(pixels),)."""
        return Estimate(
            self.pixels.label, scores, self.weight, self.square, self.counts, self.sample
        )


def drawn(draws: FixedDraws) -> Drawn:
    """Return the pixels on which models without a dense form are scored."""
    windows, pieces = draws.windows, draws.pieces
    if pieces is None:
        pixels = draws.balanced.pixels
        half = len(pixels) // 2
        samples = samples_of(np.arange(len(windows)), [window.region for window in windows])
        square = pixels.window.astype(np.int64)
        return Drawn(windows, pixels, None, square, (half, half), samples)
    pixels = few_pixels([window.labels for window in windows])
    weight, square = pieces.weight[pixels.window], pieces.square[pixels.window]
    return Drawn(windows, pixels, weight, square, pieces.counts, pieces.sample)


def estimator(material: Material, split: Split) -> Callable[[Forward], Estimate]:
    """Return a function that scores a network, given as a function on arrays, on a split."""
    draws = material.fixed(split)
    spec, pieces, windows = draws.spec, draws.pieces, draws.windows
    if pieces is not None and spec.convertible:
        lattices = draws.lattices(most_lattices(spec, windows, material.usual_pixels))
        return PieceScorer(spec, pieces, windows, lattices).estimate
    draw = drawn(draws)
    if pieces is None:
        by_lattice = SampleScorer(spec, windows, draws.balanced)
        return lambda forward: draw.estimate(by_lattice.scores(forward))
    return lambda forward: draw.estimate(patch_scores(forward, spec, windows, draw.pixels))


def most_lattices(spec: ModelSpec, windows: Sequence[LabelledWindow], epoch: int) -> int:
    """Return the number of lattices whose scoring costs at most a tenth of an epoch.

    Costs are computed, not measured, so that trainings of one network are compared on the same
    pixels.

    Parameters
    ----------
    spec, windows
        The network, and the windows of the pieces.
    epoch
        Pixels of the inputs of an epoch; see :attr:`Material.usual_pixels`.
    """
    cost = np.mean([math.prod(input_of(spec, window.labels[:: spec.stride, :: spec.stride].shape))
                    for window in windows])  # fmt: skip
    return int(SHARE * (STEP * epoch) / cost)


def estimate(material: Material, model: Model, split: Split) -> Estimate:
    """Score a trained model on a split.

    Examples
    --------
    ```python
    trained = train(material)
    estimate(material, trained.model, "val").natural["miou"]
    ```
    """
    spec = material.config.spec
    if spec.is_network:
        return estimator(material, split)(compiled(model))
    draw, scorer = drawn(material.fixed(split)), BlockScorer(spec, model)
    return draw.estimate(pixel_scores(scorer, material.volumes, draw.windows, draw.pixels))
