import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.errors import UserError
from fibsem.geometry import Box, Nbhd

odd = st.integers(0, 60).map(lambda k: 2 * k + 1)
extents = st.tuples(*[st.integers(1, 12)] * 3)


@given(odd, odd, odd)
def test_nbhd_reads_what_it_writes(x, y, z):
    nbhd = Nbhd.parse(f"{x}x{y}x{z}")
    assert nbhd.shape == (z, y, x)
    assert Nbhd.parse(str(nbhd)) == nbhd
    assert tuple(2 * h + 1 for h in nbhd.halo) == nbhd.shape


@pytest.mark.parametrize("text", ["80x81x3", "81x81", "81x81x0", "axbxc", "81,81,3", ""])
def test_nbhd_refuses_in_one_line_with_the_value(text):
    with pytest.raises(UserError) as caught:
        Nbhd.parse(text)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@given(extents, extents)
def test_tiles_cover_every_voxel_once(shape, tile):
    seen = {}
    for box in Box.whole(shape).tiles(tile):
        assert all(n <= t for n, t in zip(box.shape, tile, strict=True))
        for z in range(box.start[0], box.stop[0]):
            for y in range(box.start[1], box.stop[1]):
                for x in range(box.start[2], box.stop[2]):
                    seen[z, y, x] = seen.get((z, y, x), 0) + 1
    assert len(seen) == Box.whole(shape).size
    assert set(seen.values()) == {1}


@given(extents, st.tuples(*[st.integers(0, 5)] * 3))
def test_growing_and_shrinking_cancel(shape, halo):
    box = Box.whole(shape)
    assert box.grow(halo).grow(tuple(-h for h in halo)) == box
    assert box.grow(halo).clip(shape) == box
    assert box.inside(shape)
    assert box.grow(halo).inside(shape) == (halo == (0, 0, 0))


@pytest.mark.parametrize(
    ("start", "stop"), [((0, 0), (1, 64, 64)), ((0, 0, 0), (1.5, 2, 2)), (0, 1), (None, "abc")]
)
def test_a_box_has_three_whole_numbers_twice(start, stop):
    with pytest.raises(UserError, match="a box must have start and stop, of three whole numbers"):
        Box(start, stop)


def test_a_box_of_lists_and_numbers_of_numpy_is_the_same():
    box = Box([0, 0, 0], np.array([1, 4, 4]))
    assert box == Box((0, 0, 0), (1, 4, 4))
    assert box.inside((1, 4, 4))


def test_overlap_needs_a_common_voxel():
    box = Box((0, 0, 0), (1, 4, 4))
    assert box.overlaps(Box((0, 3, 3), (1, 5, 5)))
    assert not box.overlaps(Box((0, 4, 0), (1, 8, 4)))
    assert not box.overlaps(Box((1, 0, 0), (2, 4, 4)))
