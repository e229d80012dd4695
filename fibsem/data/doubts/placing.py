"""Warn if labels carry more information on the grey values of another place than of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region, Sample
from fibsem.data.preprocessing import evenly_spaced
from fibsem.data.volumes import Volume
from fibsem.errors import UserError
from fibsem.geometry import Box

Greys = npt.NDArray[np.float32]
#: Reads the grey values at another place than a region's, or returns None if it cannot.
ReadAt = Callable[["Near"], Greys | None]
#: A region and its labels.
Labelled = tuple[Region, npt.NDArray[np.uint8]]

#: Maximum number of evenly spaced regions that are examined, minimum number, and the shifts tried:
#: slices and pixels in both directions.
MOST, FEWEST, REACH, NEAR = 16, 6, 3, 1
#: Bins of grey values, with equal numbers of pixels.
BINS = 16
#: Maximum number of pixels along a side of a region; larger ones are subsampled.
SIDE = 256
#: Axes along which labels may be mirrored, by name: as they are, and with y and x exchanged.
MIRRORED: dict[str, tuple[int, ...]] = {"y": (1,), "x": (2,), "y and x": (1, 2), "z": (0,)}
TURNED: dict[str, tuple[int, ...]] = {
    "with y and x exchanged": (),
    "turned to the left": (1,),
    "turned to the right": (2,),
    "turned and mirrored": (1, 2),
}
#: Minimum ratio of the information elsewhere to that in place, and minimum excess in standard
#: errors over regions. For labels in place the ratio is at most 0.88; for misplaced ones it is at
#: least 1.13, by 7 standard errors (experiments/reliability/inputs-placing.md).
MORE, ERRORS = 1.1, 5.0
#: Labels are unrelated if their information is below the first share of their entropy and mirrored
#: ones have more than the second share of it: these are 0.10 and 0.02 for labels in place, 0.005
#: and 0.2 for labels of another film. In small squares chance alone gives some information, so
#: labels are also unrelated if mirrored ones have more than the third share.
NOTHING, AS_WELL, MOST_OF_IT = 0.02, 0.15, 0.5


@dataclass(frozen=True)
class Placing:
    """Information of labels on the grey values where they lie, and at other places.

    Attributes
    ----------
    regions
        The regions that were examined, with their labels.
    at_place
        Information of each region's labels in nats, (regions,).
    at_others
        Information of each region's labels at other places, by the description of the place; nan
        where that has no grey values.

    Examples
    --------
    ```python
    placing = Placing.of(load_dataset(Path("film/dataset.yaml")).samples[0])
    {name: t.mean() / placing.at_place.mean() for name, t in placing.at_others.items()}
    ```
    """

    regions: Sequence[Labelled]
    at_place: npt.NDArray[np.float64]
    at_others: Mapping[str, npt.NDArray[np.float64]]

    @classmethod
    def of(cls, sample: Sample) -> Placing:
        """Examine at most 16 regions of a sample; nothing if there are fewer than 6.

        Takes the time to decode them at 9 places each, and the memory of one region.
        """
        regions = _looked_at(sample)
        if len(regions) < FEWEST:
            return cls(regions, np.array([]), {})
        names, places = zip(*_places(sample), strict=True)
        at_place, *others = _informations(sample, regions, (_in_slice(0), *places))
        return cls(regions, at_place, dict(zip(names, others, strict=True)))


def misplaced(sample: Sample) -> Iterator[str]:
    """Yield a message if the labels of a sample seem to belong elsewhere.

    Nothing is said of few regions; for time and memory see :meth:`Placing.of`.

    Examples
    --------
    ```python
    for warning in misplaced(load_dataset(Path("film/dataset.yaml")).samples[0]):
        print(warning)
    ```
    """
    placing = Placing.of(sample)
    regions, at_place, at_others = placing.regions, placing.at_place, placing.at_others
    if not at_others:
        return
    better = {name: t for name, t in at_others.items() if _excess(t, at_place) > ERRORS}
    if better:
        name, other = max(better.items(), key=lambda item: float(np.nanmean(item[1])))
        times = np.nanmean(other) / np.nanmean(at_place)
        yield (
            f"{sample.name}: the labels go with the grey values {name} better than with those "
            f"where they lie ({times:.1f} times the information, in {len(regions)} regions): "
            "are they shifted, mirrored or turned?"
        )
    elif _tell_nothing(regions, at_place, at_others):
        yield (
            f"{sample.name}: the labels tell no more of the grey values than mirrored ones would: "
            "are they of another film?"
        )


def _looked_at(sample: Sample) -> list[Labelled]:
    """Return evenly spaced regions that show both classes, with their labels."""
    regions = [sample.labelled[k] for k in evenly_spaced(len(sample.labelled), 3 * MOST)]
    read = ((region, region.read()) for region in regions)
    both = [(r, labels) for r, labels in read if (labels == 0).any() and (labels == 1).any()]
    return [both[k] for k in evenly_spaced(len(both), MOST)] if both else []


def _places(sample: Sample) -> Iterator[tuple[str, ReadAt]]:
    """Yield the other places that labels may belong to, with a description of each."""
    for dz in (*range(-REACH, 0), *range(1, REACH + 1)):
        many = "slice" if abs(dz) == 1 else "slices"
        yield f"{abs(dz)} {many} {'later' if dz > 0 else 'earlier'}", _in_slice(dz)
    for dy, dx in product(range(-NEAR, NEAR + 1), repeat=2):
        if (dy, dx) != (0, 0):
            yield f"({dy:+}, {dx:+}) pixels on (y, x)", _in_slice(0, dy, dx)
    for name, axes in MIRRORED.items():
        if sample.dense or axes != (0,):
            yield f"mirrored in {name}", _mirrored(sample, axes)
    for name, axes in TURNED.items():
        yield name, _mirrored(sample, axes, exchanged=True)
    if not sample.dense:
        yield "where y and x of their places are exchanged", _elsewhere
        yield "where z of their places is counted from the last slice", _from_the_end


def _in_slice(dz: int, dy: int = 0, dx: int = 0) -> ReadAt:
    def read(near: Near) -> Greys | None:
        z, y, x = (a + by for a, by in zip(near.box.start, (dz, dy, dx), strict=True))
        return near.read(Box((z, y, x), (z + 1, y + near.box.shape[1], x + near.box.shape[2])))

    return read


def _mirrored(sample: Sample, axes: tuple[int, ...], *, exchanged: bool = False) -> ReadAt:
    """Return a reader of mirrored places, of a stack as a whole or of each mask by itself."""
    shape = sample.volume.shape

    def read(near: Near) -> Greys | None:
        start, sides = list(near.box.start), list(near.box.shape)
        for axis in axes if sample.dense else ():
            start[axis] = shape[axis] - near.box.stop[axis]
        if exchanged:
            sides[1:] = sides[:0:-1]
            start[1:] = start[:0:-1] if sample.dense else start[1:]
        z, y, x = start
        greys = near.read(Box((z, y, x), (z + 1, y + sides[1], x + sides[2])))
        if greys is None:
            return None
        inside = tuple(axis - 1 for axis in axes if axis)
        return np.flip(greys.T if exchanged else greys, inside)

    return read


def _elsewhere(near: Near) -> Greys | None:
    """Read the place of a region with x and y exchanged."""
    z, y, x = near.box.start
    _, h, w = near.box.shape
    return near.read(Box((z, x, y), (z + 1, x + h, y + w)))


def _from_the_end(near: Near) -> Greys | None:
    """Read the place of a region with slices counted from the last one."""
    depth = near.volume.shape[0]
    (z, y, x), (_, bottom, right) = near.box.start, near.box.stop
    return near.read(Box((depth - 1 - z, y, x), (depth - z, bottom, right)))


class Near:
    """Grey values at places near a region; what surrounds it in its own slice is decoded once.

    Most of the places lie in the slice of the region, a pixel away from it or mirrored in it, and
    compressed slices take longer to decode than to look through.
    """

    def __init__(self, volume: Volume, box: Box) -> None:
        self.volume, self.box = volume, box
        (z, y, x), side = box.start, max(box.shape)  # also if its y and x were exchanged
        square = Box(box.start, (z + 1, y + side, x + side))
        self.around = square.grow((0, NEAR, NEAR)).clip(volume.shape)

    @cached_property
    def _surroundings(self) -> Greys | None:
        return _read(self.volume, self.around)

    def read(self, box: Box) -> Greys | None:
        """Return the grey values in a box of one slice, or None if they cannot be read."""
        if not box.inside(self.volume.shape):
            return None
        if box.within(self.around) and self._surroundings is not None:
            return self._surroundings[box.slices_in(self.around)[1:]]
        return _read(self.volume, box)


def _read(volume: Volume, box: Box) -> Greys | None:
    if box.start[0] in volume.missing:
        return None
    try:
        return volume.read_unit(box)[0]
    except UserError:  # unreadable slices are reported elsewhere
        return None


def _informations(
    sample: Sample, regions: Sequence[Labelled], places: Iterable[ReadAt]
) -> npt.NDArray[np.float64]:
    """Information of labels on grey values, (places, regions); nan at places without any."""
    near = ((Near(sample.volume, region.box), labels) for region, labels in regions)
    by_region = [
        [information(read_at(area), labels) for read_at in places] for area, labels in near
    ]
    return np.array(by_region).T


def information(greys: Greys | None, labels: npt.NDArray[np.uint8]) -> float:
    r"""Mutual information of labels and binned grey values, in nats; nan without grey values.

    .. math:: I = \sum_{g, l} p(g, l) \ln \frac{p(g, l)}{p(g) \, p(l)}

    >>> round(information(np.float32([[0, 0, 1, 1]]), np.uint8([[0, 0, 1, 1]])), 4)  # ln 2
    0.6931
    """
    if greys is None:
        return float("nan")
    step = -(-max(labels.shape) // SIDE)
    labels, greys = labels[::step, ::step], greys[::step, ::step]
    classes = [np.sort(greys[labels == k]) for k in (0, 1)]
    values = np.sort(np.concatenate(classes), kind="stable")  # merges the two sorted arrays
    if not len(values):
        return float("nan")
    edges = _quantiles(values, np.linspace(0, 1, BINS + 1)[1:-1])
    joint = np.stack([_in_bins(edges, of_class) for of_class in classes], axis=1) / len(values)
    apart = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    filled = joint > 0
    return float((joint[filled] * np.log(joint[filled] / apart[filled])).sum())


def _quantiles(ranked: Greys, shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Quantiles of sorted values, equal to those of `numpy.quantile`.

    >>> _quantiles(np.float32([0, 1, 4]), np.array([0.25, 0.5, 0.75])).tolist()
    [0.5, 1.0, 2.5]
    """
    at = shares * (len(ranked) - 1)
    low, high = (ranked[side(at).astype(np.intp)] for side in (np.floor, np.ceil))
    ends: npt.NDArray[np.float64] = low + (high - low) * (at - np.floor(at))
    return ends


def _in_bins(edges: npt.NDArray[Any], ranked: Greys) -> npt.NDArray[np.int64]:
    """Number of sorted values in each bin; a value on an edge belongs to the bin below."""
    return np.diff(np.searchsorted(ranked, edges, "right"), prepend=0, append=len(ranked))


def _excess(at_others: npt.NDArray[np.float64], at_place: npt.NDArray[np.float64]) -> float:
    """Standard errors by which information is higher elsewhere; 0 if hardly, or in few regions."""
    both = np.isfinite(at_others) & np.isfinite(at_place)
    if both.sum() < FEWEST or at_others[both].mean() < MORE * at_place[both].mean():
        return 0.0
    more = at_others[both] - at_place[both]
    error = more.std(ddof=1) / np.sqrt(len(more))
    return float(more.mean() / max(error, 1e-12))


def _tell_nothing(
    regions: Sequence[Labelled],
    at_place: npt.NDArray[np.float64],
    at_others: Mapping[str, npt.NDArray[np.float64]],
) -> bool:
    shares = [np.mean(labels[labels != IGNORE]) for _, labels in regions]
    entropy = np.mean([-p * np.log(p) - (1 - p) * np.log(1 - p) for p in shares])
    mirrored = [
        np.nanmean(values) for name, values in at_others.items() if name.startswith("mirrored")
    ]
    at_stated, by_chance = np.nanmean(at_place), np.mean(mirrored)
    return bool(
        by_chance > MOST_OF_IT * at_stated
        or (at_stated < NOTHING * entropy and by_chance > AS_WELL * at_stated)
    )
