"""The stored probabilities of a segmentation, checked against its labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.film import PORE, SOLID, Film
from fibsem.data.volumes import Volume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box

#: Number of values of a stored probability.
LEVELS = 256
#: Share of the pairs of a solid and a pore voxel in which the solid one must have the higher
#: probability: nearly all if the labels follow from the probabilities, also after smoothing, and
#: half if they are those of another film.
LEAST = 0.6
#: Reason if a segmentation has none.
NONE_STORED = "the segmentation has no probabilities (segment with probabilities=true)"


@dataclass(frozen=True)
class Probabilities:
    """Stored probabilities of solid, from 0 to 255.

    Attributes
    ----------
    volume
        Volume of the labels' shape, uint8.
    counts
        Number of voxels by class (pore, solid) and probability, (2, 256).
    """

    volume: Volume
    counts: npt.NDArray[np.int64]


def stored_probabilities(folder: Path, name: str | None, film: Film) -> Probabilities | str:
    """Open the probabilities of a segmentation, or return the reason why they are not used.

    Raises
    ------
    UserError
        If they have another type or shape than a segmentation writes.
    """
    if not name:
        return NONE_STORED
    path = folder / name
    if not path.exists():
        return f"the probabilities are gone: {path} is not there"
    volume = open_volume(path)
    if volume.dtype != np.uint8 or volume.shape != film.shape:
        raise UserError(
            f"probabilities must be whole numbers of 8 bits, {list(film.shape)} of them as of the "
            f"labels, but {path} holds {volume.dtype}, {list(volume.shape)}; the choices are the "
            "file that fibsem.segment wrote, or to remove it."
        )
    counts = _counted(volume, film)
    share = agreeing(counts)
    if share < LEAST:
        return (
            "the probabilities are those of other labels: of a solid and a pore voxel, the solid "
            f"one has the higher probability of solid in {100 * share:.0f} % of the pairs"
        )
    return Probabilities(volume, counts)


def agreeing(counts: npt.NDArray[np.int64]) -> float:
    """Return the share of pairs of a solid and a pore voxel in which the solid one is higher.

    Pairs of equal probabilities count half; 1 if one class is missing.

    >>> counts = np.zeros((2, 256), int)
    >>> counts[0, 10], counts[1, 10], counts[1, 200] = 4, 1, 3
    >>> agreeing(counts)
    0.875
    """
    pore, solid = counts.astype(np.float64)
    pairs = pore.sum() * solid.sum()
    below = np.cumsum(pore) - pore / 2
    return float(solid @ below / pairs) if pairs else 1.0


def _counted(volume: Volume, film: Film) -> npt.NDArray[np.int64]:
    """Count the voxels of each class by their probability."""
    counts = np.zeros((2, LEVELS), np.int64)
    for z in range(film.shape[0]):
        box = Box((z, 0, 0), (z + 1, *film.shape[1:]))
        phases, values = film.read(box), volume.read(box)
        for row, phase in enumerate((PORE, SOLID)):
            counts[row] += np.bincount(values[phases == phase], minlength=LEVELS)
    return counts
