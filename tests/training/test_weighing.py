"""What a labelled pixel weighs: classes alike, and a step as if all of its pixels had labels."""

import numpy as np
import pytest

from fibsem.training import epoch_draws
from fibsem.training.feeding import epoch_batches
from fibsem.training.losses import make_loss
from fibsem.training.supply import Supply
from fibsem.training.weighing import HEAVIEST, balancing, labelled_share, share_at_rare
from tests.training.test_supply import EXTENT, at_rare, film, load_all, scribbles, squares


def test_what_nobody_labelled_makes_no_loss_smaller(material):
    """Windows of 104 around squares of 72, and grids of 8 x 8 that are wider than these.

    As predictions of one half cost ln 2, so does a step on average.
    """
    wide = ("nbhd=81x81x3", "model.blocks=null", "model.filters=null")
    for given in (("model=unet", "train.steps=30"), (*wide, "train.steps=30")):
        setting = material(*given)
        batches = epoch_batches(setting, 0)[0]
        losses = [
            float(make_loss("bce", 1.0)(labels, np.full_like(labels, 0.5), weights))
            for _, labels, weights in batches()
        ]
        assert np.mean(losses) == pytest.approx(np.log(2), rel=0.05)
    unet = material("model=unet")
    larger = (104 / 72) ** 2
    assert unet.pixel_weights == pytest.approx([larger * one for one in unet.class_weights])


def test_where_all_is_labelled_weights_are_those_of_the_classes(material):
    """Bit for bit, and of a grid that is filled up for the pools over what is not."""
    assert material().pixel_weights == material().class_weights
    small = material("model=unet", "train.grid=64")
    assert small.pixel_weights == small.class_weights
    odd = material("model=unet", "train.grid=60")
    framed = 60 + sum(odd.config.spec.step_frame(60))
    assert framed > 60
    larger = (framed / 60) ** 2
    assert odd.pixel_weights == pytest.approx([larger * one for one in odd.class_weights])


def test_labels_of_large_films_are_read_alone_for_their_share(material, monkeypatch):
    """As they would be with their grey values, of which a part is not labelled here."""
    wide = ("nbhd=81x81x3", "model.blocks=null", "model.filters=null")
    whole = material(*wide)
    assert whole.pixel_weights[0] > 2 * whole.class_weights[0]
    monkeypatch.setattr(epoch_draws, "MOST_BYTES", 60_000)
    changing = material(*wide)
    assert changing.supply(0).windows is not changing.train
    alone = changing.draws.reader.labels([part.region for part in changing.supply(0).windows])
    for window, read in zip(alone, changing.supply(0).windows, strict=True):
        np.testing.assert_array_equal(window.labels, read.labels)
    assert changing.pixel_weights == pytest.approx(whole.pixel_weights, rel=0.05)


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
