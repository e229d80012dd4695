"""How much one method is ahead of another on the same squares and seeds, with limits."""

from __future__ import annotations

import numpy as np

#: Number of resamples, and the share of them between the limits.
DRAWS, LEVEL = 2000, 0.95

#: Pixel counts of every test square, [label][prediction], of each seed.
Counts = list[list[list[list[int]]]]


def miou(counts: np.ndarray) -> np.ndarray:
    """Return the mean IoU of pooled confusion matrices, (..., 2, 2)."""
    both = np.diagonal(counts, axis1=-2, axis2=-1)
    either = counts.sum(-1) + counts.sum(-2) - both
    return np.mean(both / np.maximum(either, 1), axis=-1)


def median_iou_pore(squares: np.ndarray) -> float:
    """Return the median IoU of pore over squares with a labelled pore, from (square, 2, 2)."""
    both = squares[:, 0, 0]
    either = squares[:, 0].sum(-1) + squares[:, :, 0].sum(-1) - both
    labelled = squares[:, 0].sum(-1) > 0
    return float(np.median(both[labelled] / either[labelled]))


def difference(ours: Counts, other: Counts) -> tuple[float, float, float]:
    """Return the mean difference of pooled mIoU over the seeds, ours minus other, with 95 % limits.

    Seeds and test squares are resampled with replacement, the same for both methods: squares vary
    from place to place, seeds from training to training.
    """
    a, b = np.array(ours, np.int64), np.array(other, np.int64)  # (seed, square, 2, 2)
    rng = np.random.default_rng(0)

    def gain(seeds: np.ndarray, squares: np.ndarray) -> float:
        one, two = (miou(x[seeds][:, squares].sum(1)).mean() for x in (a, b))
        return float(one - two)

    seeds, squares = (np.arange(extent) for extent in a.shape[:2])
    drawn = [
        gain(rng.choice(seeds, len(seeds)), rng.choice(squares, len(squares))) for _ in range(DRAWS)
    ]
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return gain(seeds, squares), float(low), float(high)
