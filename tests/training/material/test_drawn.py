"""Balanced pixels of parts: over many epochs they are those of all that is labelled."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.geometry import Box
from fibsem.training.material import epoch_draws
from fibsem.training.material import material as materials
from fibsem.training.material.drawn import drawn_pixels
from fibsem.training.material.supply import Supply
from fibsem.training.steps.fit import train
from tests.training.material.test_changing import changing
from tests.training.material.test_supply import film, load


@pytest.mark.parametrize("rare", [None, 0])
def test_pixels_lie_on_their_class_half_of_each(rare):
    supply = changing(film(0.3), most=12, rare=rare).read(0)
    pixels = drawn_pixels(supply, 400, np.random.default_rng(0))
    assert len(pixels) == 400
    assert pixels.label.mean() == 0.5
    places = zip(pixels.window, pixels.y, pixels.x, pixels.label, strict=True)
    assert all(supply.windows[k].labels[y, x] == label for k, y, x, label in places)


@pytest.mark.parametrize("rare", [None, 0])
def test_over_epochs_every_pixel_of_a_class_is_drawn_alike(rare):
    """Of a slice with a third of the pores a third of those that are drawn."""
    lower, upper = film(0.3, slices=2), film(0.15, slices=2, seed=1)
    above = [replace(one, box=Box((2 + z, 0, 0), (3 + z, 256, 256))) for z, one in enumerate(upper)]
    regions, found = [*lower, *above], np.zeros((4, 2))
    supply = changing(regions, most=20, rare=rare)
    for epoch in range(150):
        some = supply.read(epoch)
        pixels = drawn_pixels(some, 200, np.random.default_rng(epoch))
        z = np.array([window.region.box.start[0] for window in some.windows])[pixels.window]
        np.add.at(found, (z, pixels.label), 1)
    counts = np.array([[(one.read() == value).sum() for value in (0, 1)] for one in regions])
    assert found / found.sum(0) == pytest.approx(counts / counts.sum(0), abs=0.04)


def test_a_class_that_no_part_of_an_epoch_holds_is_left_out_of_it():
    regions = film(0.2, slices=1)
    window = load(regions[0])
    window.labels[window.labels == 0] = 255
    pixels = drawn_pixels(Supply([window], np.ones(1)), 10, np.random.default_rng(0))
    assert pixels.label.tolist() == [1] * 10


def test_a_network_on_patches_learns_from_parts_where_not_all_windows_fit(material, monkeypatch):
    """Of other ones in every epoch; all of them are never read."""
    monkeypatch.setattr(epoch_draws, "MOST_BYTES", 60_000)
    monkeypatch.setattr(materials, "load_windows", never)
    setting = material("train.mode=patch", "train.share=0.2", "train.epochs=2")
    boxes = set()
    for epoch in range(4):
        windows, pixels = setting.epoch_pixels(epoch)
        assert len(windows) == 2
        assert len(pixels) == setting.training_size
        boxes.add(frozenset(window.region.box for window in windows))
    assert len(boxes) > 1
    assert len(train(setting).history) == 2


def never(*_, **__):
    raise AssertionError("all windows are read")


def test_a_forest_is_fitted_to_no_more_than_the_thesis_had(material, monkeypatch):
    """Every pixel of its windows has to be looked at: a film labelled in every slice has many."""
    whole = material("model=forest", "nbhd=11x11x3", "model.trees=5")
    windows, pixels = whole.pixels_to_fit()
    assert windows is whole.train
    assert pixels is whole.training_pixels
    monkeypatch.setattr(materials, "STUDY", 72 * 72)
    monkeypatch.setattr(materials, "SIDE", 24)
    few = material("model=forest", "nbhd=11x11x3", "model.trees=5")
    monkeypatch.setattr(materials, "load_windows", never)
    windows, pixels = few.pixels_to_fit()
    assert sum(window.labels.size for window in windows) <= 72 * 72
    assert len(windows) == 9
    assert len(pixels) == few.training_size
