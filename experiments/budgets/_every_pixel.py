"""Every labelled pixel of a split, as one network scores it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fibsem.config import Configuration, compose
from fibsem.inference import BlockScorer
from fibsem.training import Material, obtain, scored_squares


def material_of(command: str, overrides: Sequence[str], like: Material | None = None) -> Material:
    """Return the material of a training; ``like`` is another one with the same dataset."""
    config = Configuration(compose(command, list(overrides))).run
    if like is not None:
        return like.for_config(config)
    return Material(obtain(config.data, config.split), config)


def every_pixel(
    material: Material, model: object, split: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return labels (0 pore, 1 solid) and scores of all labelled pixels of a split, each once."""
    scorer = BlockScorer(material.config.spec, model)
    labels, scores = [], []
    for _, square in scored_squares(material, scorer, split):
        labelled = square.labels <= 1
        labels.append(square.labels[labelled])
        scores.append(square.scores[square.inner][labelled])
    return np.concatenate(labels), np.concatenate(scores)
