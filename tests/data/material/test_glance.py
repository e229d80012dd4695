"""What stands for a slice, and how it is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fibsem.data.material.glance import contrast_of, quantiles

SHARES = (0.0, 0.01, 0.25, 0.5, 0.99, 1.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@given(data=st.data())
def test_quantiles_are_those_of_numpy_whatever_the_slice_is_stored_as(dtype, data):
    shape = data.draw(arrays.array_shapes(max_dims=2, max_side=12))
    image = data.draw(arrays.arrays(dtype, shape, elements=st.integers(0, 255)))
    assert quantiles(image, SHARES) == pytest.approx(np.quantile(image, SHARES), rel=1e-12)


def test_the_contrast_is_from_the_darkest_to_the_brightest_hundredth():
    image = np.arange(101, dtype=np.uint8)[:, None]
    assert contrast_of(image) == contrast_of(image.astype(np.float32)) == 98
