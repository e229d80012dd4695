"""Parts of whole slices, other ones in every epoch, read while the one before is trained on.

So memory does not grow with what is labelled, and no step waits for a disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from fibsem.data.dataset.samples import Region
from fibsem.data.pieces import Parts, inclusion, systematic
from fibsem.data.windows import LabelledWindow
from fibsem.system.advice import as_here
from fibsem.training.material.supply import DoubleArray, Supply

#: Reads parts with their surroundings, in the order in which they lie.
Load = Callable[[Sequence[Region]], Sequence[LabelledWindow]]
#: Slices that the parts of an epoch lie in, where these have enough: each is read with all around.
PLACES = 24


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
        self, parts: Parts, load: Load, most: int, rare: int | None, for_rare: float, seed: int,
        places: int = PLACES,
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
        self._coming = {epoch + 1: self._thread.submit(as_here(self.read), epoch + 1)}
        return supply

    def read(self, epoch: int) -> Supply:
        """Draw the parts of an epoch, and read them in the order in which they lie."""
        return self.drawn(epoch, self.load)

    def drawn(self, epoch: int, load: Load) -> Supply:
        """Draw the parts of an epoch, and read them by ``load``."""
        rng = np.random.default_rng([self.seed, epoch, 1])
        few = max(1, round(self.most * self.for_rare)) if self.rare is not None else 0
        labelled = self.parts.counts.sum(axis=1).astype(np.float64)
        chosen, chance = self._draw(labelled, max(1, self.most - few), rng)
        chance = self._anywhere(chance / labelled[chosen], chosen)
        if self.rare is None:
            return Supply(load(self._parts(chosen)), chance)
        of_rare, rare_chance = self._draw(self.parts.counts[:, self.rare], few, rng)
        every = np.union1d(chosen, of_rare)
        here, of_rare_chance = np.zeros(len(every)), np.zeros(len(every))
        here[np.searchsorted(every, chosen)] = chance
        of_rare_chance[np.searchsorted(every, of_rare)] = rare_chance
        windows = load(self._parts(every))
        return Supply(windows, here, self.rare, self.for_rare, of_rare_chance)

    def _anywhere(self, chance: DoubleArray, chosen: npt.NDArray[np.intp]) -> DoubleArray:
        """Chance for any place of some parts, from that for each pixel of theirs."""
        chance = chance * [self.parts.regions[k].box.size for k in chosen]
        return chance / chance.sum()

    def _parts(self, chosen: npt.NDArray[np.intp]) -> list[Region]:
        return [self.parts.regions[k] for k in chosen]

    def _draw(
        self, size: npt.NDArray[np.floating] | npt.NDArray[np.integer], most: int,
        rng: np.random.Generator,
    ) -> tuple[npt.NDArray[np.intp], DoubleArray]:  # fmt: skip
        """Parts of a share of the slices; see :func:`by_place`."""
        places = max(1, round(self.places * most / self.most))
        return by_place(size, self._place, places, most, rng)


def by_place(
    size: npt.NDArray[np.floating] | npt.NDArray[np.integer], place: npt.NDArray[np.intp],
    places: int, most: int, rng: np.random.Generator,
) -> tuple[npt.NDArray[np.intp], DoubleArray]:  # fmt: skip
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
) -> tuple[npt.NDArray[np.intp], DoubleArray]:
    """Parts drawn in proportion to their size, and the chance that makes every unit of it alike."""
    some = np.flatnonzero(size > 0)
    probability = inclusion(size[some].astype(np.float64), most)
    order = rng.permutation(len(some))
    chosen = np.sort(order[systematic(probability[order], rng)])
    weight = size[some][chosen] / probability[chosen]
    return some[chosen], weight / weight.sum()
