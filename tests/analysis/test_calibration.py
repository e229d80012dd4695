"""Temperature and reliability, against scipy on every value and against what must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize
from scipy.special import expit, logit

from fibsem.analysis import figures
from fibsem.analysis.calibration import COLDEST, HOTTEST, LineFit, Platt, with_temperature
from fibsem.analysis.calibration import calibrate as calibrate_parts
from fibsem.analysis.metrics import cross_entropy
from fibsem.analysis.reliability import RELIABILITY_BINS, Reliability

scores = hnp.arrays(
    np.float32, st.integers(1, 60), elements=st.floats(0, 1, width=32)
)  # with both ends, where logits are infinite
temperatures = st.floats(COLDEST, HOTTEST)


def calibrate(labels, p):
    """Of pixels in one piece."""
    return calibrate_parts([(labels, p)])


def fit_line(labels, p):
    fit = LineFit()
    fit.add(labels, p)
    return fit.line()


@st.composite
def labelled(draw):
    p = draw(scores)
    return draw(hnp.arrays(np.uint8, p.shape, elements=st.integers(0, 1))), p


def drawn(temperature, n, seed, spread=3.0, shift=0.5):
    """Scores whose temperature is known, and labels."""
    rng = np.random.default_rng(seed)
    z = rng.normal(shift, spread, n)
    return (rng.random(n) < expit(z / temperature)).astype(np.uint8), expit(z).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.7, 5.0])
def test_the_fit_is_that_of_scipy_on_every_value(temperature):
    labels, p = drawn(temperature, 20_000, seed=1)
    z = logit(np.clip(p.astype(np.float64), 1e-7, 1 - 1e-7))

    def loss(line):
        at = line[0] * z + line[1]
        return np.mean(np.logaddexp(0, at) - labels * at)

    exact = {"xatol": 1e-9, "fatol": 1e-14}
    slow = minimize(loss, (1.0, 0.0), method="Nelder-Mead", options=exact)
    found = fit_line(labels, p)
    assert 1 / found.temperature == pytest.approx(slow.x[0], rel=1e-4)
    assert found.offset == pytest.approx(slow.x[1], abs=1e-4)
    assert calibrate(labels, p).loss_after == pytest.approx(slow.fun, rel=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("seed", range(3))
def test_a_known_temperature_comes_back_within_its_error(temperature, seed):
    labels, p = drawn(temperature, 30_000, seed)
    z = logit(p.astype(np.float64))
    q = expit(z / temperature)
    error = 1 / np.sqrt(np.sum(q * (1 - q) * z**2))  # of 1 / T, from Fisher's information
    found = fit_line(labels, p)
    assert abs(1 / found.temperature - 1 / temperature) < 5 * error
    assert abs(found.offset) < 0.1


def test_the_offset_mends_a_shift_that_no_temperature_can():
    """Trained on as many pores as solid, applied where there is four times as much solid."""
    rng = np.random.default_rng(2)
    z = rng.normal(0, 2, 100_000)
    labels = (rng.random(z.size) < expit(z + np.log(4))).astype(np.uint8)
    found = calibrate(labels, expit(z))
    assert found.ece_before > 0.1
    assert found.ece_after < 0.01
    assert found.offset == pytest.approx(np.log(4), abs=0.05)
    line = Platt(found.temperature, found.offset)
    assert line.threshold(0.5) == pytest.approx(0.8, abs=0.01)


@given(labelled())
@settings(max_examples=20)
def test_a_fitted_line_never_costs(sample):
    labels, p = sample
    found = calibrate(labels, p)
    assert COLDEST <= found.temperature <= HOTTEST
    assert found.loss_after <= found.loss_before == cross_entropy(labels, p)
    line = Platt(found.temperature, found.offset)
    assert found.loss_after == cross_entropy(labels, line.line(p))


@given(labelled(), st.integers(1, 59))
@settings(max_examples=20)
def test_parts_have_the_line_of_the_whole(sample, at):
    labels, p = sample
    at = min(at, len(p) - 1) or len(p)
    parts = [(some, of) for some, of in ((labels[:at], p[:at]), (labels[at:], p[at:])) if len(of)]
    found, whole = calibrate_parts(parts), calibrate(labels, p)
    assert found.loss_before == pytest.approx(whole.loss_before)
    assert found.loss_after == pytest.approx(whole.loss_after, rel=1e-4, abs=1e-6)
    assert found.before.counts == whole.before.counts
    assert found.ece_before == pytest.approx(whole.ece_before)


@given(scores)
def test_temperature_one_changes_nothing(p):
    np.testing.assert_array_equal(with_temperature(p, 1.0), p)


@given(scores, temperatures)
def test_a_temperature_keeps_order_side_and_precision(p, temperature):
    before = p.copy()
    after = with_temperature(p, temperature)
    np.testing.assert_array_equal(p, before)  # the scores themselves are still needed
    assert after.dtype == np.float32
    assert ((after >= 0) & (after <= 1)).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(after[order]) >= -1e-6).all()  # rounding in float32
    assert (after[p >= 0.5] >= 0.5).all()
    assert (after[p <= 0.5] <= 0.5).all()


@given(scores, temperatures, st.floats(0.5, 2))
def test_one_temperature_after_another_is_their_product(p, first, second):
    p = np.clip(p.astype(np.float64), 0.01, 0.99) / 2 + 0.25  # away from where logits are clipped
    both = with_temperature(with_temperature(p, max(1.0, first)), second)
    np.testing.assert_allclose(both, with_temperature(p, max(1.0, first) * second), rtol=1e-9)


@given(labelled(), st.integers(1, 30))
def test_reliability_is_that_of_a_loop_over_bins(sample, bins):
    labels, p = sample
    found = Reliability.of(labels, p, bins)
    assert sum(found.counts) == p.size
    k = np.floor(p.astype(np.float64) * bins)
    k[k == bins] = bins - 1
    error = 0.0
    for b in range(bins):
        here = k == b
        assert found.counts[b] == here.sum()
        if not here.any():
            assert np.isnan(found.predicted[b])
            assert np.isnan(found.observed[b])
            continue
        assert found.predicted[b] == pytest.approx(p[here].mean(dtype=np.float64))
        assert found.observed[b] == pytest.approx(labels[here].mean())
        error += here.mean() * abs(found.observed[b] - found.predicted[b])
    assert found.error == pytest.approx(error)
    assert 0 <= found.error <= 1


def test_calibration_error_by_hand():
    #  bin       [0, 0.5)       [0.5, 1]
    #  scores    0.1  0.3       0.6  0.8  1.0
    #  labels    0    1         1    0    1
    #  gap       |0.5 - 0.2|    |2/3 - 0.8|
    found = Reliability.of(np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.3, 0.6, 0.8, 1.0]), 2)
    assert found.counts == (2, 3)
    assert found.error == pytest.approx(2 / 5 * 0.3 + 3 / 5 * (0.8 - 2 / 3))


@pytest.mark.parametrize("n", [1_000, 10_000, 100_000])
def test_the_error_of_calibrated_scores_goes_to_zero(n):
    labels, p = drawn(1.0, n, seed=3)
    # each of the bins is off by about sqrt(p (1 - p) / n_k)
    assert Reliability.of(labels, p).error < 0.5 * np.sqrt(RELIABILITY_BINS / n)


@pytest.mark.parametrize(
    ("labels", "p"),
    [([0, 1, 0, 1], [0.5] * 4), ([1, 1, 0, 0], [0.1, 0.3, 0.7, 0.9]), ([1], [1.0]), ([0], [1.0])],
)
def test_scores_that_have_no_temperature(labels, p):
    """Useless, reversed, separated and saturated ones: a finite answer within the range."""
    found = calibrate(np.array(labels), np.array(p))
    assert COLDEST <= found.temperature <= HOTTEST
    assert np.isfinite([found.loss_after, found.ece_after]).all()


def test_scores_of_one_half_are_left_alone():
    found = calibrate(np.array([0, 1]), np.array([0.5, 0.5]))
    assert (found.temperature, found.offset) == (1, 0)


@given(scores, temperatures, st.floats(-5, 5))
def test_the_threshold_is_mapped_with_the_scores(p, temperature, offset):
    line = Platt(temperature, offset)
    after, at = line.line(p.astype(np.float64)), line.threshold(0.4)
    clear = np.abs(p - 0.4) > 1e-6
    assert ((after >= at) == (p >= 0.4))[clear & (after > 0) & (after < 1)].all()


def test_the_record_holds_every_figure():
    labels, p = drawn(2.0, 5_000, seed=4)
    found = calibrate(labels, p)
    record = found.to_json()
    assert record["temperature"] == found.temperature > 1
    assert record["ece_after"] == found.after.error < record["ece_before"] == found.before.error
    assert record["loss_after"] < record["loss_before"]
    assert sum(record["after"]["counts"]) == 5_000
    assert len(record["before"]["predicted"]) == RELIABILITY_BINS


def test_the_figure_has_both_curves_and_their_errors(tmp_path):
    found = calibrate(*drawn(2.0, 5_000, seed=4))
    figure = figures.reliability(found)
    curves, scores_ax = figure.axes
    texts = [text.get_text() for text in curves.get_legend().get_texts()]
    assert any(f"{found.ece_before:.4f}" in text for text in texts)
    assert any(f"{found.ece_after:.4f}" in text for text in texts)
    assert f"{found.temperature:.2f}" in " ".join(texts)
    assert len(scores_ax.patches) == 2
    assert figures.save(figure, tmp_path / "reliability.png").stat().st_size > 0
