"""Paired comparisons of two models on the same squares or seeds, and intervals over runs."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from fibsem.system.summaries.figures import Spread as Spread  # of results, and of summaries
from fibsem.system.summaries.promotion import Gate

#: Metrics that differ by less count as equal, up to rounding.
EQUAL = 1e-9
#: Smallest number of pairs in a test: five reach p = 0.05 one-sided only if all agree, and never
#: two-sided.
FEWEST_PAIRS = 6


@dataclass(frozen=True)
class Examined:
    """Test results of a model that the gate compares: mIoU of every square, and porosity error.

    ``places`` is the place of each square (:mod:`fibsem.places`): squares of one place are not
    independent. If it is None, every square is a place of its own.
    """

    mious: tuple[float, ...]
    porosity_error: float
    places: tuple[Hashable, ...] | None = None


@dataclass(frozen=True)
class _Differences:
    """Paired differences in mIoU, the kind of units that they are of, and a caveat if needed."""

    values: npt.NDArray[np.float64]
    kind: str
    doubt: str = ""

    @classmethod
    def of(cls, challenger: Examined, champion: Examined, needed: int) -> _Differences:
        """Return differences by place if there are enough, else by square with a caveat."""
        values = np.subtract(challenger.mious, champion.mious)
        at: dict[Hashable, list[float]] = {}
        for place, value in zip(challenger.places or range(values.size), values, strict=True):
            if np.isfinite(value):
                at.setdefault(place, []).append(float(value))
        squares = np.array([value for values in at.values() for value in values])
        if len(at) == squares.size:
            return cls(squares, "test squares")
        if len(at) >= needed:
            means = np.array([np.mean(values) for values in at.values()])
            return cls(means, f"places of {squares.size} test squares")
        places = "one place" if len(at) == 1 else f"{len(at)} places"
        doubt = (
            f"; the squares lie in {places} of neighbouring slices, which are not independent: p "
            "says more than they know"
        )
        return cls(squares, "test squares", doubt)


def judge(
    challenger: Examined, champion: Examined, *, alpha: float = 0.05, most_growth: float = 0.01
) -> Gate:
    """Judge a challenger against the champion on the same squares.

    Parameters
    ----------
    challenger, champion
        Results on the same squares in the same order; nan (nothing labelled) is ignored. Squares of
        one place are averaged; if there are too few places to decide, squares are tested, and the
        reason says so.
    alpha
        The challenger is refused if the p-value of a one-sided Wilcoxon signed-rank test of "worse"
        is below this. Equal squares do not inform the test: if the others are too few to reach
        ``alpha`` even if all were worse, the gate cannot decide.
    most_growth
        The challenger is refused if its absolute porosity error is larger by more than this share.

    Returns
    -------
    Gate
        Not passed if the challenger is refused or the test cannot decide, with the reason.
    """
    errors = (challenger.porosity_error, champion.porosity_error)
    needed = max(FEWEST_PAIRS, fewest_pairs(alpha))
    compared = _Differences.of(challenger, champion, needed)
    difference, kind = compared.values, compared.kind
    unequal = int(np.count_nonzero(difference))
    cannot = ""
    if difference.size < needed:
        cannot = f"{difference.size} {kind} cannot decide, {needed} are needed"
    elif (difference < 0).any() and unequal < fewest_pairs(alpha):
        cannot = (
            f"{unequal} {kind} with another mIoU cannot decide, {fewest_pairs(alpha)} are needed"
        )
    elif not np.isfinite(errors).all():
        cannot = "test squares without a labelled pixel cannot decide about the porosity"
    if cannot:
        return Gate(False, f"{cannot}; force=true promotes regardless", None, *errors)
    p = 1.0
    if unequal:  # p is exact without ties
        p = _wilcoxon(difference[difference != 0], "less")
    worse, further = p < alpha, errors[0] - errors[1] > most_growth
    reason = (
        f"{'worse than' if worse else 'not worse than'} the champion on {difference.size} {kind} "
        f"(median difference in mIoU {float(np.median(difference)):+.4f}, one-sided "
        f"Wilcoxon p = {p:.3g}); porosity error {100 * errors[0]:.2f} points against "
        f"{100 * errors[1]:.2f}{', grown too much' if further else ''}{compared.doubt}"
    )
    return Gate(not worse and not further, reason, p, *errors)


def fewest_pairs(alpha: float) -> int:
    """Return the smallest n with 0.5 ** n < ``alpha``: pairs that a signed-rank test needs.

    >>> fewest_pairs(0.05), fewest_pairs(0.01)
    (5, 7)
    """
    return math.floor(-math.log2(alpha)) + 1


def band(curves: Sequence[Sequence[float]]) -> tuple[list[float], list[float], list[float]]:
    """Return mean and 95 % interval by epoch, over the runs that reach it (thesis Figure 4.6).

    Returns
    -------
    mean, low, high : list of float
        One value per epoch. The interval uses Student's t, as runs are few, not 1.96 as in the
        thesis. If a single run is left, all three are its value.
    """
    going = (
        np.array([curve[epoch] for curve in curves if len(curve) > epoch], np.float64)
        for epoch in range(max(len(curve) for curve in curves))
    )
    intervals = [_mean_interval(x) if x.size > 1 else (float(x[0]),) * 3 for x in going]
    mean, low, high = (list(column) for column in zip(*intervals, strict=True))
    return mean, low, high


@dataclass(frozen=True)
class Paired:
    """Paired comparison of two models, first minus second.

    Attributes
    ----------
    pairs
        Number of pairs.
    mean, low, high
        Mean difference with its 95 % interval by Student's t; the interval is nan for a single
        pair, and all three are nan without pairs.
    p_value
        Two-sided p-value; None if there are too few pairs, or all differences of a t-test are
        equal.
    test
        Name of the test.
    """

    pairs: int
    mean: float
    low: float
    high: float
    p_value: float | None
    test: str


def paired_over_squares(first: Sequence[float], second: Sequence[float]) -> Paired:
    """Compare two models by a two-sided Wilcoxon signed-rank test over squares, without ties.

    With ties p is not exact: 0.04 for five squares that agree, instead of 0.06.
    """
    difference = _without_rounding(np.subtract(first, second))
    p, unequal = None, difference[difference != 0]
    if difference.size >= FEWEST_PAIRS:
        p = _wilcoxon(unequal, "two-sided") if unequal.size else 1.0
    return Paired(difference.size, *_mean_interval(difference), p, "Wilcoxon signed-rank")


def paired_over_seeds(first: Sequence[float], second: Sequence[float]) -> Paired:
    """Compare two models by Student's paired t-test over seeds.

    A rank test of five pairs cannot reach p = 0.05.
    """
    difference = _without_rounding(np.subtract(first, second))
    p = None
    if difference.size >= 2 and np.ptp(difference) > 0:
        from scipy.stats import ttest_rel

        p = float(ttest_rel(first, second).pvalue)
    return Paired(difference.size, *_mean_interval(difference), p, "paired t")


def _without_rounding(difference: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Set differences within rounding to zero, or all to one value if they agree within it."""
    unequal = np.where(np.abs(difference) <= EQUAL, 0.0, difference)
    if unequal.size and np.ptp(unequal) <= EQUAL:
        return np.full_like(unequal, unequal[0])
    return unequal


def _wilcoxon(difference: npt.NDArray[np.float64], alternative: str) -> float:
    """Return the p-value of the signed-rank test; imports scipy.stats here, as it loads slowly."""
    from scipy.stats import wilcoxon

    return float(wilcoxon(difference, alternative=alternative).pvalue)


def _mean_interval(x: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    mean = float(x.mean()) if x.size else float("nan")
    if x.size < 2:
        return mean, float("nan"), float("nan")
    if np.ptp(x) == 0:  # mean and deviation would have rounding errors
        return float(x[0]), float(x[0]), float(x[0])
    t = float(stdtrit(x.size - 1, 0.975))
    half = t * float(x.std(ddof=1)) / float(np.sqrt(x.size))
    return mean, mean - half, mean + half
