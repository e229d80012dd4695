"""How good a network is on each validation square: what two trials are compared by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fibsem import models
from fibsem.analysis.metrics import Confusion, pooled
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.inference.model.predict import BlockScorer
from fibsem.training.material.material import Material
from fibsem.training.scoring.estimating import drawn, estimate
from fibsem.training.scoring.scoring import scored_squares, too_many_by_patch


@dataclass(frozen=True)
class SquareMious:
    """MIoU of validation squares at T = 0.5, and how porous the network finds each film there.

    Attributes
    ----------
    squares
        By the name of the square, of those with a labelled pixel.
    pixels
        Which pixels of them: ``all`` labelled ones, or, where these would take hours patch by
        patch, those that are ``drawn`` for validation, or the ``balanced`` sample of so many per
        cent of them.
    porosities
        Share of the labelled pixels of a sample's squares that the network takes for pores; of
        ``all`` pixels only.
    """

    squares: dict[str, float]
    pixels: str
    porosities: Mapping[str, float] = field(default_factory=dict)


def square_mious(material: Material, model: models.Model) -> SquareMious:
    """MIoU of every validation square, on as many of its pixels as can be afforded."""
    scorer = BlockScorer(material.config.spec, model)
    if scorer.mode == "patch" and too_many_by_patch(material.dataset):
        return SquareMious(_finite(_sampled_mious(material, model)), _sampling(material))
    mious, of_sample = {}, defaultdict(list)
    for region, square in scored_squares(material, scorer, "val"):
        confusion = square.confusion(PostProcessing())
        mious[region.key] = confusion.miou_of_labelled
        of_sample[region.sample].append(confusion)
    sums = {sample: pooled(some) for sample, some in of_sample.items()}
    porosities = {sample: one.porosity for sample, one in sums.items() if one.pixels}
    return SquareMious(_finite(mious), "all", porosities)


def _finite(mious: dict[str, float]) -> dict[str, float]:
    """The mIoU of squares that have a labelled pixel."""
    return {key: miou for key, miou in mious.items() if np.isfinite(miou)}


def _sampling(material: Material) -> str:
    """Which pixels stand for the validation part."""
    train = material.config.train
    return f"balanced, {100 * train.share:g} %" if train.validation == "lattice" else "drawn"


def _sampled_mious(material: Material, model: models.Model) -> dict[str, float]:
    """MIoU of every validation square on its pixels of those that stand for the split."""
    sample, scored = drawn(material, "val"), estimate(material, model, "val")
    squares = np.array([window.region.key for window in sample.windows])[sample.pixels.window]
    return {
        region.key: Confusion.at_threshold(
            scored.labels[squares == region.key],
            scored.scores[squares == region.key],
            PostProcessing().threshold,
        ).miou_of_labelled
        for region in material.dataset.regions("val")
    }
