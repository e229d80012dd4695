import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel, wilcoxon

from fibsem.analysis.intervals import normal_interval
from fibsem.analysis.porosity_told import porosity_text
from fibsem.analysis.statistics import (
    Examined,
    Gate,
    Spread,
    band,
    judge,
    paired_over_seeds,
    paired_over_squares,
)
from fibsem.system.summaries.porosity import FilmPorosity

CHAMPION = tuple(np.linspace(0.7, 0.9, 12))
#: Better by a point or so: of equal differences SciPy tries all signs, which takes a while.
BETTER = 0.01 + np.linspace(0, 0.001, 12)


def gate(difference, errors=(0.02, 0.02), **how) -> Gate:
    """The verdict on a challenger that differs from the champion by so much in mIoU."""
    challenger = tuple(np.add(CHAMPION, difference))
    return judge(Examined(challenger, errors[0]), Examined(CHAMPION, errors[1]), **how)


def test_a_clearly_worse_challenger_is_refused():
    found = gate(-0.05 - np.linspace(0, 0.01, 12))
    assert not found.passed
    assert found.p_value == pytest.approx(1 / 2**12)
    assert found.reason.startswith("worse than")


def test_a_better_and_an_equal_one_pass():
    assert gate(0.01).passed
    assert gate(0.0).passed
    assert gate(0.0).p_value == 1.0


@pytest.mark.parametrize(
    ("errors", "points", "passed"),
    [((0.029, 0.02), 1.0, True), ((0.031, 0.02), 1.0, False), ((0.031, 0.02), 2.0, True),
     ((0.01, 0.09), 0.0, True)],
)  # fmt: skip
def test_a_porosity_error_may_grow_by_so_much(errors, points, passed):
    found = gate(BETTER, errors, most_growth=points / 100)
    assert found.passed is passed
    assert ("grown too much" in found.reason) is not passed
    assert (found.porosity_error, found.champion_porosity_error) == errors


def test_the_p_value_is_scipys():
    rng = np.random.default_rng(0)
    difference = rng.normal(0, 0.05, 12)
    assert gate(difference).p_value == pytest.approx(
        wilcoxon(difference, alternative="less").pvalue
    )


def test_alpha_is_an_option():
    difference = np.array([-0.02, 0.011, -0.03, 0.004, -0.01, -0.015, 0.002, -0.025, -0.007, 0.006,
                           -0.012, -0.019])  # fmt: skip
    p = gate(difference).p_value
    assert 0.005 < p < 0.05
    assert not gate(difference, alpha=0.05).passed
    assert gate(difference, alpha=0.005).passed


def test_squares_without_a_label_say_nothing():
    worse = np.full(12, -0.3)
    worse[4] = np.nan
    found = gate(worse)
    assert not found.passed
    assert found.p_value == pytest.approx(1 / 2**11)
    assert not gate(BETTER, (float("nan"), 0.02)).passed


def test_an_alpha_that_so_few_squares_cannot_reach_decides_nothing():
    six = judge(Examined((0.1,) * 6, 0.0), Examined((0.9,) * 6, 0.0), alpha=0.01)
    assert not six.passed
    assert six.reason.startswith("6 test squares cannot decide, 7 are needed")


@pytest.mark.parametrize(("other", "passed"), [(-0.75, False), (0.05, True)])
def test_equal_squares_do_not_count(other, passed):
    """Four of eight that are far worse cannot reach alpha; four that are better need not."""
    found = gate(np.where(np.arange(12) < 4, other, 0.0))
    assert found.passed is passed
    assert ("4 test squares with another mIoU cannot decide" in found.reason) is not passed


def test_as_many_squares_as_are_needed_decide():
    six = judge(Examined((0.1,) * 6, 0.0), Examined((0.9,) * 6, 0.0))
    assert not six.passed
    assert six.p_value == pytest.approx(1 / 2**6)


def test_squares_above_each_other_count_as_one():
    """Forty slices of eight places say no more than eight squares do."""
    places = tuple(range(8)) * 40
    rng = np.random.default_rng(0)
    differences = np.tile(np.linspace(-0.03, 0.02, 8), 40) + rng.normal(0, 1e-4, 320)
    mious, theirs = tuple(0.8 + differences), Examined((0.8,) * 320, 0.0)
    assert not judge(Examined(mious, 0.0), theirs).passed
    found = judge(Examined(mious, 0.0, places), theirs)
    assert found.passed
    means = differences.reshape(40, 8).mean(0)
    assert found.p_value == pytest.approx(wilcoxon(means, alternative="less").pvalue)
    assert "the champion on 8 places of 320 test squares" in found.reason


def test_too_few_places_leave_squares_and_a_doubt():
    mious, theirs = tuple(np.linspace(0.7, 0.71, 12)), Examined((0.8,) * 12, 0.0)
    found = judge(Examined(mious, 0.0, (0, 1, 2) * 4), theirs)
    assert found.p_value == judge(Examined(mious, 0.0), theirs).p_value
    assert "the squares lie in 3 places of neighbouring slices" in found.reason
    assert "places" not in judge(Examined(mious, 0.0, tuple(range(12))), theirs).reason


def test_few_squares_cannot_decide():
    found = judge(Examined((0.9,) * 5, 0.0), Examined((0.1,) * 5, 0.0))
    assert not found.passed
    assert "5 test squares cannot decide" in found.reason
    assert "force=true" in found.reason
    assert found.p_value is None


def test_interval_by_hand():
    low, high = normal_interval([0.2, 0.3, 0.4])
    half = 1.96 * 0.1 / np.sqrt(3)
    assert (low, high) == pytest.approx((0.3 - half, 0.3 + half))


def test_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = [low < 0.3 < high for low, high in
            (normal_interval(rng.normal(0.3, 0.05, 60)) for _ in range(2000))]  # fmt: skip
    assert np.mean(hits) == pytest.approx(0.95, abs=0.02)


def test_an_interval_of_unlike_areas_lies_around_their_weighted_mean():
    """By hand: 1/2 of 4 pixels, 1 of 1; and what weighs the same has the interval of before."""
    mean, off = 3 / 5, np.array([4 * (1 / 2 - 3 / 5), 1 - 3 / 5]) / 5
    half = 1.96 * np.sqrt(2 * (off**2).sum())
    assert normal_interval([0.5, 1.0], [4, 1]) == pytest.approx((mean - half, mean + half))
    equal = [0.2, 0.3, 0.4, float("nan")], [7, 7, 7, 0]
    assert normal_interval(*equal) == pytest.approx(normal_interval([0.2, 0.3, 0.4]))
    assert np.isnan(normal_interval([0.2, 0.9], [5, 0])).all()


def test_an_interval_of_unlike_areas_covers_as_often_as_it_says():
    rng = np.random.default_rng(4)

    def covers():
        areas, share = rng.integers(10, 5000, 60), rng.beta(3, 7, 60)
        low, high = normal_interval(share.tolist(), areas.tolist())
        return low < 0.3 < high

    assert np.mean([covers() for _ in range(2000)]) == pytest.approx(0.95, abs=0.02)


def test_one_value_has_no_interval():
    assert np.isnan(normal_interval([0.3])).all()


def test_the_interval_over_slices_is_told_where_there_is_one():
    told = "30.00 % by the map, no interval: an older version made it"
    slices = "; were the map true, its slices would say 18.68 to 41.32 %"
    interval = normal_interval([0.2, 0.3, 0.4])
    assert porosity_text(FilmPorosity(0.3, interval)) == told + slices
    for none in (normal_interval([0.3]), (None, None)):
        assert porosity_text(FilmPorosity(0.3, none)) == told


def test_pairs_are_compared_by_the_test_that_fits_them():
    """By SciPy; nothing is said of too few, nor of seeds that all differ by the same."""
    rng = np.random.default_rng(2)
    first = rng.normal(0.8, 0.02, 8)
    second = first - rng.normal(0.01, 0.01, 8)
    squares, seeds = paired_over_squares(first, second), paired_over_seeds(first, second)
    assert squares.p_value == pytest.approx(wilcoxon(first - second).pvalue)
    assert seeds.p_value == pytest.approx(ttest_rel(first, second).pvalue)
    interval = ttest_rel(first, second).confidence_interval(0.95)
    for found in (squares, seeds):
        assert (found.pairs, found.mean) == (8, pytest.approx((first - second).mean()))
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert paired_over_squares(first[:5], second[:5]).p_value is None
    assert paired_over_squares(first[:6], second[:6]).p_value is not None
    assert paired_over_squares(first, first).p_value == 1.0
    five = [0.0] * 9 + [0.01, 0.02, 0.03, 0.04, 0.05]  # all better: one of 2^5 orders, both sides
    assert paired_over_squares(five, [0.0] * 14).p_value == pytest.approx(2 / 2**5)
    assert paired_over_seeds([0.75, 0.5], [0.5, 0.25]).p_value is None
    assert paired_over_seeds([0.75, 0.5], [0.5, 0.3]).p_value is not None
    assert np.isnan(paired_over_seeds([0.7], [0.5]).low)
    none = paired_over_seeds([], [])
    assert np.isnan([none.mean, none.low, none.high]).all()


def test_a_band_follows_the_runs_that_are_still_going():
    mean, low, high = band([[0.5, 0.4, 0.3], [0.7, 0.6]])
    half = 12.7062047 * np.std([0.5, 0.7], ddof=1) / np.sqrt(2)
    assert mean == pytest.approx([0.6, 0.5, 0.3])
    assert low == pytest.approx([0.6 - half, 0.5 - half, 0.3])
    assert high == pytest.approx([0.6 + half, 0.5 + half, 0.3])


@pytest.mark.parametrize("runs", [2, 3, 5])
def test_a_band_holds_the_mean_in_95_of_100_cases_however_few_the_runs(runs):
    """By 1.96 it would over two in 70, over five in 88."""
    drawn = np.random.default_rng(runs).normal(size=(runs, 20_000))
    _, low, high = band(drawn.tolist())
    assert np.mean((np.array(low) < 0) & (np.array(high) > 0)) == pytest.approx(0.95, abs=0.006)


@given(st.floats(-0.5, 0.5), st.lists(st.floats(0.3, 0.5), min_size=2, max_size=9))
def test_seeds_that_all_differ_by_the_same_tell_nothing(by, mious):
    """The rounding of their mean alone made a p of 1e-32."""
    paired = paired_over_seeds([miou + by for miou in mious], mious)
    assert paired.p_value is None
    assert paired.low == paired.high == pytest.approx(by, abs=1e-9)
    places = paired_over_squares([miou + 1e-16 for miou in mious], mious)
    assert places.p_value in (None, 1.0)


def test_the_spread_of_one_run_is_unknown():
    assert Spread.of([0.25, 0.75]) == Spread(0.5, pytest.approx(np.sqrt(0.125)))
    assert np.isnan(Spread.of([0.5]).std)
