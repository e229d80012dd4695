import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import accuracy_score, jaccard_score, log_loss

from fibsem.analysis.metrics import (
    Confusion,
    balanced_scores,
    cross_entropy,
    over_squares,
    pooled,
    porosity_error,
)

binary = hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)),
                    elements=st.integers(0, 1))  # fmt: skip


def test_by_hand():
    #            prediction
    #            pore solid
    # label pore    2     1
    #      solid    1     4
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    predictions = np.array([0, 0, 1, 0, 1, 1, 1, 1])
    confusion = Confusion.of(labels, predictions)
    assert confusion.counts == ((2, 1), (1, 4))
    assert confusion.iou(0) == pytest.approx(2 / 4)
    assert confusion.iou(1) == pytest.approx(4 / 6)
    assert confusion.miou == pytest.approx((2 / 4 + 4 / 6) / 2)
    assert confusion.accuracy == pytest.approx(6 / 8)
    assert confusion.porosity == pytest.approx(3 / 8)
    assert confusion.label_porosity == pytest.approx(3 / 8)


@settings(max_examples=30)
@given(st.data())
def test_against_scikit_learn(data):
    labels = data.draw(binary)
    predictions = data.draw(hnp.arrays(np.uint8, labels.shape, elements=st.integers(0, 1)))
    confusion = Confusion.of(labels, predictions)
    assert confusion.accuracy == pytest.approx(accuracy_score(labels.ravel(), predictions.ravel()))
    for value in (0, 1):
        if (labels == value).any() or (predictions == value).any():
            theirs = jaccard_score(labels.ravel(), predictions.ravel(), pos_label=value)
            assert confusion.iou(value) == pytest.approx(theirs)


@given(binary, binary)
def test_pooling_is_counting_together(a, b):
    together = Confusion.of(np.r_[a.ravel(), b.ravel()], np.r_[a.ravel(), 1 - b.ravel()])
    assert pooled([Confusion.of(a, a), Confusion.of(b, 1 - b)]) == together


def test_pixels_nobody_labelled_are_left_out():
    labels = np.array([0, 255, 1, 255])
    confusion = Confusion.of(labels, np.array([0, 0, 1, 1]))
    assert confusion.pixels == 2
    assert confusion.miou == 1


def test_guessing_on_balanced_data_gives_a_third():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100_000)
    assert Confusion.of(labels, rng.integers(0, 2, 200_000)).miou == pytest.approx(1 / 3, abs=0.01)


def test_cross_entropy_against_scikit_learn():
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 500), rng.random(500)
    assert cross_entropy(labels, scores) == pytest.approx(log_loss(labels, scores))
    assert np.isfinite(cross_entropy(np.array([0, 1]), np.array([1.0, 0.0])))


def test_a_score_on_the_threshold_is_solid():
    assert balanced_scores(np.array([1, 0]), np.array([0.5, 0.49]))["miou"] == 1


def test_porosity_errors_of_films_do_not_cancel_out():
    more = Confusion(((30, 0), (10, 60)))  # 40 % found, 30 % labelled
    less = Confusion(((20, 10), (0, 70)))  # 20 % found, 30 % labelled
    assert porosity_error([more, less]) == pytest.approx(0.1)
    assert pooled([more, less]).porosity == pooled([more, less]).label_porosity
    assert np.isnan(porosity_error([]))


def test_the_median_over_squares_stands_beside_what_is_pooled():
    """IoUs of pore of 1/2, 0 and 1; one square has none, and no pore is given there either."""
    parts = [
        Confusion(((2, 1), (1, 4))),
        Confusion(((0, 3), (0, 5))),
        Confusion(((4, 0), (0, 4))),
        Confusion(((0, 0), (0, 8))),
    ]
    found = over_squares(parts)
    assert found["iou_pore_median"] == pytest.approx(0.5)
    assert found["iou_pore"] == pytest.approx(6 / 11)
    assert np.isnan(over_squares(parts[3:])["iou_pore_median"])


@given(st.integers(1, 50), st.integers(0, 40))
def test_squares_without_a_class_are_compared_by_the_pixels_that_are_right(false, more):
    """One false pixel of 65536 halved the mIoU of a square, by which models were compared."""
    square = Confusion(((0, 0), (false, 65536 - false)))
    assert square.miou_of_labelled == pytest.approx(square.accuracy)
    both = Confusion(((30, 3 + more), (false, 40)))
    assert both.miou_of_labelled == both.miou
    assert np.isnan(Confusion(((0, 0), (0, 0))).miou_of_labelled)


def test_maps_of_unlike_shapes_are_not_compared():
    """Of as many pixels they were, pixel by pixel in the order of memory."""
    with pytest.raises(ValueError, match=r"labels are \(2, 3\), but predictions \(3, 2\)"):
        Confusion.of(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))
