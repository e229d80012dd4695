"""What is odd of a dataset as a whole is said before anything is learned from it."""

import pytest

from fibsem.data.doubts.doubts import doubts


@pytest.mark.parametrize(
    ("voxel_nm", "said"),
    [
        ({"z": 50, "y": 10, "x": 10}, None),
        ({"z": 0.5, "y": 0.1, "x": 0.1}, "voxels of 0.5 x 0.1 x 0.1 nm (z, y, x) are finer than"),
        ({"z": 10, "y": 10, "x": 50}, "pixels of 10 x 50 nm (y, x) are far from square"),
    ],
)
def test_a_voxel_size_of_another_unit_or_order_is_said_once(make, voxel_nm, said):
    """Lengths were a thousand times too small, with exit 0 and without a word."""
    lines = [line for line in doubts(make(voxel_nm=voxel_nm)) if " nm (" in line]
    assert len(lines) == (said is not None)
    assert all(line.startswith(said) for line in lines)
