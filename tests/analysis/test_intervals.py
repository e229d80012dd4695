"""Intervals from labelled squares: by hand, and as often right as they claim."""

import numpy as np
import pytest
from scipy import stats

from fibsem.analysis.intervals import (
    PorosityEstimate,
    difference_estimate,
    labelled_over_mapped,
    post_stratified_estimate,
    sampling_of,
    with_sampling,
)
from fibsem.analysis.labelled_squares import lie_apart, map_error
from fibsem.analysis.metrics import Confusion

#: Labels by row, map by column: (pore, solid) each.
SQUARES = [Confusion(((30, 10), (2, 58))), Confusion(((20, 20), (0, 60))),
           Confusion(((50, 0), (10, 90)))]  # fmt: skip


def test_the_difference_estimator_by_hand():
    found = difference_estimate(0.3, SQUARES)
    # labelled less mapped pores: 40 - 32, 40 - 20, 50 - 60, of 100, 100, 150 pixels
    bias = 18 / 350
    assert found.porosity == pytest.approx(0.3 + bias)
    rest = [8 - 100 * bias, 20 - 100 * bias, -10 - 150 * bias]
    error = np.sqrt(3 / 2 * np.square(rest).sum()) / 350
    assert found.error == pytest.approx(error)
    half = stats.t.ppf(0.975, 2) * error
    assert found.interval == pytest.approx((max(0, 0.3 + bias - half), 0.3 + bias + half))


def test_equal_squares_have_the_error_of_a_mean():
    squares = [Confusion(((a, 40 - a), (5, 55))) for a in (10, 20, 30, 35)]
    wrong = [(40 - (a + 5)) / 100 for a in (10, 20, 30, 35)]
    found = difference_estimate(0.2, squares)
    assert found.porosity == pytest.approx(0.2 + np.mean(wrong))
    assert found.error == pytest.approx(stats.sem(wrong))


@pytest.mark.parametrize("estimator", [difference_estimate, post_stratified_estimate])
def test_a_place_that_weighs_most_makes_no_narrow_interval(estimator):
    """Ten slices of one place and five squares: the interval held the truth in 72 % of the draws.

    A place errs as much as a square does, for its slices are alike.
    """
    rng, held = np.random.default_rng(8), []
    for off in rng.normal(0, 0.02, (600, 6)):
        pixels = 4000 * np.array([10, 1, 1, 1, 1, 1])
        pores = np.rint(pixels * 0.3).astype(int)
        found = np.rint(pixels * (0.3 - off)).astype(int)
        both = np.minimum(pores, found)
        cells = zip(both, pores - both, found - both, pixels - pores - found + both, strict=True)
        squares = [Confusion(((a, b), (c, d))) for a, b, c, d in np.array(list(cells)).tolist()]
        low, high = estimator(0.3, squares).interval
        held.append(low < 0.3 < high)
    assert 0.94 <= np.mean(held) <= 0.995


def test_the_post_stratified_estimator_by_hand():
    found = post_stratified_estimate(0.3, SQUARES)
    pores, solid = 100 / 112, 30 / 238  # labelled pore among what the map calls pore, and solid
    assert found.porosity == pytest.approx(0.3 * pores + 0.7 * solid)
    parts = [
        0.3 * (a - pores * m) / 112 + 0.7 * (b - solid * n) / 238
        for a, m, b, n in ((30, 32, 10, 68), (20, 20, 20, 80), (50, 60, 0, 90))
    ]
    assert found.error == pytest.approx(np.sqrt(3 / 2 * np.square(parts).sum()))
    assert post_stratified_estimate(0.3, [Confusion(((4, 0), (3, 0)))] * 2) is None


def test_a_map_without_error_has_no_width():
    squares = [Confusion(((a, 0), (0, 100 - a))) for a in (20, 30, 40)]
    assert difference_estimate(0.3, squares) == PorosityEstimate(0.3, 0.0, 2)
    assert post_stratified_estimate(0.3, squares).error == 0


@pytest.mark.parametrize("estimator", [difference_estimate, post_stratified_estimate])
@pytest.mark.parametrize("n", [6, 20])
def test_the_interval_holds_the_truth_as_often_as_it_claims(estimator, n):
    """Squares of a film whose map errs square by square, and more where there are more pores."""
    rng = np.random.default_rng(n)
    shares = rng.beta(6, 14, 4000)
    missed, false = (np.clip(rng.normal(m, 0.03, 4000), 0, 1) for m in (0.15, 0.04))
    pores = np.rint(10_000 * shares)
    a, b = np.rint(pores * (1 - missed)), np.rint((10_000 - pores) * false)
    counts = np.stack([a, pores - a, b, 10_000 - pores - b], 1).reshape(-1, 2, 2).astype(int)
    truth, mapped = pores.mean() / 10_000, (a + b).mean() / 10_000
    held = []
    for _ in range(600):
        some = counts[rng.choice(4000, n, replace=False)]
        found = estimator(mapped, [Confusion.from_counts(one.tolist()) for one in some])
        held.append(found.interval[0] <= truth <= found.interval[1])
    assert 0.92 <= np.mean(held) <= 0.98


def test_sampling_adds_in_squares_and_has_degrees_between():
    found = with_sampling(PorosityEstimate(0.4, 0.03, 5), 0.04, 20)
    assert found.error == pytest.approx(0.05)
    assert found.degrees == pytest.approx(0.05**4 / (0.03**4 / 5 + 0.04**4 / 20))
    assert with_sampling(PorosityEstimate(0.4, 0.0, 5), 0.0, 20).interval == (0.4, 0.4)


def test_what_maps_vary_by_is_corrected_to_what_pores_do():
    """Films whose map smooths, or errs film by film: squares tell how much less or more it varies.

    Porosity of a film and of a square in it both vary, the map by ``times`` as much.
    """
    rng = np.random.default_rng(3)
    for times in (0.6, 1.8):
        films = 0.3 + rng.normal(0, 0.02, 400)
        maps, ratios = 0.3 + times * (films - 0.3), []
        for film in films:
            labelled = np.clip(film + rng.normal(0, 0.05, 20), 0, 1)
            mapped = np.clip(0.3 + times * (labelled - 0.3) + rng.normal(0, 0.01, 20), 0, 1)
            squares = [_square(a, m) for a, m in zip(labelled, mapped, strict=True)]
            ratios.append(labelled_over_mapped(squares))
        said, degrees = sampling_of(maps.std(), 50, float(np.mean(ratios)), 19)
        assert said == pytest.approx(films.std(), rel=0.06)
        assert abs(maps.std() / films.std() - 1) > 0.3
        assert degrees < 19
    assert labelled_over_mapped([Confusion(((30, 0), (0, 70)))] * 6) is None


def test_corners_say_as_little_of_the_spread_as_they_have_pixels():
    """The map of eight tiles varies twice as much as their labels; two places of 50 px do not."""
    tiles = [_square(labelled, 2 * labelled) for labelled in np.linspace(0.1, 0.3, 8)]
    corners = [Confusion(((0, 0), (15, 35))), Confusion(((15, 35), (0, 0)))]
    assert labelled_over_mapped(tiles) == pytest.approx(0.5, abs=0.001)  # of whole pixels
    assert labelled_over_mapped([*tiles, *corners]) == pytest.approx(0.5, abs=0.03)


def _square(labelled, mapped):
    """Labels and map of 10 000 pixels with these porosities, overlapping as far as they can."""
    a, m = round(10_000 * labelled), round(10_000 * mapped)
    both = min(a, m)
    return Confusion(((both, a - both), (m - both, 10_000 - a - m + both)))


def test_a_porosity_stays_a_porosity():
    assert PorosityEstimate(0.01, 0.02, 5).interval[0] == 0
    assert PorosityEstimate(0.99, 0.02, 5).interval[1] == 1


def test_a_corrected_porosity_stays_one_and_its_interval_the_right_way_round():
    """The map finds 3.1 % of 2.2 %, and 0.3 % in the film: 0.3 - 0.9 is no porosity."""
    squares = [_square(0.022 + d, 0.031) for d in (-0.002, -0.001, 0.0, 0.0, 0.001, 0.002)]
    assert map_error(squares).bias == pytest.approx(-0.009)
    found = difference_estimate(0.003, squares)
    low, high = found.interval
    assert (found.porosity, low) == (0, 0)
    assert high == pytest.approx(stats.t.ppf(0.975, 5) * found.error)
    full = difference_estimate(0.997, [_square(0.9 + d, 0.8) for d in (0.0, 0.01, 0.02)])
    assert (full.porosity, full.interval[1]) == (1, 1)
    assert full.interval[0] < 1
    beyond = PorosityEstimate(-0.01, 0.001, 5).interval
    assert beyond == (0, 0)


@pytest.mark.parametrize("n", [6, 20])
def test_squares_by_chance_are_seldom_taken_for_others(n):
    """Of one in a thousand; those of the most porous places nearly always are."""
    rng = np.random.default_rng(n)
    shares = np.clip(rng.normal(0.3, 0.05, 4000), 0, 1)
    film = float(shares.mean())

    def apart(among):
        drawn = (rng.choice(among, n) for _ in range(400))
        return np.mean([lie_apart(film, [_square(a, a) for a in some]) for some in drawn])

    assert apart(shares) <= 0.01
    assert apart(shares[shares > 0.38]) > 0.9


@pytest.mark.parametrize("n", [6, 20])
def test_squares_of_few_pores_are_seldom_taken_for_others(n):
    """Most have hardly a pore, some have many: 2 % of the films were said to lie apart."""
    rng = np.random.default_rng(n)
    drawn = rng.beta(0.6, 5.4, (2000, n))
    apart = [lie_apart(0.1, [_square(a, a) for a in some]) for some in drawn]
    assert np.mean(apart) <= 0.006


def test_squares_that_are_mapped_alike_show_no_spread_to_judge_by():
    assert not lie_apart(0.003, [_square(0.1, 0.0)] * 6)
    assert not lie_apart(0.2, [_square(0.1, 0.3)] * 6)
