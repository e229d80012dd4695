"""Squares that were learned from are known again, whatever dataset and part they are in now."""

import pytest

from fibsem.data.dataset.learned import learned_before, learned_squares, merged
from fibsem.data.dataset.manifest import load_dataset
from tests.conftest import divided_anew


@pytest.fixture
def swapped(tiny, tmp_path):
    """The same film elsewhere, whose training and test squares have changed places."""
    return divided_anew(tiny, tmp_path / "swapped", {"train": "test", "test": "train"})


def test_of_the_same_split_no_test_square_was_learned(tiny):
    dataset = load_dataset(tiny)
    learned = learned_squares(dataset)
    squares = sum(map(len, learned.values()))
    assert squares == len(dataset.regions("train")) + len(dataset.regions("val"))
    assert learned_before(dataset, learned) == []


def test_of_another_split_those_that_were_learned_are_told(tiny, swapped):
    former, now = load_dataset(tiny), load_dataset(swapped).named("another")
    assert {one.name for one in learned_before(now, learned_squares(former))} == {
        one.name for one in former.regions("train")
    }
    both = merged([learned_squares(former), learned_squares(now)])
    assert len(learned_before(former, both)) == len(former.regions("test"))


def test_only_pixels_of_the_same_slice_count(tiny, swapped):
    former, now = load_dataset(tiny), load_dataset(swapped)
    (digest, places), *_ = learned_squares(former).items()
    region = next(one for one in now.regions("test") if learned_before(now, {digest: places}))
    (_, top, left), (_, bottom, right) = region.box.start, region.box.stop
    count = len(learned_before(now, {digest: [(bottom, bottom + 9, left, right)]}))
    assert count < len(learned_before(now, {digest: [(bottom - 1, bottom + 9, left, right)]}))
    assert learned_before(now, {"another slice": [(top, bottom, left, right)]}) == []
