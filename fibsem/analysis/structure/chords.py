"""Chord lengths of the pores, corrected for chords that the border of the film cuts off.

A chord is counted if it begins at solid. If the border or unknown voxels cut it off, it is longer
than its visible part, so the distribution is the estimate of Kaplan and Meier (J. Am. Stat. Assoc.
53, 1958) for censored data. Leaving cut chords out, or taking their visible length, would
underestimate the number of long chords in small films.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.film import AXES, NEITHER, PORE, SOLID, Film, Phases

Counts = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]
Lengths = npt.NDArray[np.int_] | npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Chords:
    """Chords along one axis.

    Attributes
    ----------
    ended, cut
        Number of chords of 0, 1, 2, ... voxels that end at solid, and of those that are cut off.
    step
        Length of a voxel.
    """

    ended: Counts
    cut: Counts
    step: float

    @cached_property
    def survival(self) -> Array:
        """Share of the chords that are longer than 0, 1, 2, ... voxels."""
        longer = np.cumsum((self.ended + self.cut)[::-1])[::-1] - self.ended - self.cut
        at_risk = longer + self.ended  # without those cut off here, which may go on
        gone = np.divide(self.ended, at_risk, out=np.zeros(len(at_risk)), where=at_risk > 0)
        return np.cumprod(1 - gone)

    @property
    def count(self) -> int:
        """Number of chords whose beginning lies in the film."""
        return int(self.ended.sum() + self.cut.sum())

    @property
    def mean(self) -> float:
        """Mean length; nan without chords. Too small if :attr:`beyond` is not 0."""
        return float(self.survival.sum()) * self.step if self.count else float("nan")

    @property
    def beyond(self) -> float:
        """Share of the chords known only to be longer than the longest observed length."""
        return float(self.survival[-1]) if self.count else float("nan")

    def quantile(self, share: float) -> float:
        """Return the length that this share of the chords does not exceed.

        nan if there are no chords, or too many are cut off before the quantile.
        """
        short = np.flatnonzero(1 - self.survival >= share - 1e-12)
        return float(short[0]) * self.step if self.count and short.size else float("nan")


class ChordLengths:
    """Accumulator of chord lengths along z, y and x."""

    def __init__(self, film: Film) -> None:
        self._spacing = film.spacing
        self._ended = [np.zeros(n + 1, np.int64) for n in film.shape]
        self._cut = [np.zeros(n + 1, np.int64) for n in film.shape]
        self._longest, self._depth = [0.0, 0.0, 0.0], 0
        plane = film.shape[1:]
        self._run, self._open = np.zeros(plane, np.int32), np.zeros(plane, np.int32)
        self._before = np.full(plane, NEITHER, np.uint8)

    def add(self, z: int, slab: Phases) -> None:
        for image in slab:
            self._along_z(image)
            for axis, lines in ((1, image.T), (2, image)):
                self._along_lines(axis, lines)

    def _along_lines(self, axis: int, lines: Phases) -> None:
        """Count the chords along the rows of an image."""
        count, length = lines.shape
        flat = np.full((count, length + 1), NEITHER, np.uint8)
        flat[:, :-1] = lines
        row = np.concatenate([[NEITHER], flat.ravel()]).astype(np.uint8, copy=False)
        starts, stops = _runs(row == PORE)
        lengths, begun, ended = stops - starts, row[starts - 1] == SOLID, row[stops] == SOLID
        self._enter(axis, lengths[begun & ended], lengths[begun & ~ended])
        flat[:, -1] = SOLID  # a run ends with its row
        starts, stops = _runs(np.concatenate([[False], flat.ravel() != SOLID]))
        begun, ended = starts % (length + 1) != 1, stops % (length + 1) != 0
        self._bound(axis, stops - starts, begun, ended)

    def _along_z(self, image: Phases) -> None:
        """Extend the chords along z by one slice."""
        pore, solid, run = image == PORE, image == SOLID, self._run
        self._enter(0, run[(run > 0) & solid], run[(run > 0) & ~solid & ~pore])
        goes_on = pore & ((run > 0) | (self._before == SOLID))
        self._run = np.where(goes_on, run + 1, 0).astype(np.int32)
        closed = self._open[solid]
        self._bound(0, closed, closed < self._depth, closed > 0)
        self._open = np.where(solid, 0, self._open + 1).astype(np.int32)
        self._depth += 1
        self._before = image.copy()

    def _bound(self, axis: int, lengths: Lengths, begun: Mask, ended: Mask) -> None:
        """Update the longest run without solid; the masks say at which ends solid bounds it."""
        mirrored = np.where(begun & ended, lengths, 2.0 * lengths - 1)
        mirrored[~begun & ~ended & (lengths > 0)] = np.inf
        self._longest[axis] = max(self._longest[axis], float(mirrored.max(initial=0)))

    @property
    def longest(self) -> tuple[float, float, float]:
        """Longest run of voxels without solid along each axis: an upper bound for balls in pores.

        The border of the film does not bound a ball: runs that it cuts off at one end are mirrored
        there, and runs that it cuts off at both ends count as infinite.
        """
        self._bound(0, self._open, self._open < self._depth, np.zeros(self._open.shape, np.bool_))
        z, y, x = self._longest
        return z, y, x

    @property
    def widest(self) -> float:
        """Upper bound for the diameter of a ball in the pores, in the unit of the spacing."""
        rows = zip(self.longest, self._spacing, strict=True)
        return min((voxels + 1) * step for voxels, step in rows)

    def _enter(self, axis: int, ended: npt.NDArray[np.int_], cut: npt.NDArray[np.int_]) -> None:
        for lengths, counts in ((ended, self._ended[axis]), (cut, self._cut[axis])):
            counts += np.bincount(lengths, minlength=len(counts))

    @property
    def result(self) -> dict[str, Chords]:
        """Chords by axis; those still open at the last slice count as cut off."""
        left = np.bincount(self._run[self._run > 0], minlength=len(self._cut[0]))
        cuts = [self._cut[0] + left, *self._cut[1:]]
        return {
            name: Chords(self._ended[axis], cuts[axis], self._spacing[axis])
            for axis, name in enumerate(AXES)
        }


def _runs(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]:
    """Return starts and stops of the runs of a mask whose first and last values are false."""
    change = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    return change[::2], change[1::2]
