"""Levels against the definition, threshold by threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import gaussian_filter

from fibsem.analysis.postprocessing import PostProcessing, segment_slice, smooth
from fibsem.analysis.postprocessing.levels import first_round, second_round

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))
sigmas = st.sampled_from([0.0, 0.05, 0.5, 1.3, 4.0])
few_scores = st.integers(0, 4).map(lambda n: n / 4)  # many ties


def assert_levels_are_those_of_every_threshold(scores, sigma, thresholds):
    levels = first_round(scores, sigma, thresholds)
    for rounds, image in ((1, levels), (2, second_round(levels, sigma, thresholds))):
        for k, threshold in enumerate(thresholds):
            how = PostProcessing(sigma, float(threshold), rounds)
            np.testing.assert_array_equal(image > k, segment_slice(scores, how))


@settings(max_examples=20, deadline=None)
@given(
    shapes.flatmap(lambda shape: hnp.arrays(np.float32, shape, elements=few_scores)),
    sigmas,
    st.sets(st.floats(0, 1, width=32), min_size=1, max_size=6),
)
def test_levels_against_the_definition(scores, sigma, thresholds):
    assert_levels_are_those_of_every_threshold(scores, sigma, np.sort(np.float32([*thresholds])))


@pytest.mark.parametrize("sigma", [0.5, 1.7, 5.0])
def test_thresholds_that_smoothed_values_hit_exactly(sigma):
    """Where a product of matrices may round to either side, scipy's value decides."""
    solid = gaussian_filter(np.random.default_rng(0).random((70, 45)), 2) > 0.5
    smoothed = smooth(solid.astype(np.float32), sigma)
    thresholds = np.unique(smoothed[(smoothed > 0.1) & (smoothed < 0.9)])[::9][:250]
    levels = np.where(solid, np.uint8(thresholds.size), np.uint8(0))
    result = second_round(levels, sigma, thresholds)
    for k, threshold in enumerate(thresholds):
        np.testing.assert_array_equal(result > k, smoothed >= threshold)


def test_an_image_that_is_doubtful_throughout():
    """Smoothed, a solid image is 1 but for rounding, which is where the threshold lies."""
    scores = np.ones((40, 50), np.float32)
    scores[:5, :5] = 0
    thresholds = np.float32([0.5, np.nextafter(np.float32(1), np.float32(0)), 1.0])
    for sigma in (0.5, 1.0, 3.3):
        assert_levels_are_those_of_every_threshold(scores, sigma, thresholds)


def test_more_thresholds_than_a_byte_holds():
    scores = np.random.default_rng(1).random((20, 30)).astype(np.float32)
    thresholds = np.linspace(0, 1, 300, dtype=np.float32)
    assert first_round(scores, 0.0, thresholds).dtype == np.uint16
    assert_levels_are_those_of_every_threshold(scores, 1.0, thresholds)
