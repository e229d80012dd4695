"""How good a network is on each validation square: what two trials are compared by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fibsem import models
from fibsem.analysis.metrics import Confusion
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.inference.model.predict import BlockScorer
from fibsem.training.estimating import drawn, estimate
from fibsem.training.material import Material
from fibsem.training.run import MOST_BY_PATCH
from fibsem.training.scoring import scored_squares


@dataclass(frozen=True)
class SquareMious:
    """MIoU of validation squares at T = 0.5.

    Attributes
    ----------
    squares
        By the name of the square, of those with a labelled pixel.
    pixels
        Which pixels of them: ``all`` labelled ones, or, where these would take hours patch by
        patch, those that are ``drawn`` for validation, or the ``balanced`` sample of so many per
        cent of them.
    """

    squares: dict[str, float]
    pixels: str


def square_mious(material: Material, model: models.Model) -> SquareMious:
    """MIoU of every validation square, on as many of its pixels as can be afforded."""
    scorer = BlockScorer(material.config.spec, model)
    labelled = sum(region.box.size for region in material.dataset.regions("val"))
    if scorer.mode == "patch" and labelled > MOST_BY_PATCH:
        mious, pixels = _sampled_mious(material, model), _sampling(material)
    else:
        pixels = "all"
        mious = {
            region.key: square.confusion(PostProcessing()).miou
            for region, square in scored_squares(material, scorer, "val")
        }
    return SquareMious({key: miou for key, miou in mious.items() if np.isfinite(miou)}, pixels)


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
        ).miou
        for region in material.dataset.regions("val")
    }
