"""Areas that were never drawn, but count as a class: their grey values show both."""

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

#: Pixels across a region that are looked at, at most.
SIDE = 256
#: Regions that are looked at, and those of which the threshold is taken.
MOST, SHOWN = 96, 24
#: Part of a region's side, and pixels, from which a strip of one class is looked at; and pixels of
#: a class without which nothing is known of it.
PART, LEAST_PX, PIXELS = 0.25, 16, 300
#: How far apart a threshold must tell the classes (Youden's J), and share of the other class in a
#: strip from which it is odd.
TOLD, MIXED = 0.3, 0.15
#: Share of the strips of a class that must be odd, and regions that are named.
AMONG, NAMED = 0.25, 4


@dataclass(frozen=True)
class Strip:
    """Rows or columns from a side of a region on that hold one class alone; all of them, perhaps.

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
        """What a picture of the region shows in the strip."""
        return image[self.rows, self.columns]

    def beside(self, labels: LabelArray) -> LabelArray:
        """The labels without those of the strip."""
        rest = labels.copy()
        rest[self.rows, self.columns] = IGNORE
        return rest


@dataclass(frozen=True)
class GreyThreshold:
    """The grey value that tells the classes apart best, as drawn regions have them.

    Attributes
    ----------
    grey
        Grey value in [0, 1].
    above
        Share of pore and of solid above it.
    """

    grey: float
    above: tuple[float, float]

    @classmethod
    def of(cls, pore: Greys, solid: Greys) -> GreyThreshold:
        """The threshold with the largest difference of the shares above it."""
        greys = np.unique(np.quantile(np.concatenate([pore, solid]), np.linspace(0, 1, 65)))
        above = [
            1 - np.searchsorted(np.sort(some), greys, "right") / some.size for some in (pore, solid)
        ]
        best = int(np.abs(above[1] - above[0]).argmax())
        return cls(float(greys[best]), (float(above[0][best]), float(above[1][best])))

    @property
    def youden(self) -> float:
        """How far a threshold tells the classes apart, from 0 to 1."""
        return abs(self.above[1] - self.above[0])

    def share_of_other(self, greys: Greys, label: int) -> float:
        """Share of the other class among pixels that have one label, by their grey values."""
        own, other = self.above[label], self.above[1 - label]
        return float((np.mean(greys > self.grey) - own) / (other - own))


def undrawn(sample: Sample) -> Iterator[str]:
    """Say where one class is all there is, although the grey values show the other one, too.

    Time: that of reading at most 96 regions.
    """
    some = [sample.labelled[k] for k in _chosen(len(sample.labelled), MOST)]
    looked_at = [(one, labels, strip_of(labels)) for one in some for labels in [_thin(one.read())]]
    strips = [(one, labels, strip) for one, labels, strip in looked_at if strip is not None]
    threshold = strips and _threshold(
        sample,
        [(one, strip.beside(labels) if strip else labels) for one, labels, strip in looked_at],
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
                f"{sample.name}: areas of {len(odd)} of {len(some)} squares looked at are {name} "
                f"alone, but by their grey values {100 * mean:.0f} % of them is {other} "
                f"({', '.join(list(odd)[:NAMED])}): were they never drawn? They count as {name}, "
                "unless they have a label value of their own that `ignore` names"
            )


def strip_of(labels: LabelArray) -> Strip | None:
    """The largest strip of one class from a side on; None where there is none to speak of."""
    fitting = []
    for label in (0, 1):
        other = labels == 1 - label
        for axis in (0, 1):
            n = labels.shape[axis]
            lines = np.flatnonzero(other.any(axis=1 - axis))
            first, last = (lines[0], lines[-1]) if lines.size else (n, n)
            for part, depth in ((slice(0, first), first), (slice(last + 1, n), n - 1 - last)):
                if depth >= max(LEAST_PX, PART * n):
                    whole = slice(None)
                    rows, columns = (part, whole) if axis == 0 else (whole, part)
                    pixels = int(np.count_nonzero(labels[rows, columns] == label))
                    fitting.append((pixels, Strip(label, rows, columns)))
    pixels, strip = max(fitting, key=lambda pair: pair[0], default=(0, None))
    return strip if pixels >= PIXELS else None


def _thin(image: npt.NDArray[T]) -> npt.NDArray[T]:
    """Every pixel of a small picture, some of a large one."""
    step = -(-max(image.shape) // SIDE)
    return image[::step, ::step]


def _chosen(n: int, most: int) -> list[int]:
    """Some of n, by chance: what is drawn may lie in even steps."""
    return sorted(np.random.default_rng(0).permutation(n)[:most].tolist())


def _threshold(sample: Sample, drawn: list[tuple[Region, LabelArray]]) -> GreyThreshold | None:
    """What tells the classes apart where both were drawn."""
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
    except UserError:  # that it cannot be read is said elsewhere
        return None
