"""Intervals over places: by hand, and as often right as they claim, whatever each place weighs."""

import numpy as np
import pytest
from scipy.stats import sem, t

from fibsem.analysis.intervals import normal_interval
from fibsem.analysis.labelled_squares import ErrorOfMean
from fibsem.analysis.metrics import Confusion
from fibsem.analysis.over_places import interval_by_pixels, share_interval


def held(draws, weights, truth):
    """Share of the draws, (k, places), whose interval holds the truth."""
    ends = (share_interval(some, weights) for some in draws)
    return np.mean([low < truth < high for low, high in ends])


@pytest.mark.parametrize("places", [2, 3, 6])
def test_an_interval_over_few_places_covers_as_often_as_it_says(places):
    """By 1.96 it would over two in 70 %, over six in 89."""
    draws = np.random.default_rng(places).normal(0.3, 0.05, (4000, places))
    assert held(draws, np.ones(places), 0.3) == pytest.approx(0.95, abs=0.012)
    by_normal = [low < 0.3 < high for low, high in map(normal_interval, draws)]
    assert np.mean(by_normal) < 0.91


@pytest.mark.parametrize(
    "weights", [[10] + [1] * 5, [20] + [1] * 19, [4, 1, 1], [5] * 4 + [1] * 16, [9, 1]]
)
def test_an_interval_of_places_of_which_one_weighs_most_covers_as_often_as_it_says(weights):
    """Slices of one place weigh as many squares: what it is off the mean, which it makes, is small.

    Told from that alone, the interval of one place like ten and five others held the truth in 72 %.
    """
    draws = np.random.default_rng(len(weights)).normal(0.3, 0.03, (3000, len(weights)))
    assert 0.94 <= held(draws, weights, 0.3) <= 0.99


@pytest.mark.parametrize(("places", "least"), [(2, 0.94), (3, 0.93), (6, 0.915), (20, 0.93)])
def test_an_interval_of_few_pores_covers_nearly_as_often_as_it_says(places, least):
    """Most places have none or few, some many: to both sides alike it held in 86 to 92 %."""
    draws = np.random.default_rng(places).beta(0.6, 5.4, (3000, places))
    assert least <= held(draws, np.ones(places), 0.1) <= 0.965


def test_the_interval_over_places_is_that_of_students_t_of_the_logit():
    half = t.ppf(0.975, 2) * sem([0.2, 0.3, 0.4]) / (0.3 * 0.7)
    odds = 0.3 / 0.7 * np.exp([-half, half])
    assert share_interval([0.2, 0.3, 0.4], [7, 7, 7]) == pytest.approx(odds / (1 + odds))
    low, high = share_interval([0.01, 0.2], [1, 1])
    assert 0 < low < 0.001 < 0.9 < high < 1
    mirrored = share_interval([0.99, 0.8], [1, 1])
    assert mirrored == pytest.approx((1 - high, 1 - low))
    assert np.isnan(share_interval([0.3, float("nan")], [1, 1])).all()


def test_places_that_are_all_alike_tell_no_interval():
    """Three squares without a pore do not say that there is none elsewhere: [0, 0] was told."""
    solid = Confusion(((0, 0), (0, 400)))
    assert np.isnan(interval_by_pixels([solid] * 3)).all()
    assert np.isnan(share_interval([0.3, 0.3, 0.3], [1, 5, 2])).all()


def test_the_error_of_a_mean_by_hand():
    values, weights = np.array([0.2, 0.3, 0.5]), np.array([2.0, 2.0, 6.0])
    alike = np.var(values, ddof=1) * (0.04 + 0.04 + 0.36)
    assert ErrorOfMean.of(values, weights) == ErrorOfMean(pytest.approx(np.sqrt(alike)), 2)
    equal = ErrorOfMean.of(values, np.full(3, 7.0))
    assert equal == ErrorOfMean(pytest.approx(sem([0.2, 0.3, 0.5])), 2)


def test_a_corner_gives_no_degree_of_freedom():
    """Three squares and some pixels of a fourth are told with the t of three: with that of four,
    the interval held the truth in 91 %."""
    corner = np.array([2.0, 2.0, 2.0, 0.02])
    found = ErrorOfMean.of(np.array([0.2, 0.3, 0.4, 1.0]), corner)
    assert found.error == pytest.approx(sem([0.2, 0.3, 0.4]), rel=0.02)
    assert found.degrees == 2
    draws = np.random.default_rng(6).normal(0.3, 0.03, (3000, 4))
    assert held(draws, corner, 0.3) == pytest.approx(0.95, abs=0.012)
