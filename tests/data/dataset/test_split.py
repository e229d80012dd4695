import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.data.dataset.split import (
    SPLITS,
    SplitRecipe,
    divide,
    divide_together,
    labelled_ranges,
    neighbours,
    slice_ranges,
)
from fibsem.errors import UserError
from fibsem.geometry import Box

corners = st.tuples(st.integers(0, 60), st.integers(0, 900), st.integers(0, 900))
squares = st.lists(corners.map(lambda c: Box(c, (c[0] + 1, c[1] + 64, c[2] + 64))), max_size=40)


@given(st.integers(30, 500), st.integers(0, 12))
def test_slice_ranges_leave_the_gap_and_nothing_else(depth, gap):
    ranges = slice_ranges(depth, SplitRecipe(gap=gap))
    assert list(ranges) == list(SPLITS)
    assert ranges["train"].start == 0
    assert ranges["val"].start - ranges["train"].stop == gap
    assert ranges["test"].start - ranges["val"].stop == gap
    assert ranges["test"].stop == depth
    used = sum(map(len, ranges.values()))
    assert abs(len(ranges["train"]) - 0.6 * used) <= 1.5


@given(st.integers(60, 300), st.sets(st.integers(0, 299), min_size=1))
def test_a_stack_is_divided_as_a_whole_or_where_it_was_drawn(depth, drawn):
    drawn = {z % depth for z in drawn} | {0, 59}
    recipe, (first, last) = SplitRecipe(gap=5), (min(drawn), max(drawn))
    ranges, whole = labelled_ranges(depth, recipe, drawn.__contains__), slice_ranges(depth, recipe)
    if all(drawn & set(part) for part in whole.values()):
        assert ranges == whole
    else:
        assert (ranges["train"].start, ranges["test"].stop) == (first, last + 1)
        assert [*map(len, ranges.values())] == [
            *map(len, slice_ranges(last + 1 - first, recipe).values())
        ]


def test_a_stack_too_thin_for_its_gaps_is_refused():
    with pytest.raises(UserError, match=r"split\.gap.*20.*leave 0 of 30"):
        slice_ranges(30, SplitRecipe(gap=20))


@given(squares, st.integers(0, 5))
def test_squares_with_overlapping_surroundings_stay_together(boxes, seed):
    recipe = SplitRecipe(seed=seed)
    parts = divide(boxes, recipe)
    guard = (recipe.guard_slices, recipe.guard_px, recipe.guard_px)
    for k, box in enumerate(boxes):
        for other in range(k):
            if box.grow(guard).overlaps(boxes[other].grow(guard)):
                assert parts[k] == parts[other]
    if len(neighbours(boxes, recipe)) >= 3:
        assert set(parts) == set(SPLITS)


@given(st.lists(squares.filter(len), min_size=1, max_size=6), st.integers(0, 5))
def test_samples_divided_together_fill_every_part_and_keep_neighbours(samples, seed):
    recipe = SplitRecipe(seed=seed)
    groups = [neighbours(boxes, recipe) for boxes in samples]
    parts = divide_together(samples, recipe)
    if sum(map(len, groups)) < 3:
        assert parts is None
        return
    assert {split for of_sample in parts for split in of_sample} == set(SPLITS)
    for of_sample, together in zip(parts, groups, strict=True):
        assert all(len({of_sample[k] for k in group}) == 1 for group in together)


def test_squares_far_apart_are_divided_60_20_20():
    boxes = [Box((20 * k, 0, 0), (20 * k + 1, 64, 64)) for k in range(100)]
    parts = divide(boxes, SplitRecipe())
    assert [parts.count(split) for split in SPLITS] == [60, 20, 20]
    assert parts == divide(boxes, SplitRecipe())
    assert parts != divide(boxes, SplitRecipe(seed=1))
