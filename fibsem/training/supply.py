"""Where the windows of an epoch are cut from: the training regions, or as many as fit in memory.

Sixty squares stay in memory. Of forty whole slices every epoch has other parts, drawn by its
number and the seed; those of the next are read in a thread while this one is trained on. So memory
does not grow with what is labelled, and no step waits for a disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fibsem.data.pieces import Parts, inclusion, systematic
from fibsem.data.samples import Region
from fibsem.data.sampling import LabelArray
from fibsem.data.windows import LabelledWindow

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Side of the parts of large regions, about; what is around them costs less than around small ones.
SIDE = 256
#: Most that the windows of two epochs may take together, bytes.
MOST_BYTES = 2**30
#: Slices that the parts of an epoch lie in, where these have enough: each is read with all around.
PLACES = 24
#: A class is rare below this share of the labelled pixels; windows are then drawn for it, too ...
RARE = 0.1
#: ... as many as this share of all.
FOR_RARE = 0.5
#: Most that a pixel of a class weighs: beyond it the loss is that of a few pixels.
HEAVIEST = 10.0
#: Squares that are tried at a rare pixel until one has a label where its grid lies.
TRIES = 50


@dataclass(eq=False)
class Supply:
    """Windows of an epoch, and how they are drawn from.

    Squares without a labelled pixel teach nothing: they are passed over. All others are as probable
    as each other as before, so that the loss is still that of all labelled pixels.

    Attributes
    ----------
    windows
        Regions with their surroundings.
    chance
        Of each window, for a place anywhere in it.
    rare
        The class that is rare; None where neither is.
    for_rare
        Share of the draws that lie at a pixel of it.
    rare_chance
        Of each window, for those draws.
    """

    windows: Sequence[LabelledWindow]
    chance: FloatArray
    rare: int | None = None
    for_rare: float = 0.0
    rare_chance: FloatArray | None = None
    _places: dict[int, npt.NDArray[np.intp]] = field(default_factory=dict, init=False, repr=False)
    _held: dict[tuple[int, int], LabelledPlaces] = field(
        default_factory=dict, init=False, repr=False
    )

    @classmethod
    def evenly(cls, windows: Sequence[LabelledWindow]) -> Supply:
        """Every place of every window alike."""
        area = np.array([window.region.box.size for window in windows], np.float64)
        return cls(windows, area / area.sum())

    def draw(
        self, count: int, extent: int, rng: np.random.Generator, stride: int = 1
    ) -> list[tuple[int, int, int]]:
        """Window, y and x of ``count`` squares of labels, ``extent`` wide, with some label in each.

        What is learned from are the pixels of a square that lie ``stride`` apart.
        """
        held = self._holding(extent, stride)
        chosen = rng.choice(len(self.windows), count, p=held.chance)
        for_rare = rng.random(count) < self.for_rare if self.for_rare else np.zeros(count, bool)
        return [
            self._at_rare(held, extent, rng) if rare else self._anywhere(held, int(k), extent, rng)
            for k, rare in zip(chosen, for_rare, strict=True)
        ]

    def _holding(self, extent: int, stride: int) -> LabelledPlaces:
        """Where such squares hold a label, found once."""
        key = extent, stride
        if key not in self._held:
            self._held[key] = LabelledPlaces.of(self.windows, self.chance, extent, stride)
        return self._held[key]

    def _anywhere(
        self, held: LabelledPlaces, k: int, extent: int, rng: np.random.Generator
    ) -> tuple[int, int, int]:
        places, rows = held.places[k], held.rows[k]
        if places is not None:
            y = int(rng.choice(len(places), p=rows))
            return k, y, int(rng.choice(np.flatnonzero(places[y])))
        height, width = self.windows[k].labels.shape
        y = int(rng.integers(0, height - extent + 1))
        return k, y, int(rng.integers(0, width - extent + 1))

    def _at_rare(
        self, held: LabelledPlaces, extent: int, rng: np.random.Generator
    ) -> tuple[int, int, int]:
        """A square that holds a pixel of the rare class, which is anywhere in it."""
        k = int(rng.choice(len(self.windows), p=self.rare_chance))
        labels, places = self.windows[k].labels, held.places[k]
        if k not in self._places:
            self._places[k] = np.flatnonzero(labels == self.rare)
        for _ in range(TRIES):
            place = np.unravel_index(rng.choice(self._places[k]), labels.shape)
            y, x = (
                int(np.clip(at - rng.integers(0, extent), 0, side - extent))
                for at, side in zip(place, labels.shape, strict=True)
            )
            if places is None or places[y, x]:
                break
        return k, y, x


@dataclass(frozen=True, eq=False)
class LabelledPlaces:
    """Where squares of one kind hold a label, by window.

    Attributes
    ----------
    places
        :func:`holding` of each.
    rows
        Share of its places by y; None where ``places`` is.
    chance
        Of each window, for a square with some label anywhere in it.
    """

    places: list[BoolArray | None]
    rows: list[FloatArray | None]
    chance: FloatArray

    @classmethod
    def of(
        cls, windows: Sequence[LabelledWindow], chance: FloatArray, extent: int, stride: int
    ) -> LabelledPlaces:
        """Find them; ``chance`` is that of a square with or without one."""
        places = [holding(window.labels, extent, stride) for window in windows]
        if all(each is None for each in places):
            return cls(places, [None] * len(places), chance)
        chance = chance * [1.0 if each is None else each.mean() for each in places]
        rows = [None if each is None else each.sum(axis=1) / each.sum() for each in places]
        return cls(places, rows, chance / chance.sum())


def holding(labels: LabelArray, extent: int, stride: int) -> BoolArray | None:
    """Where squares of labels begin that have some label; None where all do.

    Parameters
    ----------
    labels
        (h, w) uint8 of a window.
    extent, stride
        Pixels across a square, of which those that lie ``stride`` apart count.

    Returns
    -------
    places : (h - extent + 1, w - extent + 1) bool or None
        By the upper left corner.

    Examples
    --------
    >>> holding(np.array([[0, 255, 255, 1, 255]], np.uint8).repeat(2, axis=0), 2, 1)
    array([[ True, False,  True,  True]])
    """
    places = labels <= 1
    for axis in (0, 1) if not places.all() else ():
        places = _any_ahead(places.swapaxes(0, axis), extent, stride).swapaxes(0, axis)
    return None if places.all() else places


def _any_ahead(places: BoolArray, extent: int, stride: int) -> BoolArray:
    """Whether any of the rows that lie ``stride`` apart, ``extent`` on from each, is True."""
    count, reach = 1 + (extent - 1) // stride, 1
    while reach < count:  # twice as many at a time
        more = min(reach, count - reach)
        places = places[: -more * stride] | places[more * stride :]
        reach += more
    return places


def share_at_rare(
    labels: Sequence[LabelArray], chance: FloatArray, rare: int, extent: int,
    rng: np.random.Generator, draws: int = 400,
) -> float:  # fmt: skip
    """Share of the rare class in squares that are drawn at a pixel of it, by trying.

    ``chance`` is that of each part, all of which hold some: as :meth:`Supply.draw` has it.
    """
    places = [np.flatnonzero(part == rare) for part in labels]
    shares = []
    for k in rng.choice(len(labels), draws, p=chance):
        y, x = np.unravel_index(rng.choice(places[k]), labels[k].shape)
        top, left = max(0, y - int(rng.integers(extent))), max(0, x - int(rng.integers(extent)))
        square = labels[k][top : top + extent, left : left + extent]
        shares.append((square == rare).sum() / max(1, (square <= 1).sum()))
    return float(np.mean(shares))


def balancing(share: Sequence[float]) -> tuple[float, float]:
    """Weights of pore and solid that make up for their shares of what is drawn.

    >>> balancing([0.2, 0.8]), balancing([0.01, 0.99])
    ((2.5, 0.625), (10.0, 0.5050505050505051))
    """
    pore, solid = (min(HEAVIEST, 1 / (2 * part)) for part in share)
    return pore, solid


class Changing:
    """Parts of large regions, other ones in every epoch; the next are read meanwhile.

    They lie in some slices, again other ones in every epoch: to read a part is to decode its slice.

    Parameters
    ----------
    parts
        All of them.
    load
        Reads some with their surroundings, in the order in which they lie.
    most
        Parts of an epoch.
    rare
        The rare class, None where neither is.
    for_rare
        Share of the draws that lie at a pixel of it; as many of the parts are drawn for it.
    seed
        Of the run.
    places
        Slices of an epoch; more where its parts would not fill them.
    """

    def __init__(
        self, parts: Parts, load: Callable[[Sequence[Region]], Sequence[LabelledWindow]], most: int,
        rare: int | None, for_rare: float, seed: int, places: int = PLACES,
    ) -> None:  # fmt: skip
        self.parts, self.load, self.most, self.seed = parts, load, most, seed
        self.rare, self.for_rare, self.places = rare, for_rare, places
        slices = [(region.sample, region.box.start[0]) for region in parts.regions]
        number = {place: k for k, place in enumerate(dict.fromkeys(slices))}
        self._place = np.array([number[place] for place in slices], np.intp)
        self._thread = ThreadPoolExecutor(1, "supply")
        self._coming: dict[int, Future[Supply]] = {}

    def of(self, epoch: int) -> Supply:
        """What an epoch is drawn from."""
        coming = self._coming.pop(epoch, None)
        supply = self.read(epoch) if coming is None else coming.result()
        for other in self._coming.values():
            other.cancel()
        self._coming = {epoch + 1: self._thread.submit(self.read, epoch + 1)}
        return supply

    def read(self, epoch: int) -> Supply:
        """Draw the parts of an epoch, and read them in the order in which they lie."""
        rng = np.random.default_rng([self.seed, epoch, 1])
        few = max(1, round(self.most * self.for_rare)) if self.rare is not None else 0
        area = self.parts.counts.sum(axis=1).astype(np.float64)
        chosen, chance = self._draw(area, max(1, self.most - few), rng)
        if self.rare is None:
            return Supply(self._read(chosen), chance)
        of_rare, rare_chance = self._draw(self.parts.counts[:, self.rare], few, rng)
        every = np.union1d(chosen, of_rare)
        here, of_rare_chance = np.zeros(len(every)), np.zeros(len(every))
        here[np.searchsorted(every, chosen)] = chance
        of_rare_chance[np.searchsorted(every, of_rare)] = rare_chance
        return Supply(self._read(every), here, self.rare, self.for_rare, of_rare_chance)

    def _read(self, chosen: npt.NDArray[np.intp]) -> Sequence[LabelledWindow]:
        return self.load([self.parts.regions[k] for k in chosen])

    def _draw(
        self, size: npt.NDArray[np.floating] | npt.NDArray[np.integer], most: int,
        rng: np.random.Generator,
    ) -> tuple[npt.NDArray[np.intp], FloatArray]:  # fmt: skip
        """Parts of a share of the slices; see :func:`by_place`."""
        places = max(1, round(self.places * most / self.most))
        return by_place(size, self._place, places, most, rng)


def by_place(
    size: npt.NDArray[np.floating] | npt.NDArray[np.integer], place: npt.NDArray[np.intp],
    places: int, most: int, rng: np.random.Generator,
) -> tuple[npt.NDArray[np.intp], FloatArray]:  # fmt: skip
    """Parts of some places, drawn as :func:`by_size` draws: first the places, then parts of each.

    Parameters
    ----------
    size, place
        Of each part.
    places, most
        How many of both, at most; more places where these hold fewer parts than that on average.
    rng
        Source of randomness.
    """
    totals = np.bincount(place, size)
    held = (size > 0).sum() / max(1, (totals > 0).sum())
    places = min(most, max(places, math.ceil(most / held)))
    drawn, of_place = by_size(totals, places, rng)
    counts = (most + rng.permutation(len(drawn))) // len(drawn)  # alike, and ``most`` in all
    chosen, chances = [], []
    for k, chance, count in zip(drawn, of_place, counts, strict=True):
        here = np.flatnonzero(place == k)
        some, within = by_size(size[here], int(count), rng)
        chosen.append(here[some])
        chances.append(chance * within)
    order = np.argsort(parts := np.concatenate(chosen))
    return parts[order], np.concatenate(chances)[order]


def by_size(
    size: npt.NDArray[np.floating] | npt.NDArray[np.integer], most: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Parts drawn in proportion to their size, and the chance that makes every unit of it alike."""
    some = np.flatnonzero(size > 0)
    probability = inclusion(size[some].astype(np.float64), most)
    order = rng.permutation(len(some))
    chosen = np.sort(order[systematic(probability[order], rng)])
    weight = size[some][chosen] / probability[chosen]
    return some[chosen], weight / weight.sum()
