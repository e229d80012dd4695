"""Pieces that stand for a split: laws of the draw, and that it is fair."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.data.pieces import (
    MOST,
    SIDE,
    cut_regions,
    draw_pieces,
    few_pixels,
    inclusion,
    part_of,
    systematic,
)
from fibsem.errors import UserError
from fibsem.geometry import Box


def region_of(labels, z=0):
    height, width = labels.shape
    return Region("film", f"{z}.tif", Box((z, 7, 3), (z + 1, 7 + height, 3 + width)), "val",
                  lambda: labels)  # fmt: skip


def blobs(shape, share, rng):
    """Labels whose pores lie together: a share of the pixels, in one corner of each slice."""
    labels = np.ones(shape, np.uint8)
    side = round(float(np.sqrt(share * labels.size)))
    y, x = rng.integers(0, shape[0] - side + 1), rng.integers(0, shape[1] - side + 1)
    labels[y : y + side, x : x + side] = 0
    labels[rng.random(shape) < 0.02] = IGNORE
    return labels


def film(share, slices=6, side=512, seed=0):
    rng = np.random.default_rng(seed)
    return [region_of(blobs((side, side), share, rng), z) for z in range(slices)]


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=60), st.integers(1, 40))
def test_inclusion_is_a_probability_that_grows_with_size(sizes, most):
    size = np.array(sizes)
    probability = inclusion(size, most)
    assert ((probability > 0) & (probability <= 1)).all()
    assert probability.sum() == pytest.approx(min(most, len(size)))
    order = np.argsort(size, kind="stable")
    assert (np.diff(probability[order]) >= -1e-12).all()


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=50), st.integers(0, 999))
def test_a_systematic_draw_is_as_large_as_it_says(probabilities, seed):
    probability = inclusion(np.array(probabilities), 20)
    chosen = systematic(probability, np.random.default_rng(seed))
    assert len(chosen) == min(20, len(probability))
    assert set(np.flatnonzero(probability == 1)) <= set(chosen)


@pytest.mark.parametrize("share", [0.2, 0.07, 0.01, 0.002])
def test_weights_make_up_for_the_draw(share):
    """Labelled pixels of either class, weighed and averaged over draws, are those of the split."""
    regions = film(share)
    truth = sum(np.bincount(r.read().ravel(), minlength=256)[:2] for r in regions)
    found = []
    for seed in range(24):
        pieces = draw_pieces(regions, np.random.default_rng(seed), most=24)
        assert len(pieces) == 24
        assert pieces.counts == tuple(truth)
        counts = [np.bincount(r.read().ravel(), minlength=256)[:2] for r in pieces.regions]
        found.append(pieces.weight @ np.array(counts))
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - truth) < 4 * error + 1).all()


@pytest.mark.parametrize("share", [0.01, 0.002])
def test_a_rare_class_is_drawn_though_few_pieces_hold_it(share):
    """Half of the chance is its share of the class; drawn evenly nearly all of it would be missed.

    The pieces with a pore are a tenth of all; by area they would be a tenth of the draw.
    """
    regions = film(share, slices=40)
    pieces = draw_pieces(regions, np.random.default_rng(0), most=32)
    with_pores = [bool((region.read() == 0).any()) for region in pieces.regions]
    assert sum(with_pores) >= 12
    assert sum(with_pores) < 32  # and the others are there


def test_what_is_drawn_does_not_grow_with_the_split():
    small, large = film(0.2, slices=8), film(0.2, slices=40)
    for regions in (small, large):
        pieces = draw_pieces(regions, np.random.default_rng(0))
        assert len(pieces) == MOST
        assert sum(region.box.size for region in pieces.regions) == MOST * SIDE**2


def test_a_small_split_is_drawn_whole():
    rng = np.random.default_rng(0)
    regions = [region_of(blobs((300, 180), 0.1, rng), z) for z in range(3)]
    pieces = draw_pieces(regions, rng)
    assert (pieces.weight == 1).all()
    assert sum(region.box.size for region in pieces.regions) == 3 * 300 * 180
    assert len(set(pieces.square)) == 1  # 300 x 180 are nearly one, whatever the slice


def test_pieces_of_a_slice_lie_in_squares():
    """Of 256 from its own corner on: a square of that side is one, wherever it lies."""
    pieces = draw_pieces(film(0.2, slices=1, side=400), np.random.default_rng(0))
    assert len(pieces) == 9
    assert len(set(pieces.square)) == 4
    moved = [
        replace(one, box=Box((0, 100 + 256 * k, 300), (1, 356 + 256 * k, 556)))
        for k, one in enumerate(film(0.2, slices=3, side=256))
    ]
    pieces = draw_pieces(moved, np.random.default_rng(0))
    assert len(pieces) == 3 * 4
    assert [set(pieces.square[k : k + 4]) for k in (0, 4, 8)] == [{0}, {1}, {2}]


def test_squares_above_each_other_are_one():
    """Neighbouring slices show the same pores: of a film labelled densely a place is one square."""
    slices = film(0.2, slices=3, side=400)
    pieces = draw_pieces(slices, np.random.default_rng(0))
    assert len(pieces) == 3 * 9
    for k in (0, 9, 18):
        assert pieces.square[k : k + 9].tolist() == pieces.square[:9].tolist()
    assert len(set(pieces.square)) == 4
    other = [replace(region, sample="other") for region in slices]
    assert len(set(draw_pieces([*slices, *other], np.random.default_rng(0)).square)) == 8


def test_pieces_are_parts_of_their_regions():
    labels = blobs((300, 180), 0.2, np.random.default_rng(1))
    whole = replace(region_of(labels), read_truth=lambda: labels + 1)
    part = part_of(whole, (slice(10, 40), slice(100, 180)))
    assert part.box == Box((0, 17, 103), (1, 47, 183))
    np.testing.assert_array_equal(part.read(), labels[10:40, 100:180])
    np.testing.assert_array_equal(part.read_truth(), labels[10:40, 100:180] + 1)


def test_parts_of_a_slice_read_it_once():
    """However many they are; those of another slice read that one."""
    times, regions = [], film(0.2, slices=3)

    def counted(region):
        def read():
            times.append(region.name)
            return region.read()

        return replace(region, read=read)

    parts = cut_regions([counted(region) for region in regions], SIDE).regions
    assert len(parts) == 3 * (512 // SIDE) ** 2
    assert times == ["0.tif", "1.tif", "2.tif"]
    times.clear()
    for part in parts:
        z, y, x = part.box.start
        whole = regions[z].read()
        np.testing.assert_array_equal(
            part.read(), whole[y - 7 : y - 7 + SIDE, x - 3 : x - 3 + SIDE]
        )
    assert len(times) <= len(regions)
    with pytest.raises(ValueError, match="read-only"):
        parts[0].read()[:] = 0  # it would be the next part's, too


@given(st.floats(0.01, 0.9), st.integers(1, 300), st.integers(0, 99))
def test_few_pixels_are_labelled_and_as_many_of_each_class_as_there_are(share, most, seed):
    regions = film(share, slices=2, side=160, seed=seed)
    pieces = draw_pieces(regions, np.random.default_rng(seed))
    labels = [region.read() for region in pieces.regions]
    pixels = few_pixels(labels, most)
    for w, y, x, label in zip(pixels.window, pixels.y, pixels.x, pixels.label, strict=True):
        assert labels[w][y, x] == label
    assert len({*zip(pixels.window, pixels.y, pixels.x, strict=True)}) == len(pixels)
    there = np.bincount(np.concatenate([part.ravel() for part in labels]), minlength=2)[:2]
    assert np.bincount(pixels.label, minlength=2).tolist() == np.minimum(there, most).tolist()


def test_of_a_class_with_few_pixels_all_are_taken():
    """Every fourth of each row and column were: of 200 pores, a dozen."""
    labels = np.ones((64, 64), np.uint8)
    labels[10:30, 20:30] = 0
    assert np.bincount(few_pixels([labels], 500).label).tolist() == [200, 500]


def test_one_class_only_is_refused():
    for regions in ([region_of(np.ones((8, 8), np.uint8))], []):
        with pytest.raises(UserError, match="both classes"):
            draw_pieces(regions, np.random.default_rng(0))


def test_every_square_knows_its_sample():
    labels = np.tile(np.array([0, 1], np.uint8), (40, 20))
    regions = [replace(region_of(labels, z), sample=name) for z, name in enumerate("ABBA")]
    pieces = draw_pieces(regions, np.random.default_rng(0))
    names = [region.sample for region in pieces.regions]
    number = dict(zip(names, pieces.sample[pieces.square], strict=True))
    assert sorted(number.values()) == [0, 1]
    assert [number[name] for name in names] == pieces.sample[pieces.square].tolist()


@pytest.mark.parametrize("extent", [1, 127, 191, 192, 193, 320, 3372])
def test_no_piece_is_larger_than_one_and_a_half_times_its_side(extent):
    """By which the memory of validation is bounded, whatever the shape of the labels."""
    parts = cut_regions([region_of(np.zeros((extent, 5), np.uint8))], SIDE).regions
    assert sum(part.box.shape[1] for part in parts) == extent
    assert max(part.box.shape[1] for part in parts) <= 1.5 * SIDE
