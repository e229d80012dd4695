"""Score a model on a small sample of a split that represents all of it.

``train.validation=pieces`` draws pieces of the labelled regions, which depend on the dataset and
are the same for every run; the number of scored pixels depends on the network
(:func:`most_lattices`). ``lattice`` draws the thesis's balanced pixels, the same for all networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
from fibsem.training.material.fixed_draws import (
    balanced_sample,
    piece_lattices,
    piece_windows,
    pieces_of,
)
from fibsem.training.material.material import Material
from fibsem.training.scoring.features import pixel_scores

FloatArray = npt.NDArray[np.float32]
Forward = Callable[[FloatArray], FloatArray]

#: Maximum share of an epoch's time for validation, minimum steps of the epoch that this refers to
#: (unless fewer are configured), and cost of a step in forward passes.
SHARE, STEPS, STEP = 0.1, 100, 3


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


def drawn(material: Material, split: Split) -> Drawn:
    """Return the pixels on which models without a dense form are scored."""
    if material.config.train.validation == "lattice":
        pixels, windows = balanced_sample(material, split).pixels, material.windows(split)
        half = len(pixels) // 2
        samples = samples_of(np.arange(len(windows)), [window.region for window in windows])
        square = pixels.window.astype(np.int64)
        return Drawn(windows, pixels, None, square, (half, half), samples)
    pieces, windows = pieces_of(material, split), piece_windows(material, split)
    pixels = few_pixels([window.labels for window in windows])
    where = pixels.window
    weight, square = pieces.weight[where], pieces.square[where]
    return Drawn(windows, pixels, weight, square, pieces.counts, pieces.sample)


def estimator(material: Material, split: Split) -> Callable[[Forward], Estimate]:
    """Return a function that scores a network, given as a function on arrays, on a split."""
    spec = material.config.spec
    if material.config.train.validation == "pieces" and spec.convertible:
        pieces, windows = pieces_of(material, split), piece_windows(material, split)
        lattices = piece_lattices(material, split, most_lattices(material, split))
        return PieceScorer(spec, pieces, windows, lattices).estimate
    sample = drawn(material, split)
    if material.config.train.validation == "lattice":
        by_lattice = SampleScorer(spec, sample.windows, balanced_sample(material, split))
        return lambda forward: sample.estimate(by_lattice.scores(forward))
    return lambda forward: sample.estimate(
        patch_scores(forward, spec, sample.windows, sample.pixels)
    )


def most_lattices(material: Material, split: Split) -> int:
    """Return the number of lattices whose scoring costs at most a tenth of an epoch.

    Costs are computed, not measured, so that trainings of one network are compared on the same
    pixels. The length of the epoch therefore follows from the labels rather than from a plan,
    unless fewer steps are configured.
    """
    spec, train = material.config.spec, material.config.train
    windows = piece_windows(material, split)
    number, side = (train.windows, train.grid) if train.mode == "grid" else (train.batch, 1)
    assert number is not None
    assert side is not None
    labelled = int(material.training_parts.counts.sum())
    usual = max(STEPS, replace(train.epoch_length, steps=None).steps_of(labelled))
    steps = min(train.steps or usual, usual)
    epoch = STEP * steps * number * math.prod(input_of(spec, (side, side)))
    cost = np.mean([math.prod(input_of(spec, window.labels[:: spec.stride, :: spec.stride].shape))
                    for window in windows])  # fmt: skip
    return int(SHARE * epoch / cost)


def estimate(material: Material, model: Model, split: Split) -> Estimate:
    """Score a trained model on a split.

    Examples
    --------
    ```python
    trained = train(material)
    estimate(material, trained.model, "val").natural["miou"]
    ```
    """
    if material.config.spec.is_network:
        return estimator(material, split)(compiled(model))
    sample, scorer = drawn(material, split), BlockScorer(material.config.spec, model)
    return sample.estimate(pixel_scores(scorer, material.volumes, sample.windows, sample.pixels))
