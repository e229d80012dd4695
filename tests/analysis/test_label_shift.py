import numpy as np
import pytest
from scipy.special import expit

from fibsem.analysis.label_shift import shifted_share


def probabilities(solid, share, n, rng):
    """Of a classifier calibrated where half is solid, on a film of another share; in 256 steps."""
    labels = rng.random(n) < solid
    z = rng.normal(np.where(labels, 1.5, -1.5), np.sqrt(3))  # log of the ratio of both densities
    p = expit(z + np.log(share / (1 - share)))
    return np.bincount(np.rint(255 * p).astype(int), minlength=256).astype(float)


@pytest.mark.parametrize("solid", [0.2, 0.55, 0.9])
@pytest.mark.parametrize("share", [0.5, 0.68])
def test_a_film_with_other_frequencies_is_found(solid, share):
    counts = probabilities(solid, share, 200_000, np.random.default_rng(0))
    levels = np.linspace(0, 1, 256)
    assert shifted_share(levels, counts, share) == pytest.approx(solid, abs=0.006)
    plain = (levels * counts).sum() / counts.sum()
    if abs(solid - share) > 0.2:
        assert abs(plain - solid) > 0.05  # the mean of the probabilities stays near the old share


def test_probabilities_that_say_nothing_leave_the_share():
    assert shifted_share(np.array([0.7]), np.array([10.0]), 0.7) == 0.7
