"""Voxel sizes in another unit, or in another order of the axes, are said."""

import pytest

from fibsem.data.volumes.lengths import unlikely

FINE, COARSE, SQUARE = "were micrometres meant", "coarser than FIB-SEM cuts", "far from square"


@pytest.mark.parametrize(
    ("voxel_nm", "said"),
    [
        ((50.0, 10.0, 10.0), []),
        ((1.0, 1.0, 1.0), []),
        ((10.0, 12.7, 10.0), []),  # a tilt of 52 degrees that nobody corrected
        ((1000.0, 30.0, 30.0), []),
        ((2.0, 10.0, 10.0), []),
        ((None, None, None), []),
        ((0.5, 0.1, 0.1), [FINE]),
        ((50.0, 0.5, 0.5), [FINE]),
        ((None, 0.25, 0.25), [FINE]),
        ((50000.0, 10000.0, 10000.0), [COARSE]),
        ((10.0, 10.0, 50.0), [SQUARE]),
        ((10.0, 50.0, 10.0), [SQUARE]),
        ((None, 8.0, 30.0), [SQUARE]),
        ((None, None, 30.0), []),
        ((500.0, 0.1, 10.0), [FINE, SQUARE]),
    ],
)
def test_what_looks_like_another_unit_or_order_is_said(voxel_nm, said):
    lines = list(unlikely(voxel_nm))
    assert len(lines) == len(said)
    assert all(part in line for part, line in zip(said, lines, strict=True))


def test_pixels_that_the_files_state_are_as_they_are():
    size = (50.0, 10.0, 20.0)
    assert list(unlikely(size, (None, 10.0, 20.0))) == []
    assert len(list(unlikely(size, (None, 10.0, None)))) == 1
    assert len(list(unlikely(size, (50.0, 10.0, 10.0)))) == 1
