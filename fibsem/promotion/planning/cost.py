"""Pixels that the models of a promotion score, and the time of its post-processing search."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter

from fibsem.analysis.postprocessing import SampledParts, ScoredSquare, search, search_by_sample
from fibsem.config import Configuration, PostProcessingConfig, PromoteConfig
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.split import SPLITS, Split
from fibsem.data.pieces import MOST
from fibsem.data.pieces import SIDE as PIECE
from fibsem.inference.model.views import SYMMETRIES
from fibsem.promotion.options import segmentation_of

#: Side of the square on which the search for a post-processing is timed.
SIDE = 128


def scored_models(promotion: PromoteConfig) -> list[int]:
    """Return the number of members of each scored model: an ensemble, and one member of it."""
    return [promotion.ensemble, *([1] if promotion.ensemble > 1 else [])]


def dataset_px(dataset: Dataset, split: Split) -> int:
    """Count the pixels of the labelled squares of a split."""
    return sum(region.box.size for region in dataset.regions(split))


def squares_px(configuration: Configuration, dataset: Dataset, *, views: bool) -> int:
    """Count scored pixels of labelled squares, summed over the members of all models.

    With ``views`` the validation pieces are scored again with every number of views.
    """
    sizes = {split: dataset_px(dataset, split) for split in SPLITS}
    members, *single = scored_models(configuration.promotion)
    most = max(2, segmentation_of(configuration).symmetry)
    counts = sum(count for count in SYMMETRIES if count <= most) if views else 0
    pieces = min(sizes["val"], MOST * PIECE**2)
    alone = sum(single) * (sizes["val"] + sizes["test"])
    return members * (sum(sizes.values()) + counts * pieces) + alone


def volumes_px(configuration: Configuration, dataset: Dataset) -> int:
    """Count scored pixels of whole volumes, summed over members and views."""
    voxels = sum(int(np.prod(sample.volume.shape)) for sample in dataset.samples)
    return voxels * configuration.promotion.ensemble * segmentation_of(configuration).symmetry


def search_s(dataset: Dataset, config: PostProcessingConfig) -> float:
    """Estimate the seconds of the post-processing search by timing one on a small square."""
    noise = np.random.default_rng(0).normal(size=(SIDE, SIDE))
    scores = gaussian_filter(noise, 3)
    scores = ((scores - scores.min()) / np.ptp(scores)).astype(np.float32)
    labels = (scores > 0.5).astype(np.uint8)
    square = ScoredSquare(scores, labels, (slice(0, SIDE), slice(0, SIDE)))
    margin = 2 * config.grid.margin
    area = sum(
        (region.box.shape[1] + margin) * (region.box.shape[2] + margin)
        for region in dataset.regions("val")
    )
    if config.search == "exhaustive":
        grid = replace(config.grid, sigmas=(float(np.median(config.grid.sigmas)),))
        return _pixel_s(lambda: search([square], grid)) * len(config.grid.sigmas) * area
    drawn = SampledParts([square], [1.0])
    sampled_s = _pixel_s(lambda: search_by_sample([], drawn, config.grid))
    both_s = _pixel_s(lambda: search_by_sample([square], drawn, config.grid))
    sampled = min(area, MOST * (PIECE + margin) ** 2)
    return sampled_s * sampled + max(0.0, both_s - sampled_s) * area


def _pixel_s(function: Callable[[], object]) -> float:
    """Measure the seconds of a function per pixel of the small square, the faster of two runs."""
    return min(timeit.repeat(function, number=1, repeat=2)) / SIDE**2
