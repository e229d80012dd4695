"""What windows are drawn from: everywhere alike, at the rare class as often as said, in memory."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.data.labels import IGNORE
from fibsem.data.samples import Region
from fibsem.data.windows import LabelledWindow
from fibsem.geometry import Box
from fibsem.training.labelled_places import holding
from fibsem.training.supply import HEAVIEST, Supply, balancing, labelled_share, share_at_rare

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


@pytest.mark.parametrize("stride", [1, 7])
def test_the_share_of_labelled_pixels_is_that_of_all_squares_with_a_label(stride):
    """Counted one by one where each is drawn alike; and exactly 1 where all is labelled."""
    extent, some = 15, [scribbles(seed, 80, 2) for seed in range(2)]
    starts = range(80 - extent + 1)
    squares = [
        (labels[y : y + extent : stride, x : x + extent : stride] <= 1).mean()
        for labels in (region.read() for region in some) for y in starts for x in starts
    ]  # fmt: skip
    right, supply = np.mean([share for share in squares if share]), Supply.evenly(load_all(some))
    found = labelled_share(supply, extent, stride, np.random.default_rng(0))
    assert found == pytest.approx(right, rel=0.05)
    assert found < 0.9
    whole = Supply.evenly(load_all(film(0.2, slices=2)))
    for window in whole.windows:
        window.labels[:3] = 1
    assert labelled_share(whole, extent, stride, np.random.default_rng(0)) == 1


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


@pytest.mark.parametrize("share", [0.07, 0.01, 0.002])
def test_a_rare_class_is_balanced_by_draw_and_by_weight(share):
    """By far the most is done by the draw; the weights that are left are small."""
    regions, rng = film(share), np.random.default_rng(0)
    each = [region.read() for region in regions]
    chance = np.array([(one == 0).sum() for one in each], float)
    among = share_at_rare(each, chance / chance.sum(), 0, EXTENT, rng)
    labels = np.concatenate([region.read() for region in regions])
    natural = (labels == 0).sum() / (labels <= 1).sum()
    expected = 0.5 * natural + 0.5 * among
    drawn = np.stack(squares(at_rare(regions, 0.5), 3000, rng))
    found = (drawn == 0).sum() / (drawn <= 1).sum()
    assert found == pytest.approx(expected, rel=0.1)
    pore, solid = balancing([expected, 1 - expected])
    assert pore < HEAVIEST
    assert pore * found == pytest.approx(solid * (1 - found), rel=0.12)
    assert found > 5 * share or found > 0.2


def test_parts_that_hold_more_of_it_count_more():
    """Most squares of a film have next to nothing of it, some have a quarter."""
    regions = [*film(0.01, slices=9), *film(0.25, slices=3, seed=2)]
    each, rng = [region.read() for region in regions], np.random.default_rng(0)
    chance = np.array([(one == 0).sum() for one in each], float)
    among = share_at_rare(each, chance / chance.sum(), 0, EXTENT, rng)
    drawn = np.stack(squares(at_rare(regions, 1.0), 3000, rng))
    assert (drawn == 0).sum() / (drawn <= 1).sum() == pytest.approx(among, rel=0.1)
    alike = share_at_rare(each, np.full(len(each), 1 / len(each)), 0, EXTENT, rng)
    assert alike < 0.8 * among


def test_no_pixel_weighs_more_than_ten():
    assert balancing([0.002, 0.998])[0] == HEAVIEST
