"""Squares with scores as a network gives them, made up."""

import numpy as np
from scipy.ndimage import gaussian_filter

from fibsem.analysis.postprocessing import ScoredSquare


def noise(rng, extent, sigma_px):
    field = gaussian_filter(rng.standard_normal(extent, np.float32), sigma_px)
    return field / field.std()


def scored_square(rng, size, margin, porosity=0.32):
    """As after training on balanced classes, unsure by some pixels, some without a label."""
    extent = tuple(n + 2 * margin for n in size)
    structure = noise(rng, extent, 6.0)
    solid = structure > np.quantile(structure, porosity)
    evidence = 6 * (gaussian_filter(solid.astype(np.float32), 1.5) - 0.5)
    evidence += 2 * noise(rng, extent, 1.5)
    scores = 1 / (1 + np.exp(-evidence + np.log((1 - porosity) / porosity)))
    inner = tuple(slice(margin, margin + n) for n in size)
    labels = solid[inner].astype(np.uint8)
    labels[rng.random(labels.shape) < 0.1] = 255
    return ScoredSquare(scores.astype(np.float32), labels, inner)
