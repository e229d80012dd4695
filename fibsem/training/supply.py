"""Where the windows of an epoch are cut from: the training regions, or as many as fit in memory.

Sixty squares stay in memory. Of forty whole slices every epoch has other parts, drawn by its
number and the seed (:mod:`fibsem.training.changing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fibsem.data.sampling import LabelArray
from fibsem.data.windows import LabelledWindow
from fibsem.training.labelled_places import LabelledPlaces

FloatArray = npt.NDArray[np.float64]

#: Side of the parts of large regions, about; what is around them costs less than around small ones.
SIDE = 256
#: Most that the windows of two epochs may take together, bytes.
MOST_BYTES = 2**30
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
        """Where squares of one kind hold a label, looked for once."""
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


def labelled_share(
    supply: Supply, extent: int, stride: int, rng: np.random.Generator, draws: int = 4000
) -> float:
    """Share of the pixels of squares that somebody labelled, as :meth:`Supply.draw` has them.

    By trying; exactly 1 where all are.

    Parameters
    ----------
    supply, extent, stride
        What is drawn from, and the squares: pixels across, of which those ``stride`` apart count.
    rng, draws
        Source of randomness, and how many are tried.
    """
    each = [window.labels for window in supply.windows]
    if all((labels <= 1).all() for labels in each):
        return 1.0
    squares = (
        each[k][y : y + extent : stride, x : x + extent : stride]
        for k, y, x in supply.draw(draws, extent, rng, stride)
    )
    return float(np.mean([(square <= 1).mean() for square in squares]))


def balancing(share: Sequence[float]) -> tuple[float, float]:
    """Weights of pore and solid that make up for their shares of what is drawn.

    >>> balancing([0.2, 0.8]), balancing([0.01, 0.99])
    ((2.5, 0.625), (10.0, 0.5050505050505051))
    """
    pore, solid = (min(HEAVIEST, 1 / (2 * part)) for part in share)
    return pore, solid
