"""Where the windows of an epoch are cut from: the training regions, or as many as fit in memory.

Sixty squares stay in memory. Of forty whole slices every epoch has other parts, drawn by its
number and the seed (:mod:`fibsem.training.material.changing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from fibsem.data.windows import LabelledWindow
from fibsem.training.material.labelled_places import LabelledPlaces

DoubleArray = npt.NDArray[np.float64]

#: A class is rare below this share of the labelled pixels; windows are then drawn for it, too ...
RARE = 0.1
#: ... as many as this share of all.
FOR_RARE = 0.5
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
    chance: DoubleArray
    rare: int | None = None
    for_rare: float = 0.0
    rare_chance: DoubleArray | None = None
    _places: dict[int, npt.NDArray[np.intp]] = field(default_factory=dict, init=False, repr=False)
    _held: dict[tuple[int, int], LabelledPlaces] = field(
        default_factory=dict, init=False, repr=False
    )

    @classmethod
    def evenly(cls, windows: Sequence[LabelledWindow]) -> Supply:
        """Every place of every window alike."""
        area = np.array([window.region.box.size for window in windows], np.float64)
        return cls(windows, area / area.sum())

    @classmethod
    def of(cls, windows: Sequence[LabelledWindow], rare: int | None, for_rare: float) -> Supply:
        """Every place of every window alike, and a rare class by the pixels that each has of it."""
        even = cls.evenly(windows)
        if rare is None:
            return even
        counts = np.array([(window.labels == rare).sum() for window in windows], np.float64)
        return replace(even, rare=rare, for_rare=for_rare, rare_chance=counts / counts.sum())

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
        """A square that holds a pixel of the rare class, from anywhere where it does."""
        k = int(rng.choice(len(self.windows), p=self.rare_chance))
        labels, places = self.windows[k].labels, held.places[k]
        if k not in self._places:
            self._places[k] = np.flatnonzero(labels == self.rare)
        for _ in range(TRIES):
            place = np.unravel_index(rng.choice(self._places[k]), labels.shape)
            y, x = (
                int(rng.integers(max(0, at - extent + 1), min(at, side - extent) + 1))
                for at, side in zip(place, labels.shape, strict=True)
            )
            if places is None or places[y, x]:
                break
        return k, y, x


def rare_class(counts: npt.NDArray[np.integer], share: float | None) -> tuple[int | None, float]:
    """The class that windows are drawn for in grid mode, and which share of them.

    Parameters
    ----------
    counts
        Labelled pores and solids.
    share
        As the configuration has it; None: where a class is rare, half of them.

    Examples
    --------
    >>> rare_class(np.array([5, 95]), None), rare_class(np.array([50, 50]), None)
    ((0, 0.5), (None, 0.0))
    """
    if share is None:
        share = FOR_RARE if counts.min() < RARE * counts.sum() else 0.0
    return (int(counts.argmin()), share) if share else (None, 0.0)
