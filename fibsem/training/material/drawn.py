"""The balanced pixels of patch mode, from all windows or from those that are in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fibsem.config.epochs import STUDY
from fibsem.data.sampling import Pixels
from fibsem.data.windows import LabelledWindow
from fibsem.training.material.material import CHANGING, Material
from fibsem.training.material.supply import DoubleArray, Supply

#: Windows, and pixels that lie in them.
Drawn = tuple[Sequence[LabelledWindow], Pixels]


def epoch_pixels(material: Material, epoch: int) -> Drawn:
    """The balanced draw of an epoch of patch mode, and the windows that it is from.

    One draw for all epochs; another one of each where not all windows fit.
    """
    if material.draws.changing is None:
        return material.train, material.training_pixels
    return _drawn(material, material.draws.of(epoch), epoch)


def pixels_to_fit(material: Material) -> Drawn:
    """The balanced draw that a model is fitted to at once, and the windows that it is from.

    They cover no more than the thesis's squares: every pixel of them has to be looked at.
    """
    if sum(region.box.size for region in material.training_parts.regions) <= STUDY:
        return epoch_pixels(material, 0)
    return _drawn(material, material.draws.few(STUDY), 0)


def _drawn(material: Material, supply: Supply, epoch: int) -> Drawn:
    rng = material.rng("train", CHANGING, epoch)
    return supply.windows, drawn_pixels(supply, material.training_size, rng)


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


def _of_class(supply: Supply, value: int) -> DoubleArray:
    """Chance of each window for a pixel of a class; zeros where none holds one."""
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
