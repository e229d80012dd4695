"""What windows are drawn from: everywhere alike, at the rare class as often as said, in memory."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.data.windows import LabelledWindow
from fibsem.geometry import Box
from fibsem.training.material.labelled_places import holding
from fibsem.training.material.supply import Supply

EXTENT = 24


def film(share, slices=8, side=256, seed=0):
    """Regions whose pores lie together in one place of every slice."""
    rng = np.random.default_rng(seed)
    regions = []
    for z in range(slices):
        labels = np.ones((side, side), np.uint8)
        pore = max(1, round(float(np.sqrt(share)) * side))
        y, x = rng.integers(0, side - pore + 1, 2)
        labels[y : y + pore, x : x + pore] = 0
        labels[:3] = IGNORE
        box = Box((z, 0, 0), (z + 1, side, side))
        regions.append(Region("film", f"{z}.tif", box, "train", partial(np.copy, labels)))
    return regions


def load(region):
    labels = region.read()
    return LabelledWindow(region, labels[..., None].astype(np.float32), labels, (0, 0, 0))


def load_all(regions):
    return [load(region) for region in regions]


def at_rare(regions, for_rare):
    windows = load_all(regions)
    counts = np.array([(window.labels == 0).sum() for window in windows], float)
    even = Supply.evenly(windows)
    return Supply(windows, even.chance, 0, for_rare, counts / counts.sum())


def squares(supply, count, rng):
    return [
        supply.windows[k].labels[y : y + EXTENT, x : x + EXTENT]
        for k, y, x in supply.draw(count, EXTENT, rng)
    ]


@given(st.floats(0.002, 0.5), st.integers(0, 99))
def test_every_square_lies_in_its_window(share, seed):
    supply = at_rare(film(share, slices=2, side=40, seed=seed), 0.5)
    for square in squares(supply, 20, np.random.default_rng(seed)):
        assert square.shape == (EXTENT, EXTENT)


def scribbles(seed, side=400, count=4):
    """A slice of which some thin lines are labelled."""
    rng = np.random.default_rng(seed)
    labels = np.full((side, side), IGNORE, np.uint8)
    for k in range(count):
        y, x = rng.integers(0, side - 60, 2)
        labels[y : y + 3, x : x + 60] = k % 2
    box = Box((seed, 0, 0), (seed + 1, side, side))
    return Region("film", f"{seed}.tif", box, "train", partial(np.copy, labels))


@pytest.mark.parametrize(("extent", "stride"), [(48, 1), (50, 7)])
@pytest.mark.parametrize("for_rare", [0.0, 0.5])
def test_every_square_holds_a_label_that_is_learned_from(extent, stride, for_rare):
    """Of four lines in 400 x 400 pixels one of six squares of 48 would."""
    supply = at_rare([scribbles(seed) for seed in range(3)], for_rare)
    rng = np.random.default_rng(0)
    for k, y, x in supply.draw(60, extent, rng, stride):
        square = supply.windows[k].labels[y : y + extent : stride, x : x + extent : stride]
        assert square.shape == (-(-extent // stride),) * 2
        assert (square <= 1).any()


@given(st.integers(0, 99), st.sampled_from([(5, 1), (7, 3), (9, 2), (1, 1)]))
def test_where_squares_hold_a_label_is_found_as_one_by_one(seed, square):
    extent, stride = square
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((21, 17)) < 0.02, 1, IGNORE).astype(np.uint8)
    slow = np.array([
        [(labels[y : y + extent : stride, x : x + extent : stride] <= 1).any()
         for x in range(17 - extent + 1)] for y in range(21 - extent + 1)
    ])  # fmt: skip
    places = holding(labels, extent, stride)
    np.testing.assert_array_equal(slow, np.ones_like(slow) if places is None else places)


def test_the_loss_stays_that_of_all_labelled_pixels():
    """Each is learned from as often as before, against the others: squares with one are alike."""
    one, many = scribbles(0, 100, 1), scribbles(1, 100, 5)
    supply, seen = Supply.evenly([load(one), load(many)]), np.zeros((2, 100, 100))
    for k, y, x in supply.draw(40_000, EXTENT, np.random.default_rng(0)):
        seen[k, y : y + EXTENT, x : x + EXTENT] += 1
    ends = np.arange(100)
    along = np.minimum.reduce([ends + 1, 100 - ends, np.full(100, EXTENT), np.full(100, 77)])
    expected = np.outer(along, along)  # squares that a pixel lies in
    labelled = np.stack([region.read() <= 1 for region in (one, many)])
    times = seen[labelled] / np.stack([expected, expected])[labelled]
    assert times.std() < 0.06 * times.mean()


def test_every_label_of_a_small_square_is_learned_from(material):
    """A grid of 8 x 8 pixels that lie 16 apart is wider than a square of 72: 25 were seen of it."""
    setting = material("nbhd=81x81x3", "model.blocks=null", "model.filters=null")
    supply, stride = setting.supply(0), setting.config.spec.stride
    extent = 1 + stride * 7
    assert (stride, extent) == (16, 113)
    seen = [np.zeros(window.labels.shape, bool) for window in supply.windows]
    for k, y, x in supply.draw(8000, extent, np.random.default_rng(0), stride):
        seen[k][y : y + extent : stride, x : x + extent : stride] = True
    for window, those in zip(supply.windows, seen, strict=True):
        assert those[window.labels <= 1].all()


def test_what_is_drawn_for_the_rare_class_holds_it():
    supply = at_rare(film(0.002), 1.0)
    assert all((square == 0).any() for square in squares(supply, 100, np.random.default_rng(0)))


def test_what_is_drawn_for_the_rare_class_lies_anywhere_that_holds_it():
    """At the ends of where it may lie no more often than between them."""
    supply = at_rare(film(0.0004, slices=4, side=32, seed=1), 1.0)
    rare = {k: np.argwhere(window.labels == 0) for k, window in enumerate(supply.windows)}
    places = {k: some for k, some in rare.items() if len(some)}
    assert {len(some) for some in places.values()} == {1}
    drawn = {k: [] for k in places}
    for k, y, x in supply.draw(8000, EXTENT, np.random.default_rng(0)):
        drawn[k].append((y, x))
    for k, ((at_y, at_x),) in places.items():
        for at, tops in zip((at_y, at_x), np.transpose(drawn[k]), strict=True):
            low, high = max(0, at - EXTENT + 1), min(at, 32 - EXTENT)
            often = np.bincount(tops - low, minlength=high - low + 1)
            assert often.size == high - low + 1
            assert often.max() < 1.5 * often.min() + 20
