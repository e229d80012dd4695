"""The balanced pixels of an epoch, from regions of which only some parts are in memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fibsem.data.sampling import Pixels
from fibsem.training.supply import FloatArray, Supply


def drawn_pixels(supply: Supply, size: int, rng: np.random.Generator) -> Pixels:
    """Draw pixels from the windows of an epoch, half pores and half solid.

    Over many epochs every labelled pixel of a class is drawn alike, whatever part it lies in; see
    :func:`fibsem.data.sampling.balanced_pixels`, which has all of them at once.

    Parameters
    ----------
    supply
        Windows, and the chance of each.
    size
        Number of pixels, even. Drawn without replacement while a window has enough of them.
    rng
        Source of randomness.

    Notes
    -----
    A class that none of the windows holds is left out of this epoch.
    """
    chances = [_of_class(supply, value) for value in (0, 1)]
    classes = [value for value in (0, 1) if chances[value].any()]
    drawn = [_places(supply, k, chances[k], size // len(classes), rng) for k in classes]
    window, y, x = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    label = np.repeat(np.array(classes, np.uint8), size // len(classes))
    return Pixels(window, y, x, label).take(rng.permutation(len(label)))


def _of_class(supply: Supply, value: int) -> FloatArray:
    """Chance of each window for a pixel of a class; zeros where none holds one."""
    count = np.array([(window.labels == value).sum() for window in supply.windows], np.float64)
    chance = supply.rare_chance
    if chance is None or supply.rare != value:
        labelled = np.array([(window.labels <= 1).sum() for window in supply.windows])
        chance = supply.chance * count / np.maximum(1, labelled)
    total = chance.sum()
    return chance / total if total else chance


def _places(
    supply: Supply, value: int, chance: FloatArray, size: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """(window, y, x) of ``size`` pixels of one class."""
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
