"""What a labelled pixel weighs: classes alike, and a step as if all of its pixels had labels."""

import numpy as np
import pytest

from fibsem.training.material import epoch_draws
from fibsem.training.material.feeding import epoch_batches
from fibsem.training.material.supply import Supply
from fibsem.training.material.weighing import HEAVIEST, balancing, class_weights, labelled_share
from fibsem.training.steps.losses import make_loss
from tests.training.material.test_supply import at_rare, film, load_all, scribbles


def test_what_nobody_labelled_makes_no_loss_smaller(material):
    """Windows of 104 around squares of 72, and grids of 8 x 8 that are wider than these.

    As predictions of one half cost ln 2, so does a step on average.
    """
    wide = ("nbhd=81x81x3", "model.blocks=null", "model.filters=null")
    for given in (("model=unet", "model.blocks=2", "train.steps=30"), (*wide, "train.steps=30")):
        setting = material(*given)
        batches = epoch_batches(setting, 0)[0]
        losses = [
            float(make_loss("bce", 1.0)(labels, np.full_like(labels, 0.5), weights))
            for _, labels, weights in batches()
        ]
        assert np.mean(losses) == pytest.approx(np.log(2), rel=0.05)
    unet = material("model=unet", "model.blocks=2")
    larger = (104 / 72) ** 2
    assert unet.pixel_weights == pytest.approx([larger * one for one in unet.class_weights])


def test_where_all_is_labelled_weights_are_those_of_the_classes(material):
    """Bit for bit, and of a grid that is filled up for the pools over what is not."""
    assert material().pixel_weights == material().class_weights
    small = material("model=unet", "model.blocks=2", "train.grid=40")
    assert small.pixel_weights == small.class_weights
    odd = material("model=unet", "model.blocks=2", "train.grid=38")
    framed = 38 + sum(odd.config.spec.step_frame(38))
    assert framed > 38
    larger = (framed / 38) ** 2
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


FILMS = {
    "7 %": film(0.07), "1 %": film(0.01), "0.2 %": film(0.002),
    "most slices next to nothing, some a quarter": [
        *film(0.01, slices=9), *film(0.25, slices=3, seed=2),
    ],
    "lines": [scribbles(seed, 256, 9) for seed in range(4)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "extent", "stride"),
    [*((name, 128, 1) for name in FILMS), *((name, 113, 16) for name in FILMS),
     ("0.2 %", 24, 1), ("lines", 24, 1)],
)  # fmt: skip
def test_a_rare_class_is_balanced_by_draw_and_by_weight(name, extent, stride):
    """Squares are as large as a half of the film's: they end at its sides."""
    supply, rng = at_rare(FILMS[name], 0.5), np.random.default_rng(0)
    counts = np.array([sum((w.labels == k).sum() for w in supply.windows) for k in (0, 1)])
    pore, solid = class_weights(counts, supply, extent, stride, rng)
    drawn = [
        supply.windows[k].labels[y : y + extent : stride, x : x + extent : stride]
        for k, y, x in supply.draw(3000, extent, rng, stride)
    ]
    pores, solids = (sum(np.count_nonzero(one == value) for one in drawn) for value in (0, 1))
    if pore < HEAVIEST:
        assert pore * pores == pytest.approx(solid * solids, rel=0.15)
    else:
        assert HEAVIEST * pores <= 1.1 * (pores + solids) / 2
    assert solid == pytest.approx((pores + solids) / 2 / solids, rel=0.1)


def test_no_pixel_weighs_more_than_ten():
    assert balancing([0.002, 0.998])[0] == HEAVIEST
