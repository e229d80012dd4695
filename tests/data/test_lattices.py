"""Lattices of pieces: laws of the draw, that it is fair, and that a rare class is never missed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.lattices import LEAST, by_start, draw_lattices
from fibsem.data.pieces import draw_pieces
from tests.data.test_pieces import blobs, region_of


def squares(share, number=4, side=64, seed=0):
    """Labels of some squares with few pores: ellipses of some pixels, anywhere."""
    rng = np.random.default_rng(seed)
    labels = np.ones((number, side, side), np.uint8)
    while (labels == 0).mean() < share:
        square = labels[rng.integers(number)]
        y, x = rng.integers(0, side, 2)
        square[y : y + 7, x : x + 5] = 0
    return list(labels)


def drawn(labels, seed=0):
    regions = [region_of(part, z) for z, part in enumerate(labels)]
    pieces = draw_pieces(regions, np.random.default_rng(seed))
    return pieces, [region.read() for region in pieces.regions]


def pixels_of(lattices, labels, stride):
    """Pores and solids on every lattice, (n, 2)."""
    pairs = zip(lattices.piece, lattices.start, strict=True)
    on = (labels[k][y::stride, x::stride] for k, (y, x) in pairs)
    return np.array([[(grid == value).sum() for value in (0, 1)] for grid in on])


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 16), st.integers(0, 99))
def test_every_pixel_lies_on_one_lattice(height, width, stride, seed):
    """Of pieces that are smaller than a stride, and of those that are no multiple of it, too."""
    labels = np.random.default_rng(seed).choice([0, 1, IGNORE], (height, width)).astype(np.uint8)
    counts = by_start(labels, stride)
    assert counts.shape == (min(stride, height), min(stride, width), 2)
    for y, x in np.ndindex(counts.shape[:2]):
        grid = labels[y::stride, x::stride]
        assert counts[y, x].tolist() == [(grid == 0).sum(), (grid == 1).sum()]
    assert counts.sum((0, 1)).tolist() == [(labels == 0).sum(), (labels == 1).sum()]


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("share", [0.012, 0.002])
def test_both_classes_are_scored_however_few_pixels_of_one_there_are(share, stride):
    """Of one lattice a piece, as it was, a quarter of the draws holds none of few pores."""
    missed = 0
    for seed in range(60):
        pieces, labels = drawn(squares(share, seed=seed), seed)
        rng = np.random.default_rng(seed)
        lattices = draw_lattices(pieces, labels, stride, most=1, rng=rng)
        assert len(lattices) == LEAST
        assert pixels_of(lattices, labels, stride).sum(0).min() > 0
        y, x = np.random.default_rng(seed).integers(0, stride, (2, len(labels)))
        one_each = (part[a::stride, b::stride] for part, a, b in zip(labels, y, x, strict=True))
        missed += not any((grid == 0).any() for grid in one_each)
    if stride == 16:
        assert missed >= 3


def test_a_common_class_that_lies_in_few_pieces_is_scored_too():
    labels = [np.zeros((64, 64), np.uint8)] * 5 + [np.ones((64, 64), np.uint8)] * 6
    for seed in range(20):
        pieces, parts = drawn(labels, seed)
        lattices = draw_lattices(pieces, parts, 16, most=1, rng=np.random.default_rng(seed))
        assert pixels_of(lattices, parts, 16).sum(0).min() > 0


@pytest.mark.parametrize(("few", "share"), [(300, 0.3), (100, 0.05), (4096, 0.012)])
def test_there_are_as_many_as_hold_enough(few, share):
    """Twice as many as that at most, for their number is doubled; or all of a class."""
    pieces, labels = drawn(squares(share))
    lattices = draw_lattices(pieces, labels, 16, 10_000, np.random.default_rng(0), few)
    counts = pixels_of(lattices, labels, 16).sum(0)
    there = np.array(pieces.counts)
    assert (counts > 0.8 * np.minimum(few, there)).all()
    assert counts.min() < 3 * few
    if there[0] <= few:
        assert counts[0] == there[0]
        assert len(lattices) < 4 * 16**2  # without those that hold nothing of it


def test_their_number_is_bounded():
    pieces, labels = drawn(squares(0.012))
    for most in (20, 77, 300):
        rng = np.random.default_rng(0)
        assert len(draw_lattices(pieces, labels, 16, most, rng)) == most


def test_a_network_of_stride_one_gets_every_piece_whole():
    pieces, labels = drawn(squares(0.012, number=6))
    lattices = draw_lattices(pieces, labels, 1, 1, np.random.default_rng(0))
    assert lattices.piece.tolist() == list(range(len(pieces)))
    assert (lattices.start == 0).all()
    assert (lattices.weight == pieces.weight).all()


@pytest.mark.parametrize("share", [0.3, 0.05, 0.012])
def test_weights_make_up_for_the_draw(share):
    """Pixels of either class, weighed and averaged over draws, are those that there are."""
    labels = [blobs((70, 90), share, np.random.default_rng(k)) for k in range(5)]
    found = []
    for seed in range(200):
        pieces, parts = drawn(labels, seed)
        lattices = draw_lattices(pieces, parts, 16, 30, np.random.default_rng(seed), few=1)
        found.append(lattices.weight @ pixels_of(lattices, parts, 16))
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - pieces.counts) < 4 * error).all()
