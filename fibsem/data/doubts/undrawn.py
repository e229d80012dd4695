"""Warn about unlabelled areas that count as a class, although their grey values show both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fibsem.data.dataset.labels import IGNORE, LabelArray
from fibsem.data.dataset.samples import Region, Sample
from fibsem.errors import UserError

Greys = npt.NDArray[np.float32]
T = TypeVar("T", bound=np.generic)

#: Maximum number of pixels along a side of a region; larger ones are subsampled.
SIDE = 256
#: Number of regions that are examined, and of those that the threshold is fitted to.
MOST, SHOWN = 96, 24
#: Minimum depth of a strip of one class, as a part of the region's side and in pixels, and minimum
#: number of pixels of a class.
PART, LEAST_PX, PIXELS = 0.25, 16, 300
#: Minimum separation of the classes by a threshold (Youden's J), and share of the other class from
#: which a strip is odd.
TOLD, MIXED = 0.3, 0.15
#: Share of the strips of a class that must be odd for a message, and number of regions named.
AMONG, NAMED = 0.25, 4


@dataclass(frozen=True)
class Strip:
    """Rows or columns along a side of a region that hold one class only; possibly all of it.

    Attributes
    ----------
    label
        0 pore, 1 solid.
    rows, columns
        Where it lies in the region.
    """

    label: int
    rows: slice
    columns: slice

    def of(self, image: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return the part of an image of the region that lies in the strip."""
        return image[self.rows, self.columns]

    def beside(self, labels: LabelArray) -> LabelArray:
        """Return the labels with the strip set to ``IGNORE``."""
        rest = labels.copy()
        rest[self.rows, self.columns] = IGNORE
        return rest


@dataclass(frozen=True)
class GreyThreshold:
    """The grey value that best separates the classes in labelled regions.

    Attributes
    ----------
    grey
        Grey value in [0, 1].
    above
        Share of pore and of solid pixels above it.
    """

    grey: float
    above: tuple[float, float]

    @classmethod
    def of(cls, pore: Greys, solid: Greys) -> GreyThreshold:
        """Return the threshold with the largest difference of the shares above it."""
        greys = np.unique(np.quantile(np.concatenate([pore, solid]), np.linspace(0, 1, 65)))
        above = [
            1 - np.searchsorted(np.sort(pixels), greys, "right") / pixels.size
            for pixels in (pore, solid)
        ]
        best = int(np.abs(above[1] - above[0]).argmax())
        return cls(float(greys[best]), (float(above[0][best]), float(above[1][best])))

    @property
    def youden(self) -> float:
        """Youden's J: how well the threshold separates the classes, from 0 to 1."""
        return abs(self.above[1] - self.above[0])

    def share_of_other(self, greys: Greys, label: int) -> float:
        """Estimate the share of the other class in pixels of one label from their grey values."""
        of_class, other = self.above[label], self.above[1 - label]
        return float((np.mean(greys > self.grey) - of_class) / (other - of_class))


def undrawn(sample: Sample) -> Iterator[str]:
    """Yield messages for areas of one class whose grey values also show the other class.

    Takes the time to read at most 96 regions.
    """
    regions = [sample.labelled[k] for k in _chosen(len(sample.labelled), MOST)]
    looked_at = [
        (region, labels, strip_of(labels))
        for region in regions
        for labels in [_thin(region.read())]
    ]
    strips = [(region, labels, strip) for region, labels, strip in looked_at if strip is not None]
    threshold = strips and _threshold(
        sample,
        [
            (region, strip.beside(labels) if strip else labels)
            for region, labels, strip in looked_at
        ],
    )
    if not threshold or threshold.youden < TOLD:
        return
    shares: tuple[dict[str, float], dict[str, float]] = {}, {}
    for region, labels, strip in strips:
        if (greys := _greys(sample, region)) is not None:
            inside = strip.of(greys)[strip.of(labels) == strip.label]
            shares[strip.label][region.name] = threshold.share_of_other(inside, strip.label)
    for of_class, name, other in zip(shares, ("pore", "solid"), ("solid", "pores"), strict=True):
        odd = {region: share for region, share in of_class.items() if share > MIXED}
        if len(odd) > AMONG * len(of_class):
            mean = np.mean(list(odd.values()))
            yield (
                f"{sample.name}: areas of {len(odd)} of {len(regions)} squares looked at are "
                f"{name} alone, but by their grey values {100 * mean:.0f} % of them is {other} "
                f"({', '.join(list(odd)[:NAMED])}): were they never drawn? They count as {name}, "
                "unless they have a label value of their own that `ignore` names"
            )


def strip_of(labels: LabelArray) -> Strip | None:
    """Return the largest strip of one class along a side, or None if there is no large one."""
    fitting = []
    for label in (0, 1):
        opposite = labels == 1 - label
        for axis in (0, 1):
            n = labels.shape[axis]
            lines = np.flatnonzero(opposite.any(axis=1 - axis))
            first, last = (lines[0], lines[-1]) if lines.size else (n, n)
            for span, depth in ((slice(0, first), first), (slice(last + 1, n), n - 1 - last)):
                if depth >= max(LEAST_PX, PART * n):
                    everything = slice(None)
                    rows, columns = (span, everything) if axis == 0 else (everything, span)
                    pixels = int(np.count_nonzero(labels[rows, columns] == label))
                    fitting.append((pixels, Strip(label, rows, columns)))
    pixels, strip = max(fitting, key=lambda pair: pair[0], default=(0, None))
    return strip if pixels >= PIXELS else None


def _thin(image: npt.NDArray[T]) -> npt.NDArray[T]:
    """Subsample an image to at most ``SIDE`` pixels along each axis."""
    step = -(-max(image.shape) // SIDE)
    return image[::step, ::step]


def _chosen(n: int, most: int) -> list[int]:
    """Choose at most ``most`` of n indices at random, as labels may be evenly spaced."""
    return sorted(np.random.default_rng(0).permutation(n)[:most].tolist())


def _threshold(sample: Sample, drawn: list[tuple[Region, LabelArray]]) -> GreyThreshold | None:
    """Fit a threshold to regions that show both classes; None if there are too few pixels."""
    both = [(r, labels) for r, labels in drawn if (labels == 0).any() and (labels == 1).any()]
    read = [
        (greys, labels)
        for region, labels in (both[k] for k in _chosen(len(both), SHOWN))
        if (greys := _greys(sample, region)) is not None
    ]
    pore, solid = (
        np.concatenate([np.empty(0, np.float32), *(greys[labels == k] for greys, labels in read)])
        for k in (0, 1)
    )
    return GreyThreshold.of(pore, solid) if min(pore.size, solid.size) >= PIXELS else None


def _greys(sample: Sample, region: Region) -> Greys | None:
    try:
        return _thin(sample.volume.read_unit(region.box)[0])
    except UserError:  # unreadable slices are reported elsewhere
        return None
