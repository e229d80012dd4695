"""Other parts in every epoch: all alike over time, few slices at once, as if all were in memory."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.pieces import cut_regions
from fibsem.training.material.changing import Changing, by_size
from tests.training.material.test_supply import EXTENT, film, load_all


def changing(regions, most=6, rare=None, places=24):
    return Changing(cut_regions(regions, 64), load_all, most, rare, 0.5, 3, places)


def test_an_epoch_has_other_parts_and_no_more_than_fit():
    supply = changing(film(0.2))
    boxes = [{w.region.box for w in supply.of(epoch).windows} for epoch in range(4)]
    assert all(len(some) == 6 for some in boxes)
    assert len(set.union(*boxes)) > 18
    assert boxes[2] == {w.region.box for w in changing(film(0.2)).read(2).windows}


@pytest.mark.parametrize("rare", [None, 0])
@pytest.mark.parametrize("places", [24, 2])
def test_over_epochs_every_place_is_drawn_alike(rare, places):
    """Of what is not drawn for the rare class, its share is that of all that is labelled."""
    regions = film(0.05, slices=4)
    supply, shares = changing(regions, rare=rare, places=places), []
    for epoch in range(300):
        some = supply.read(epoch)
        pores, labelled = np.transpose(
            [[(w.labels == 0).mean(), (w.labels <= 1).mean()] for w in some.windows]
        )
        shares.append(float(some.chance @ pores / (some.chance @ labelled)))
    labels = np.concatenate([region.read() for region in regions])
    natural = (labels == 0).sum() / (labels <= 1).sum()
    assert np.mean(shares) == pytest.approx(natural, abs=4 * np.std(shares) / np.sqrt(300))
    if rare is not None:
        assert all((some.windows[k].labels == 0).any() for k in np.flatnonzero(some.rare_chance))


def test_a_labelled_pixel_is_learned_from_as_often_where_few_are():
    """Of one half every pixel is labelled, of the other every tenth row."""
    dense, thin = film(0.2, slices=2, side=192)
    labels = np.full(thin.box.shape[1:], IGNORE, np.uint8)
    labels[::10] = 1
    regions = [dense, replace(thin, read=partial(np.copy, labels))]
    per_pixel = np.array([1 / (region.read() <= 1).sum() for region in regions])
    supply, rng, visits = changing(regions, most=6), np.random.default_rng(0), np.zeros((200, 2))
    for epoch in range(len(visits)):
        some = supply.read(epoch)
        for k, y, x in some.draw(20, EXTENT, rng):
            window = some.windows[k]
            square = window.labels[y : y + EXTENT, x : x + EXTENT]
            visits[epoch, window.region.box.start[0]] += (square <= 1).sum()
    mean, error = visits.mean(axis=0), visits.std(axis=0) / np.sqrt(len(visits))
    dense_too, thin_too = mean * per_pixel
    margin = 4 * np.hypot(*(error * per_pixel))
    assert dense_too == pytest.approx(thin_too, abs=margin)
    assert margin < 0.2 * dense_too


@pytest.mark.parametrize("rare", [None, 0])
def test_the_parts_of_an_epoch_lie_in_few_slices(rare):
    """Each of which is decoded for them; of small squares there is one in each."""
    supply = changing(film(0.3, slices=30), most=40, rare=rare, places=6)
    some = [{w.region.box.start[0] for w in supply.read(epoch).windows} for epoch in range(9)]
    assert all(4 <= len(slices) <= 8 for slices in some)
    assert len(set.union(*some)) > 20
    squares = changing(film(0.3, slices=50, side=48), most=40, rare=rare, places=6)
    assert len({w.region.box.start[0] for w in squares.read(0).windows}) > 25


@pytest.mark.parametrize("seed", range(6))
def test_a_part_stands_for_those_of_its_size_that_were_not_drawn(seed):
    """The large one is always there, for itself; one of the others is, for them all."""
    chosen, chance = by_size(np.array([1, 0, 2, 3, 10]), 2, np.random.default_rng(seed))
    assert chosen[0] in (0, 2, 3)
    assert chosen[1] == 4
    assert chance == pytest.approx([6 / 16, 10 / 16])


def test_what_cannot_be_read_is_said_in_the_epoch_that_needs_it():
    def fail(regions):
        raise OSError(regions[0].name)

    supply = changing(film(0.2))
    supply.of(0)
    supply._coming[1].result()
    supply.load = fail
    supply.of(1)
    with pytest.raises(OSError, match=r"\.tif"):
        supply.of(2)
