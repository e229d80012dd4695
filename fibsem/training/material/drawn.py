"""Draw the balanced pixels of patch mode from the windows that are in memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fibsem.data.sampling import Pixels
from fibsem.training.material.supply import DoubleArray, Supply


def drawn_pixels(supply: Supply, size: int, rng: np.random.Generator) -> Pixels:
    """Draw pixels from the windows of an epoch, half pores and half solid.

    Over many epochs every labelled pixel of a class is equally likely, in whichever part it lies;
    :func:`fibsem.data.sampling.balanced_pixels` does the same for windows that are all in memory.

    Parameters
    ----------
    supply
        Windows and their probabilities.
    size
        Number of pixels, even. They are drawn without replacement unless a window has too few.
    rng
        Random generator.

    Notes
    -----
    A class that is absent from all windows is left out of this epoch.
    """
    chances = [_chances_of_class(supply, value) for value in (0, 1)]
    classes = [value for value in (0, 1) if chances[value].any()]
    drawn = [_places(supply, k, chances[k], size // len(classes), rng) for k in classes]
    window, y, x = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    label = np.repeat(np.array(classes, np.uint8), size // len(classes))
    return Pixels(window, y, x, label).take(rng.permutation(len(label)))


def _chances_of_class(supply: Supply, value: int) -> DoubleArray:
    """Return each window's probability for a pixel of a class; all 0 if the class is absent."""
    count = np.array([(window.labels == value).sum() for window in supply.windows], np.float64)
    chance = supply.rare_chance
    if chance is None or supply.rare != value:
        area = np.array([window.region.box.size for window in supply.windows])
        chance = supply.chance * count / area
    total = chance.sum()
    return chance / total if total else chance


def _places(
    supply: Supply, value: int, chance: DoubleArray, size: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Draw ``size`` pixels of one class; return their (window, y, x), each (size,)."""
    counts = rng.multinomial(size, chance)
    window = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    places = []
    for k in np.flatnonzero(counts).tolist():
        labels = supply.windows[k].labels
        of_class = np.flatnonzero(labels == value)
        flat = rng.choice(of_class, counts[k], replace=counts[k] > len(of_class))
        places.append(np.stack(np.divmod(flat, labels.shape[1])))
    y, x = np.concatenate(places, axis=1).astype(np.int32)
    return window, y, x
