import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import gaussian_filter
from skimage.measure import label as components

from fibsem.analysis.postprocessing import (
    PostProcessing,
    ScoredSquare,
    remove_small,
    segment_slice,
    stages,
)
from fibsem.errors import UserError

small_labels = hnp.arrays(np.uint8, (12, 12), elements=st.integers(0, 1))


def slow_remove_small(labels, min_size):
    """Component by component: solids first, then pores."""
    labels = labels.copy()
    for value in (1, 0):
        numbered = components(labels == value, connectivity=1)
        for k in range(1, numbered.max() + 1):
            if (numbered == k).sum() < min_size:
                labels[numbered == k] = 1 - value
    return labels


@given(small_labels, st.integers(0, 20))
def test_small_objects_against_the_slow_way(labels, min_size):
    np.testing.assert_array_equal(
        remove_small(labels, min_size), slow_remove_small(labels, min_size)
    )


def test_steps_by_hand():
    scores = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    once = gaussian_filter(scores, 1.5) >= 0.5
    np.testing.assert_array_equal(segment_slice(scores, PostProcessing(1.5, 0.5)), once)
    twice = gaussian_filter(once.astype(np.float32), 1.5) >= 0.5
    np.testing.assert_array_equal(segment_slice(scores, PostProcessing(1.5, 0.5, 2)), twice)
    cleaned = slow_remove_small(twice.astype(np.uint8), 9)
    np.testing.assert_array_equal(segment_slice(scores, PostProcessing(1.5, 0.5, 2, 9)), cleaned)
    smoothed = gaussian_filter(scores, 1.5), gaussian_filter(once.astype(np.float32), 1.5)
    by_hand = (smoothed[0], once, smoothed[1], twice, cleaned)
    for image, expected in zip(
        stages(scores, PostProcessing(1.5, 0.5, 2, 9)), by_hand, strict=True
    ):
        np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("how", [PostProcessing(1.5, 0.45), PostProcessing(1.5, 0.45, 2)])
def test_the_margin_makes_a_square_equal_to_the_slice(how):
    scores = np.random.default_rng(1).random((90, 90)).astype(np.float32)
    whole = segment_slice(scores, how)
    m = how.margin
    inner = (slice(m, m + 20), slice(m, m + 20))
    cut = scores[30 - m : 50 + m, 40 - m : 60 + m]
    square = ScoredSquare(cut, whole[30:50, 40:60], inner)
    assert square.confusion(how).accuracy == 1


@settings(max_examples=20)
@given(st.floats(0, 3), st.floats(0.05, 0.95), st.sampled_from([1, 2]))
def test_flipping_classes_flips_labels(sigma, threshold, rounds):
    """Without ties, 1 - score at 1 - threshold gives the opposite labels, round by round."""
    scores = np.random.default_rng(3).random((20, 20)).astype(np.float32)
    labels = segment_slice(scores, PostProcessing(sigma, threshold, 1))
    flipped = segment_slice(1 - scores, PostProcessing(sigma, 1 - threshold, 1))
    assert (labels != flipped).mean() > 0.99  # rounding may tie a pixel
    assert set(np.unique(segment_slice(scores, PostProcessing(sigma, 0.5, rounds)))) <= {0, 1}


@pytest.mark.parametrize("wrong", [{"sigma": -1}, {"threshold": 2}, {"rounds": 3}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError, match="rounds 1 or 2"):
        PostProcessing(**wrong)


def test_what_a_model_carries_of_it_is_read_back():
    how = PostProcessing(1.5, 0.4, 2, 30)
    assert how.to_json() == {"sigma": 1.5, "threshold": 0.4, "rounds": 2, "min_size": 30}
    assert PostProcessing(**how.to_json()) == how
