import numpy as np
import pytest
from scipy.stats import wilcoxon

from fibsem.analysis.statistics import not_worse
from fibsem.analysis.uncertainty import normal_interval


def test_a_clearly_worse_challenger_is_refused():
    champion = np.linspace(0.7, 0.9, 12)
    gate = not_worse(champion - 0.05 - np.linspace(0, 0.01, 12), champion)
    assert not gate.passed
    assert gate.p_value == pytest.approx(1 / 2**12)
    assert gate.reason.startswith("worse than")


def test_a_better_and_an_equal_one_pass():
    champion = np.linspace(0.7, 0.9, 12)
    assert not_worse(champion + 0.01, champion).passed
    assert not_worse(champion, champion).passed


def test_the_p_value_is_scipys():
    rng = np.random.default_rng(0)
    a, b = rng.random(20), rng.random(20)
    assert not_worse(a, b).p_value == wilcoxon(a - b, alternative="less").pvalue


def test_few_squares_cannot_decide():
    gate = not_worse([0.9] * 5, [0.1] * 5)
    assert not gate.passed
    assert "5 test squares" in gate.reason


def test_interval_by_hand():
    low, high = normal_interval([0.2, 0.3, 0.4])
    half = 1.96 * 0.1 / np.sqrt(3)
    assert (low, high) == pytest.approx((0.3 - half, 0.3 + half))


def test_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = [low < 0.3 < high for low, high in
            (normal_interval(rng.normal(0.3, 0.05, 60)) for _ in range(2000))]  # fmt: skip
    assert np.mean(hits) == pytest.approx(0.95, abs=0.02)


def test_one_value_has_no_interval():
    assert np.isnan(normal_interval([0.3])).all()
