"""Source of the windows of an epoch: all training regions, or as many as fit in memory.

Sixty squares stay in memory. From forty whole slices every epoch draws other parts, determined by
its number and the seed (:mod:`fibsem.training.material.changing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from fibsem.data.windows import LabelledWindow
from fibsem.training.material.labelled_places import LabelledPlaces

DoubleArray = npt.NDArray[np.float64]

#: A class is rare below this share of the labelled pixels; windows are then drawn for it, ...
RARE = 0.1
#: ... making up this share of all windows.
FOR_RARE = 0.5
#: Maximum number of tries to place a square at a rare pixel so that its grid hits a label.
TRIES = 50


@dataclass(eq=False)
class Supply:
    """Windows of an epoch, and the probabilities with which squares are drawn from them.

    Squares without a labelled pixel are never drawn, because they teach nothing. All others keep
    their relative probabilities, so that the loss still represents all labelled pixels.

    Attributes
    ----------
    windows
        Regions with their surroundings.
    chance
        Probability of each window for a square anywhere in it.
    rare
        The rare class, or None.
    for_rare
        Share of the squares that are placed at a pixel of the rare class.
    rare_chance
        Probability of each window for these squares.
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
        """Return a supply in which every position of every window is equally likely."""
        area = np.array([window.region.box.size for window in windows], np.float64)
        return cls(windows, area / area.sum())

    @classmethod
    def of(cls, windows: Sequence[LabelledWindow], rare: int | None, for_rare: float) -> Supply:
        """Return an even supply that also draws windows for a rare class, by its pixel counts."""
        even = cls.evenly(windows)
        if rare is None:
            return even
        counts = np.array([(window.labels == rare).sum() for window in windows], np.float64)
        return replace(even, rare=rare, for_rare=for_rare, rare_chance=counts / counts.sum())

    def draw(
        self, count: int, extent: int, rng: np.random.Generator, stride: int = 1
    ) -> list[tuple[int, int, int]]:
        """Draw ``count`` squares that contain a label; return their (window, y, x).

        Squares are ``extent`` pixels wide; only their pixels ``stride`` apart count.
        """
        held = self._holding(extent, stride)
        chosen = rng.choice(len(self.windows), count, p=held.chance)
        for_rare = rng.random(count) < self.for_rare if self.for_rare else np.zeros(count, bool)
        return [
            self._at_rare(held, extent, rng) if rare else self._anywhere(held, int(k), extent, rng)
            for k, rare in zip(chosen, for_rare, strict=True)
        ]

    def _holding(self, extent: int, stride: int) -> LabelledPlaces:
        """Return the positions of squares that contain a label, cached by extent and stride."""
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
        """Draw a square that covers a random pixel of the rare class."""
        k = int(rng.choice(len(self.windows), p=self.rare_chance))
        labels, places = self.windows[k].labels, held.places[k]
        if k not in self._places:
            self._places[k] = np.flatnonzero(labels == self.rare)
        for _ in range(TRIES):
            pixel = np.unravel_index(rng.choice(self._places[k]), labels.shape)
            y, x = (
                int(rng.integers(max(0, at - extent + 1), min(at, side - extent) + 1))
                for at, side in zip(pixel, labels.shape, strict=True)
            )
            if places is None or places[y, x]:
                break
        return k, y, x


def rare_class(counts: npt.NDArray[np.integer], share: float | None) -> tuple[int | None, float]:
    """Return the class that extra windows are drawn for, or None, and their share.

    Parameters
    ----------
    counts
        Numbers of labelled pore and solid pixels.
    share
        Share from the configuration; None for ``FOR_RARE`` if a class is rare, else 0.

    Examples
    --------
    >>> rare_class(np.array([5, 95]), None), rare_class(np.array([50, 50]), None)
    ((0, 0.5), (None, 0.0))
    """
    if share is None:
        share = FOR_RARE if counts.min() < RARE * counts.sum() else 0.0
    return (int(counts.argmin()), share) if share else (None, 0.0)
