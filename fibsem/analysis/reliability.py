"""Reliability curves: predicted probability against observed frequency in bins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.system.records import Number, Stored

Floating = npt.NDArray[np.floating]
WholeArray = npt.NDArray[np.integer]

#: Bins of the reliability curve, of equal width in [0, 1].
RELIABILITY_BINS = 20


@dataclass(frozen=True)
class Reliability(Stored):
    """Predicted probability of solid against its observed frequency, bin by bin.

    Attributes
    ----------
    predicted
        Mean probability of the pixels in each bin; nan for empty bins.
    observed
        Share of solid among the pixels in each bin; nan for empty bins.
    counts
        Number of pixels in each bin.

    Examples
    --------
    >>> labels, scores = np.array([0, 1, 1, 1]), np.array([0.4, 0.4, 0.9, 0.9])
    >>> curve = Reliability.of(labels, scores, bins=2)
    >>> curve.predicted, curve.observed, round(curve.error, 3)
    ((0.4, 0.9), (0.5, 1.0), 0.1)
    """

    predicted: tuple[Number, ...]
    observed: tuple[Number, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, labels: WholeArray, scores: Floating, bins: int = RELIABILITY_BINS) -> Reliability:
        """Sort probabilities into bins [k / bins, (k + 1) / bins); the last one includes 1.

        Parameters
        ----------
        labels : (n,) int
            0 pore, 1 solid.
        scores : (n,) float
            Probabilities of solid, in [0, 1].
        """
        p = np.asarray(scores, np.float64)
        k = np.minimum((p * bins).astype(np.intp), bins - 1)
        of = (p, np.asarray(labels) == 1)
        sums = [np.bincount(k, values, minlength=bins) for values in of]
        return cls._of_sums(sums, np.bincount(k, minlength=bins))

    @classmethod
    def pooled(cls, parts: Sequence[Reliability]) -> Reliability:
        """Pool the pixels of one or more parts with equal bins."""
        counts = np.array([reliability.counts for reliability in parts])
        curves = (
            [reliability.predicted for reliability in parts],
            [reliability.observed for reliability in parts],
        )
        sums = [(np.nan_to_num(curve) * counts).sum(axis=0) for curve in curves]
        return cls._of_sums(sums, counts.sum(axis=0))

    @classmethod
    def _of_sums(
        cls, sums: Iterable[npt.NDArray[Any]], counts: npt.NDArray[np.int64]
    ) -> Reliability:
        """Return the reliability from sums of predictions and observations in each bin."""
        predicted, observed = (
            np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0)
            for total in sums
        )
        return cls(tuple(predicted.tolist()), tuple(observed.tolist()), tuple(counts.tolist()))

    @property
    def error(self) -> float:
        r"""Expected calibration error, in [0, 1].

        .. math:: \mathrm{ECE} = \sum_k \frac{n_k}{n} \, | o_k - p_k |

        with :math:`n_k` pixels, mean probability :math:`p_k` and frequency of solid :math:`o_k` in
        bin k: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2, with the
        probability of solid instead of the confidence in the predicted class, so that opposite
        errors in pores and in solid do not cancel. nan without pixels.
        """
        if not sum(self.counts):
            return float("nan")
        gaps = np.abs(np.subtract(self.observed, self.predicted))
        return float(np.nansum(gaps * self.counts) / sum(self.counts))

    @property
    def share(self) -> float:
        """Share of solid among all pixels."""
        return float(np.nansum(np.multiply(self.observed, self.counts)) / sum(self.counts))
