"""Draw other parts of large regions in every epoch, and read them during the previous epoch.

Memory then does not grow with the number of labels, and no step waits for the disk.
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

#: Reads parts, which are in the order of the dataset, with their surroundings.
Load = Callable[[Sequence[Region]], Sequence[LabelledWindow]]
#: Number of slices that the parts of an epoch come from, if they hold enough parts: each slice is
#: decoded as a whole.
SLICES_READ = 24


class Changing:
    """Supplies of parts that are drawn anew for every epoch, and read ahead in a thread.

    The parts of an epoch come from few slices, drawn anew every epoch, because reading a part
    means decoding its slice.

    Parameters
    ----------
    parts
        All parts of the training regions.
    load
        Reads parts, which are in the order of the dataset, with their surroundings.
    most
        Number of parts per epoch.
    rare
        The rare class, or None.
    for_rare
        Share of the windows that are drawn at a pixel of the rare class; the same share of the
        parts is drawn for it.
    seed
        Seed of the run.
    slices_read
        Number of slices per epoch; more are used if these hold too few parts.
    """

    def __init__(
        self, parts: Parts, load: Load, most: int, rare: int | None, for_rare: float, seed: int,
        slices_read: int = SLICES_READ,
    ) -> None:  # fmt: skip
        self.parts, self.load, self.most, self.seed = parts, load, most, seed
        self.rare, self.for_rare, self.slices_read = rare, for_rare, slices_read
        slices = [(region.sample, region.box.start[0]) for region in parts.regions]
        number = {key: k for k, key in enumerate(dict.fromkeys(slices))}
        self._slice_number = np.array([number[key] for key in slices], np.intp)
        self._thread = ThreadPoolExecutor(1, "supply")
        self._coming: dict[int, Future[Supply]] = {}

    def of(self, epoch: int) -> Supply:
        """Return the supply of an epoch, and start to read that of the next one."""
        coming = self._coming.pop(epoch, None)
        supply = self.read(epoch) if coming is None else coming.result()
        for batch in self._coming.values():
            batch.cancel()
        self._coming = {epoch + 1: self._thread.submit(as_here(self.read), epoch + 1)}
        return supply

    def read(self, epoch: int) -> Supply:
        """Draw the parts of an epoch and read them."""
        return self.drawn(epoch, self.load)

    def drawn(self, epoch: int, load: Load) -> Supply:
        """Draw the parts of an epoch and read them with ``load``."""
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
        """Convert probabilities per pixel to probabilities per part, which sum to 1."""
        chance = chance * [self.parts.regions[k].box.size for k in chosen]
        return chance / chance.sum()

    def _parts(self, chosen: npt.NDArray[np.intp]) -> list[Region]:
        return [self.parts.regions[k] for k in chosen]

    def _draw(
        self, size: npt.NDArray[np.floating] | npt.NDArray[np.integer], most: int,
        rng: np.random.Generator,
    ) -> tuple[npt.NDArray[np.intp], DoubleArray]:  # fmt: skip
        """Draw ``most`` parts from a proportional share of the slices; see :func:`by_slice`."""
        count = max(1, round(self.slices_read * most / self.most))
        return by_slice(size, self._slice_number, count, most, rng)


def by_slice(
    size: npt.NDArray[np.floating] | npt.NDArray[np.integer], slice_number: npt.NDArray[np.intp],
    most_slices: int, most: int, rng: np.random.Generator,
) -> tuple[npt.NDArray[np.intp], DoubleArray]:  # fmt: skip
    """Draw slices in proportion to size, then parts of each slice; see :func:`by_size`.

    Parameters
    ----------
    size, slice_number
        Size of each part, and number of its slice.
    most_slices, most
        Maximum number of slices and of parts; more slices are drawn if these hold too few parts
        on average.
    rng
        Random generator.

    Returns
    -------
    parts, chances : ndarray
        Indices of the drawn parts in ascending order, and their probabilities.
    """
    totals = np.bincount(slice_number, size)
    held = (size > 0).sum() / max(1, (totals > 0).sum())
    most_slices = min(most, max(most_slices, math.ceil(most / held)))
    drawn, of_slice = by_size(totals, most_slices, rng)
    counts = (most + rng.permutation(len(drawn))) // len(drawn)  # alike, ``most`` in sum
    chosen, chances = [], []
    for k, chance, count in zip(drawn, of_slice, counts, strict=True):
        here = np.flatnonzero(slice_number == k)
        drawn_here, within = by_size(size[here], int(count), rng)
        chosen.append(here[drawn_here])
        chances.append(chance * within)
    order = np.argsort(parts := np.concatenate(chosen))
    return parts[order], np.concatenate(chances)[order]


def by_size(
    size: npt.NDArray[np.floating] | npt.NDArray[np.integer], most: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], DoubleArray]:
    """Draw parts in proportion to size; return their indices and probabilities.

    The probabilities, with which windows are then drawn from the parts, sum to 1 and give every
    unit of size the same weight in expectation.
    """
    filled = np.flatnonzero(size > 0)
    probability = inclusion(size[filled].astype(np.float64), most)
    order = rng.permutation(len(filled))
    chosen = np.sort(order[systematic(probability[order], rng)])
    weight = size[filled][chosen] / probability[chosen]
    return filled[chosen], weight / weight.sum()
