"""Dense labels in the gaps between the parts are said and checked, though nothing uses them."""

import numpy as np
import pytest
import tifffile

from fibsem.data.dataset.split import SplitRecipe
from fibsem.data.doubts.doubts import of_labels
from fibsem.data.doubts.unused_labels import drawn_for_nothing
from fibsem.errors import UserError
from tests.data.conftest import H, W, stripes

UNDRAWN = 7


def drawn(make, slices, **changed):
    """A film of 50 slices, of which some were drawn; gaps of 5."""
    labels = np.full((50, H, W), UNDRAWN, np.uint8)
    labels[slices] = stripes((H, W))
    for z, value in changed.items():
        labels[int(z[1:]), 3, 3] = value
    tifffile.imwrite(make.folder / "labels.tif", labels)
    sample = {"regions": "drop", "labels": "labels.tif"}
    (one,) = make(sample=sample, ignore=UNDRAWN, recipe=SplitRecipe(gap=5)).samples
    return one


@pytest.mark.parametrize(
    ("slices", "lost", "used"), [(range(10, 30), 10, 10), ([0, 26, 28, 30, 38, 40, 49], 4, 3)]
)
def test_slices_that_were_drawn_for_nothing_are_said(make, slices, lost, used):
    sample = drawn(make, slices)
    (line,) = drawn_for_nothing(sample)
    assert f"a: {lost} of {lost + used} slices with labels lie in the gaps" in line
    assert line in of_labels(sample)


def test_a_few_of_many_are_not(make):
    sample = drawn(make, range(50))
    assert sample.in_gaps == (*range(24, 29), *range(37, 42))
    assert not list(drawn_for_nothing(sample))


def test_a_training_part_with_the_fewest_drawn_slices_is_said(make):
    (line,) = drawn_for_nothing(drawn(make, [0, *range(29, 37), *range(42, 50)]))
    assert "1 slices with labels are for training, 8 for validation and 8 for testing" in line


def test_labels_in_a_gap_are_checked_like_all_others(make):
    with pytest.raises(UserError, match=r"slice 26 of .*labels\.tif holds 3"):
        drawn(make, range(50), z26=3)
