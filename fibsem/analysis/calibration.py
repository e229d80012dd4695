"""Calibration of probabilities by Platt scaling: a straight line of their logits.

Temperature scaling alone stretches or shrinks the logits around 0, and cannot shift them. But
networks are trained on as many pores as solids; if a volume has, say, two pixels of solid for one
of pore, every logit is off by the same ln 2. Platt's line has an offset as well (Advances in Large
Margin Classifiers, MIT Press 1999). It is fitted on labels with the class frequencies of films, to
the scores that are thresholded: averaged over the ensemble and smoothed.
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

#: Labels (0 pore, 1 solid) and scores of solid of some pixels, both (n,).
LabelledScores = tuple[WholeArray, Floating]

#: Number of bins of the fit, and their largest logit, which no clipped score exceeds.
LOGIT_BINS, LARGEST = 4096, 17.0
#: Bounds of the temperature: if the scores separate the labels perfectly, the optimum is at 0.
COLDEST, HOTTEST = 0.01, 100.0
#: Bound of the offset: if all labels are of one class, the optimum is infinite.
FARTHEST = 20.0


@dataclass(frozen=True)
class Platt:
    """Platt scaling of a slice of scores: smoothing, then a straight line of their logits.

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
        """Return the probabilities of a slice of scores, (y, x) float32."""
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
        """Return the calibrated probability that corresponds to a threshold of scores.

        >>> round(Platt(offset=float(np.log(2))).threshold(0.5), 3)
        0.667
        """
        return float(self.line(np.array([threshold]))[0])


@dataclass(frozen=True)
class Calibration(Stored):
    """A fitted line of logits, with loss and reliability before and after it on the fitted data.

    Attributes
    ----------
    temperature, offset
        Logits are divided by the temperature: above 1 the network was overconfident, below 1
        underconfident. The offset is added: below 0 if pores are more frequent than in training.
    loss_before, loss_after
        Cross-entropy of the scores without and with the line.
    before, after
        Reliability of the scores without and with the line.
    """

    temperature: float
    loss_before: float
    loss_after: float
    before: Reliability
    after: Reliability
    offset: float = 0.0

    @property
    def ece_before(self) -> float:
        """Expected calibration error of the scores without the line."""
        return self.before.error

    @property
    def ece_after(self) -> float:
        """Expected calibration error with the line."""
        return self.after.error

    def to_json(self) -> Record:
        """Return the stored record; the errors follow from the curves, and are for readers only."""
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
    """Fit Platt's line to labelled pixels, part by part.

    Parameters
    ----------
    parts
        Labels and scores of some pixels, none of them empty, with scores smoothed as before
        thresholding. They are iterated over twice, so a one-shot iterator does not work.

    Returns
    -------
    Calibration
        The identity line if the fitted one does not lower the loss.

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
    if after.loss >= before.loss:  # well calibrated already, up to rounding by the bins
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
        Probabilities in [0, 1]; clipped to 1e-7 from both ends, where logits are infinite.
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
    """Return the log-odds of probabilities, clipped as in the cross-entropy, as a new array."""
    p = np.clip(scores, EPSILON, 1 - EPSILON)
    return logit(p, out=p)


class LineFit:
    r"""Fit of temperature T and offset c by cross-entropy, to labels that are added in parts.

    .. math:: L(b, c) = \frac 1n \sum_i \ln \left( 1 + e^{b z_i + c} \right) - y_i (b z_i + c),
              \quad b = 1 / T

    with logits z and labels y (1: solid) is convex. It is minimised within the bounds 0.01 to 100
    for T and -20 to 20 for c.

    Notes
    -----
    Pixels are counted in 4096 bins of their logits, separately by class, and each bin is
    represented by the mean of its pixels: the error falls with the square of the bin width.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(2 * LOGIT_BINS, np.int64)
        self._sums = np.zeros(2 * LOGIT_BINS)

    def add(self, labels: WholeArray, scores: Floating) -> None:
        """Add some pixels: labels, (n,) int, and scores of solid, (n,) in [0, 1]."""
        z = logits(np.asarray(scores))
        k = ((z + LARGEST) * (LOGIT_BINS / (2 * LARGEST))).astype(np.int64)
        k += LOGIT_BINS * (np.asarray(labels) == 1)
        self._counts += np.bincount(k, minlength=2 * LOGIT_BINS)
        self._sums += np.bincount(k, z, minlength=2 * LOGIT_BINS)

    def line(self) -> Platt:
        """Return the best line for the added pixels, of which there must be at least one."""
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
