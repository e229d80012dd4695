"""Squares that lie near each other: the keys that are named divide them."""

import pytest

from fibsem.data.dataset.crowded import guards_that_divide
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.split import SplitRecipe
from fibsem.geometry import Box
from tests.data.doubts.test_nearness import FAR, sample_of


def test_keys_that_leave_most_squares_together_are_not_advised_where_others_divide_them():
    row = [Box((0, 0, 104 * k), (1, 64, 104 * k + 64)) for k in range(8)]  # 40 pixels apart
    thin = Dataset("a", None, (50.0, 10.0, 10.0), None, (sample_of(row + FAR, SplitRecipe()),))
    assert "split.guard_px=20 split.guard_slices=5," in guards_that_divide(thin)
    nearer = [Box((0, 0, 100 * k), (1, 64, 100 * k + 64)) for k in range(8)]  # 36 pixels
    thin = Dataset("a", None, (50.0, 10.0, 10.0), None, (sample_of(nearer + FAR, SplitRecipe()),))
    assert "split.guard_px=0 split.guard_slices=0," in guards_that_divide(thin)


@pytest.mark.parametrize(
    ("slices", "keys"),
    [
        (range(0, 24, 2), "split.guard_px=20 split.guard_slices=0"),
        (range(0, 24, 4), "split.guard_px=20 split.guard_slices=1"),
        (range(0, 24, 6), "split.guard_px=40 split.guard_slices=2"),
        ([3, 4], None),
    ],
)
def test_keys_that_divide_squares_near_each_other_do(slices, keys):
    """Of a thin film, in which squares of neighbouring slices overlap."""
    boxes = [Box((z, z, z), (z + 1, z + 64, z + 64)) for z in slices]
    near = sample_of(boxes, SplitRecipe())
    assert {region.split for region in near.regions} == {"train"}
    thin = Dataset("a", None, (50.0, 10.0, 10.0), None, (near,))
    if keys is None:
        assert guards_that_divide(thin) == ""
        return
    assert guards_that_divide(thin).startswith(f"give every command {keys}, as its squares lie so")
    px, guard = (int(word.partition("=")[2]) for word in keys.split())
    narrow = sample_of(boxes, SplitRecipe(guard_px=px, guard_slices=guard))
    assert {region.split for region in narrow.regions} == {"train", "val", "test"}
