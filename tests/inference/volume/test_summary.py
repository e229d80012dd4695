"""Figures of a whole film, of slices that show unlike amounts of it."""

from pathlib import Path

import numpy as np
import pytest

from fibsem.data.material import Extent
from fibsem.data.material.parts import Rect
from fibsem.inference.volume.entries import SliceRecord
from fibsem.inference.volume.summary import porosity_of, uncertainty_of


def test_the_interval_over_slices_holds_the_porosity_that_it_is_of():
    """Ten slices drifted nearly out of sight, into pores: they say little, and widen little."""
    pixels = [1000] * 40 + [50] * 10
    pores: list[int | None] = [300 + k % 3 for k in range(40)] + [45] * 10
    found = porosity_of(Path("film"), pores, pixels)
    low, high = found.interval
    assert found.porosity == pytest.approx(sum(map(int, pores)) / sum(pixels))
    assert (low + high) / 2 == pytest.approx(found.porosity)
    assert low > 0.29
    assert high < 0.32


def test_uncertainty_is_that_of_the_material():
    extent = Extent((3, 10, 10), {0: (), 1: (Rect("rim", 0, 0, 9, 10),), 2: ()})
    slices = [SliceRecord(10, False, 0.1), SliceRecord(5, False, 0.4), SliceRecord(None, False)]
    assert uncertainty_of(slices, extent) == pytest.approx((100 * 0.1 + 10 * 0.4) / 110)
    assert uncertainty_of([SliceRecord(10, False)] * 3, extent) is None
    assert np.isfinite(uncertainty_of(slices[:1], extent))
