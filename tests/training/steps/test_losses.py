import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from fibsem.analysis.metrics import Confusion
from fibsem.training.steps.losses import make_loss, soft_dice, soft_iou, soft_porosity


def maps(seed, shape=(3, 5, 5)):
    rng = np.random.default_rng(seed)
    solid = rng.integers(0, 2, shape).astype("float32")
    solid.flat[:2] = 0, 1
    return solid, rng.random(shape).astype("float32"), rng.random(shape) < 0.8


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_soft_iou_of_hard_predictions_is_one_minus_miou(seed):
    solid, p, known = maps(seed)
    known[0, 0, :2] = True
    hard = (p > 0.5).astype("float32")
    loss = float(soft_iou(tf.constant(solid), tf.constant(hard), tf.cast(known, tf.float32)))
    labels = np.where(known, solid, 2).astype(int)
    assert loss == pytest.approx(1 - Confusion.of(labels, hard.astype(int)).miou, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_soft_dice_of_hard_predictions_is_one_minus_the_mean_f1_score(seed):
    solid, p, known = maps(seed)
    known[0, 0, :2] = True
    hard = (p > 0.5).astype("float32")
    loss = float(soft_dice(tf.constant(solid), tf.constant(hard), tf.cast(known, tf.float32)))
    assert loss == pytest.approx(
        1 - f1_score(solid[known], hard[known], average="macro", zero_division=1), abs=1e-5
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_of_labels_of_zero_and_one_the_least_of_two_is_their_product(seed):
    """To the last bit, as in earlier trainings, and so are gradients but for the order of sums."""
    solid, p, known = maps(seed)
    known = tf.cast(known, tf.float32)
    for term, by_products in ((soft_iou, product_iou), (soft_dice, product_dice)):
        q = tf.constant(p)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(q)
            one, other = term(solid, q, known), by_products(solid, q, known)
        assert float(one) == float(other)
        np.testing.assert_allclose(tape.gradient(one, q), tape.gradient(other, q), rtol=1e-5)


def product_iou(solid, p, labelled):
    ious = []
    for y, q in ((solid, p), (1 - solid, 1 - p)):
        both = tf.reduce_sum(labelled * y * q)
        ious.append((both + 1e-6) / (tf.reduce_sum(labelled * (y + q)) - both + 1e-6))
    return 1 - (ious[0] + ious[1]) / 2


def product_dice(solid, p, labelled):
    scores = []
    for y, q in ((solid, p), (1 - solid, 1 - p)):
        both = 2 * tf.reduce_sum(labelled * y * q)
        scores.append((both + 1e-6) / (tf.reduce_sum(labelled * (y + q)) + 1e-6))
    return 1 - (scores[0] + scores[1]) / 2


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_nothing_is_better_than_the_probabilities_of_a_teacher(seed):
    """What is surer than these, or less sure, costs; the usual product of both would reward it."""
    _, taught, _ = maps(seed)
    known = tf.ones(taught.shape)
    surer = np.clip(taught + 0.1 * np.sign(taught - 0.5), 0, 1)
    for term in (soft_iou, soft_dice):
        tried = taught, surer, np.full_like(taught, 0.5)
        least, sure, unsure = (float(term(taught, p, known)) for p in tried)
        assert least == pytest.approx(0, abs=1e-5)
        assert min(sure, unsure) > 0.01
    assert float(product_iou(taught, surer, known)) < float(product_iou(taught, taught, known))


@pytest.mark.parametrize("name", ["bce", "bce_dice", "bce_iou"])
def test_a_step_towards_a_teacher_makes_every_loss_smaller(name):
    _, taught, _ = maps(3)
    loss, weights = make_loss(name, 1.0), np.ones(taught.shape, "f4")
    far, near, there = (
        float(loss(taught[..., None], (taught + k * (0.5 - taught))[..., None], weights))
        for k in (1.0, 0.5, 0.0)
    )
    assert far > near > there


def test_a_class_that_nobody_has_is_right():
    """Neither labelled nor predicted: 0 of 0 pixels."""
    solid, known = tf.ones((3, 5, 5)), tf.ones((3, 5, 5))
    assert float(soft_iou(solid, solid, known)) == pytest.approx(0, abs=1e-6)
    assert float(soft_iou(solid, solid, 0 * known)) == pytest.approx(0, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_soft_porosity_is_the_mean_error_of_the_share_of_solid(seed):
    solid, p, known = maps(seed)
    found = float(soft_porosity(tf.constant(solid), tf.constant(p), tf.cast(known, tf.float32)))
    expected = [abs(q[k].mean() - y[k].mean()) for q, y, k in zip(p, solid, known, strict=True)]
    assert found == pytest.approx(np.mean(expected), abs=1e-5)


def test_single_pixels_are_one_window():
    solid, p = np.ones((4, 1, 1), "f4"), np.array([0.2, 1.0, 0.6, 0.2], "f4").reshape(4, 1, 1)
    known = tf.ones((4, 1, 1))
    assert float(soft_porosity(tf.constant(solid), tf.constant(p), known)) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["bce_dice", "bce_iou", "bce_porosity"])
def test_pixels_nobody_labelled_do_not_count(name):
    solid, p, known = maps(1)
    weights = np.where(known, 1.7, 0).astype("float32")
    loss = make_loss(name, 2.0)
    other = np.where(known, p, 0.123).astype("float32")
    assert float(loss(solid[..., None], p[..., None], weights)) == pytest.approx(
        float(loss(solid[..., None], other[..., None], weights))
    )


@pytest.mark.parametrize("name", ["bce_dice", "bce_iou", "bce_porosity"])
def test_the_term_is_added_with_its_weight(name):
    solid, p, known = maps(2)
    arguments = (solid[..., None], p[..., None], known.astype("float32"))
    plain, once, twice = (float(make_loss(name, w)(*arguments)) for w in (0.0, 1.0, 2.0))
    assert plain == pytest.approx(float(make_loss("bce", 1.0)(*arguments)))
    assert once > plain
    assert twice - once == pytest.approx(once - plain, rel=1e-4)
