"""Score a network on each validation square, so that two trials can be compared in pairs."""

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
    """MIoU of validation squares at a threshold of 0.5, and porosity of each film on them.

    Attributes
    ----------
    squares
        MIoU by the name of the square; only squares with a labelled pixel.
    pixels
        Which pixels were scored: ``all`` labelled ones or, if that would take hours patch by
        patch, the pixels ``drawn`` for validation, or a ``balanced`` sample with its share.
    porosities
        Share of the labelled pixels in a sample's squares that the network labels as pores; only
        if ``all`` pixels were scored.
    """

    squares: dict[str, float]
    pixels: str
    porosities: Mapping[str, float] = field(default_factory=dict)


def square_mious(material: Material, model: models.Model) -> SquareMious:
    """Score every validation square, on all labelled pixels if that does not take hours."""
    scorer = BlockScorer(material.config.spec, model)
    if scorer.mode == "patch" and too_many_by_patch(material.dataset):
        return SquareMious(_finite(_sampled_mious(material, model)), _sampling(material))
    mious, of_sample = {}, defaultdict(list)
    for region, square in scored_squares(material, scorer, "val"):
        confusion = square.confusion(PostProcessing())
        mious[region.key] = confusion.miou_of_labelled
        of_sample[region.sample].append(confusion)
    sums = {sample: pooled(confusions) for sample, confusions in of_sample.items()}
    porosities = {
        sample: confusion.porosity for sample, confusion in sums.items() if confusion.pixels
    }
    return SquareMious(_finite(mious), "all", porosities)


def _finite(mious: dict[str, float]) -> dict[str, float]:
    """Leave out squares without a labelled pixel, whose mIoU is nan."""
    return {key: miou for key, miou in mious.items() if np.isfinite(miou)}


def _sampling(material: Material) -> str:
    """Name of the pixels that are scored if not all can be: ``drawn`` or ``balanced``."""
    train = material.config.train
    return f"balanced, {100 * train.share:g} %" if train.validation == "lattice" else "drawn"


def _sampled_mious(material: Material, model: models.Model) -> dict[str, float]:
    """MIoU of every validation square on the pixels that are drawn for validation."""
    draw, scored = drawn(material.fixed("val")), estimate(material, model, "val")
    squares = np.array([window.region.key for window in draw.windows])[draw.pixels.window]
    return {
        region.key: Confusion.at_threshold(
            scored.labels[squares == region.key],
            scored.scores[squares == region.key],
            PostProcessing().threshold,
        ).miou_of_labelled
        for region in material.dataset.regions("val")
    }
