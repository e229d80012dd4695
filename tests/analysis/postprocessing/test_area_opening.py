"""Components removed at all thresholds at once, against removing them at each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import gaussian_filter
from skimage import morphology

from fibsem.analysis.postprocessing import steps
from fibsem.analysis.postprocessing.area_opening import (
    area_opening,
    remove_small_at_every_threshold,
)

COUNT = 7
shapes = st.tuples(st.integers(1, 14), st.integers(1, 14))
images = shapes.flatmap(
    lambda shape: hnp.arrays(np.uint8, shape, elements=st.integers(0, COUNT), fill=st.nothing())
)


def assert_small_components_are_gone_at_every_threshold(levels, count, sizes):
    for size, cleaned in zip(
        sizes, remove_small_at_every_threshold(levels, count, sizes), strict=True
    ):
        for k in range(count):
            expected = steps.remove_small((levels > k).astype(np.uint8), size)
            np.testing.assert_array_equal(cleaned > k, expected)


@settings(deadline=None)
@given(images, st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_against_the_definition(levels, sizes):
    assert_small_components_are_gone_at_every_threshold(levels, COUNT, sizes)


@pytest.mark.parametrize(("dtype", "count"), [(np.uint8, 254), (np.uint16, 300)])
def test_a_picture_with_many_levels(dtype, count):
    noise = gaussian_filter(np.random.default_rng(0).random((90, 70)), 1.5)
    low, high = noise.min(), noise.max()
    levels = np.round((noise - low) / (high - low) * count).astype(dtype)
    assert_small_components_are_gone_at_every_threshold(levels, count, [4, 30])


@settings(deadline=None)
@given(hnp.arrays(np.uint8, (9, 12), elements=st.integers(0, COUNT)), st.integers(1, 108))
def test_against_scikit_image(levels, size):
    np.testing.assert_array_equal(
        area_opening(levels, [size])[0], morphology.area_opening(levels, size, connectivity=1)
    )
