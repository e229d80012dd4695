"""Whether a probability means what it says, and the straight line of logits that mends it.

A temperature stretches or shrinks the logits around 0, so the probabilities around one half. That
cannot shift them: networks are trained on as many pores as solid, a volume has, say, two of solid
for one of pore, and that difference is the same step in every logit, ln 2. Platt's line has an
offset as well (Advances in Large Margin Classifiers, MIT Press 1999), fitted where classes are as
frequent as they are in films, to the scores that are thresholded: averaged and smoothed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from fibsem.analysis.metrics import EPSILON, cross_entropy
from fibsem.analysis.postprocessing.steps import smooth
from fibsem.analysis.reliability import Floating, Reliability, WholeArray
from fibsem.system.records import Record, Stored

#: Labels (0 pore, 1 solid) and scores of some pixels, both (n,).
LabelledScores = tuple[WholeArray, Floating]

#: Bins of the fit, of equal width up to a logit that is larger than any of a clipped score.
LOGIT_BINS, LARGEST = 4096, 17.0
#: Temperatures between which is searched: labels that the scores' order separates have no best one.
COLDEST, HOTTEST = 0.01, 100.0
#: Largest offset, where labels of one class alone have no best one.
FARTHEST = 20.0


@dataclass(frozen=True)
class Platt:
    """Calibration of scores: they are smoothed, then their logits are changed by a straight line.

    Attributes
    ----------
    temperature, offset
        Logits are divided by the temperature, then the offset is added; it is negative if pores
        are more frequent than in training.
    smoothed_px
        Standard deviation of the Gaussian that smooths scores, in pixels; 0: none.

    Examples
    --------
    >>> Platt(temperature=2.0)(np.array([[0.5, 0.8]])).round(3)  # a slice of two pixels
    array([[0.5  , 0.667]], dtype=float32)
    """

    temperature: float = 1.0
    offset: float = 0.0
    smoothed_px: float = 0.0

    def __call__(self, scores: Floating) -> Floating:
        """Probabilities of a slice of scores, (y, x) float32."""
        return self.line(smooth(np.asarray(scores, np.float32), self.smoothed_px))

    def line(self, scores: Floating) -> Floating:
        """Calibrate scores that are smoothed already; their order does not change."""
        if not self.offset:
            return with_temperature(scores, self.temperature)
        z = logits(scores)
        z /= self.temperature
        z += self.offset
        return expit(z, out=z)

    def threshold(self, threshold: float) -> float:
        """The calibrated probability that corresponds to a threshold of scores.

        >>> round(Platt(offset=float(np.log(2))).threshold(0.5), 3)
        0.667
        """
        return float(self.line(np.array([threshold]))[0])


@dataclass(frozen=True)
class Calibration(Stored):
    """A straight line of logits and what it does to the probabilities that it was fitted to.

    Attributes
    ----------
    temperature, offset
        Logits are divided by the first: above 1 the network was too sure, below 1 not sure enough.
        The second is added: below 0 where pores are more frequent than in training.
    loss_before, loss_after
        Cross-entropy of the scores as they are and with the line.
    before, after
        Their reliability.
    """

    temperature: float
    loss_before: float
    loss_after: float
    before: Reliability
    after: Reliability
    offset: float = 0.0

    @property
    def ece_before(self) -> float:
        """Expected calibration error of the scores as they are."""
        return self.before.error

    @property
    def ece_after(self) -> float:
        """Expected calibration error that the line leaves."""
        return self.after.error

    def to_json(self) -> Record:
        """The record that is stored; the errors follow from the curves, and are for people."""
        return {
            "temperature": self.temperature,
            "offset": self.offset,
            "ece_before": self.ece_before,
            "ece_after": self.ece_after,
            "loss_before": self.loss_before,
            "loss_after": self.loss_after,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
        }


def calibrate(parts: Iterable[LabelledScores]) -> Calibration:
    """Fit Platt's line to labelled pixels, part by part, and say what it mends.

    Parameters
    ----------
    parts
        Labels and scores of some pixels, none of them empty; the scores smoothed as they are before
        they are thresholded. They are gone through twice, so not an iterator.

    Notes
    -----
    Memory: a few copies of a part in float64.
    """
    fit, before, after = LineFit(), _Worth(), _Worth()
    for labels, scores in parts:
        fit.add(labels, scores)
        before.add(labels, scores)
    line = fit.line()
    for labels, scores in parts:
        after.add(labels, line.line(scores))
    if after.loss >= before.loss:  # nothing to mend, but for what the bins round
        line, after = Platt(), before
    return Calibration(
        line.temperature, before.loss, after.loss, before.curve, after.curve, line.offset
    )


class _Worth:
    """Cross-entropy and reliability of parts that are added one by one."""

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._curves: list[Reliability] = []

    def add(self, labels: WholeArray, scores: Floating) -> None:
        self._losses.append(cross_entropy(labels, scores))
        self._curves.append(Reliability.of(labels, scores))

    @property
    def loss(self) -> float:
        pixels = [sum(curve.counts) for curve in self._curves]
        return float(np.average(self._losses, weights=pixels))

    @property
    def curve(self) -> Reliability:
        return Reliability.pooled(self._curves)


def with_temperature(scores: Floating, temperature: float) -> Floating:
    """Divide logits of probabilities by a temperature; their order does not change.

    Parameters
    ----------
    scores : float array
        Probabilities in [0, 1]; kept 1e-7 from both ends, where logits are infinite.
    temperature
        Positive; 1 leaves the scores as they are.

    Returns
    -------
    float array
        Of the same shape and precision.

    Examples
    --------
    >>> with_temperature(np.array([0.5, 0.8]), 2.0).round(3)  # 0.8 is odds of 4, sqrt(4) of 2
    array([0.5  , 0.667])
    """
    if temperature == 1:
        return scores
    p = logits(scores)
    p /= temperature
    return expit(p, out=p)


def logits(scores: Floating) -> Floating:
    """Log-odds of probabilities, clipped as the cross-entropy clips them; a new array."""
    p = np.clip(scores, EPSILON, 1 - EPSILON)
    return logit(p, out=p)


class LineFit:
    r"""The temperature T and offset c that minimise the cross-entropy of labels added in parts.

    .. math:: L(b, c) = \frac 1n \sum_i \ln \left( 1 + e^{b z_i + c} \right) - y_i (b z_i + c),
              \quad b = 1 / T

    with logits z and labels y (1: solid) is convex: its gradient is followed to zero, or to the
    ends of the range, 0.01 to 100 of T and -20 to 20 of c, where it has none there.

    Notes
    -----
    Pixels are counted in 4096 bins of their logits, apart by class, and each bin stands at the mean
    of its pixels: what that changes falls with the square of the width of a bin.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(2 * LOGIT_BINS, np.int64)
        self._sums = np.zeros(2 * LOGIT_BINS)

    def add(self, labels: WholeArray, scores: Floating) -> None:
        """Count some pixels: labels, (n,) int, and scores of solid, (n,) in [0, 1]."""
        z = logits(np.asarray(scores))
        k = ((z + LARGEST) * (LOGIT_BINS / (2 * LARGEST))).astype(np.int64)
        k += LOGIT_BINS * (np.asarray(labels) == 1)
        self._counts += np.bincount(k, minlength=2 * LOGIT_BINS)
        self._sums += np.bincount(k, z, minlength=2 * LOGIT_BINS)

    def line(self) -> Platt:
        """The best line for what was added, at least one pixel."""
        filled = np.flatnonzero(self._counts)
        z, solid = self._sums[filled] / self._counts[filled], filled // LOGIT_BINS
        share = self._counts[filled] / self._counts.sum()

        def loss(line: Floating) -> tuple[float, Floating]:
            at = line[0] * z + line[1]
            away = share * (expit(at) - solid)
            value = float(share @ (np.logaddexp(0, at) - solid * at))
            return value, np.array([away @ z, away.sum()])

        bounds = [(1 / HOTTEST, 1 / COLDEST), (-FARTHEST, FARTHEST)]
        exact = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 500}
        fitted = minimize(
            loss, (1.0, 0.0), jac=True, bounds=bounds, method="L-BFGS-B", options=exact
        )
        slope, offset = fitted.x
        return Platt(1 / float(slope), float(offset))
