"""Warn if labels are unrelated to the grey values, or inverted in some samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from fibsem.data.dataset.samples import Region, Sample, by_split
from fibsem.data.dataset.split import SPLITS, Split
from fibsem.data.doubts.strangers import share_above
from fibsem.data.preprocessing import evenly_spaced

#: Minimum number of squares for a statement about a sample.
FEWEST = 3


def inverted_or_unrelated(classes: Mapping[str, Sequence[Classed]]) -> Iterator[str]:
    """Yield messages for samples whose labels are unrelated to grey values, or inverted."""
    dark, bright = [], []
    for name, squares in classes.items():
        shares = [share_above(square.solid, square.pore) for square in squares if square.is_mixed]
        if len(shares) < FEWEST:
            continue
        mean, error = float(np.mean(shares)), _half_interval(shares)
        if mean - error > 0.5:
            dark.append(name)
        elif mean + error < 0.5:
            bright.append(name)
        else:
            yield (
                f"{name}: labels say nothing sure of the grey value ({100 * mean:.0f} % of the "
                f"solid is brighter than the pores of its square, over {len(shares)} squares give "
                f"or take {100 * error:.0f}, by chance 50): do the squares lie where they should?"
            )
    if dark and bright:
        yield (
            f"pores are darker than solid in {', '.join(dark)}, but brighter in "
            f"{', '.join(bright)}: grey values or labels of one kind are inverted"
        )
    elif bright:
        yield (
            f"pores are brighter than solid in {', '.join(bright)}: are the values of `classes` "
            "exchanged? Of pores that were filled with something bright it is right"
        )


def _half_interval(shares: Sequence[float]) -> float:
    """Half of the 95 % interval of a mean by Student's t, as there may be few squares.

    >>> round(_half_interval([0.7, 0.8, 0.9]), 3)  # by 1.96 it would be 0.113
    0.248
    """
    degrees = len(shares) - 1
    return float(stdtrit(degrees, 0.975) * np.std(shares, ddof=1) / np.sqrt(degrees + 1))


def grey_of(sample: Sample, region: Region) -> npt.NDArray[np.float32]:
    """Return the grey values of a region in [0, 1], (h, w) float32."""
    return sample.volume.read_unit(region.box)[0]


@dataclass(frozen=True)
class Classed:
    """Grey values of a square in [0, 1], separated by class."""

    split: Split
    pore: npt.NDArray[np.float32]
    solid: npt.NDArray[np.float32]

    @property
    def is_mixed(self) -> bool:
        """Whether the square shows both classes."""
        return bool(self.pore.size and self.solid.size)


def classed(sample: Sample) -> Iterator[Classed]:
    """Yield squares of a sample, at most 100 of each split."""
    for split, regions in by_split(sample).items():
        for k in evenly_spaced(len(regions), 100) if regions else ():
            grey, labels = grey_of(sample, regions[k]), regions[k].read()
            yield Classed(split, grey[labels == 0], grey[labels == 1])


def by_class(squares: Sequence[Classed]) -> dict[str, list[npt.NDArray[Any]]]:
    """Return the grey values of pore and solid for each split."""
    none = np.empty(0, np.float32)
    parts = {split: [square for square in squares if square.split == split] for split in SPLITS}
    return {
        split: [
            np.concatenate([none, *(square.pore for square in squares)]),
            np.concatenate([none, *(square.solid for square in squares)]),
        ]
        for split, squares in parts.items()
    }
