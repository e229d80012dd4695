"""Paired comparison of two models on the same squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import wilcoxon

#: Below six pairs a one-sided signed-rank test cannot reach p = 0.05 with certainty.
FEWEST_PAIRS = 6


@dataclass(frozen=True)
class Gate:
    """Whether a challenger may replace the champion, and why."""

    passed: bool
    reason: str
    p_value: float | None


def not_worse(
    challenger: Sequence[float], champion: Sequence[float], *, alpha: float = 0.05
) -> Gate:
    """One-sided Wilcoxon signed-rank test of 'the challenger is worse' over paired squares.

    Parameters
    ----------
    challenger, champion
        mIoU of each square, in the same order.
    alpha
        The challenger is refused where the test of "worse" falls below this.
    """
    difference = np.subtract(challenger, champion)
    if difference.size < FEWEST_PAIRS:
        return Gate(
            False,
            f"{difference.size} test squares cannot decide, {FEWEST_PAIRS} are needed",
            None,
        )
    if not difference.any():
        return Gate(True, "equal to the champion on every test square", 1.0)
    p = float(wilcoxon(difference, alternative="less").pvalue)
    median = float(np.median(difference))
    relation = "worse than" if p < alpha else "not worse than"
    reason = (
        f"{relation} the champion on {difference.size} test squares "
        f"(median difference in mIoU {median:+.4f}, one-sided Wilcoxon p = {p:.3g})"
    )
    return Gate(p >= alpha, reason, p)
