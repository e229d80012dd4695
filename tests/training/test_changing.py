"""Other parts in every epoch: all alike over time, few slices at once, as if all were in memory."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.data.labels import IGNORE
from fibsem.data.pieces import cut_regions
from fibsem.training import material as materials
from fibsem.training.changing import Changing, by_size
from fibsem.training.fit import train
from tests.conftest import CutOffError
from tests.training.test_supply import film, load_all


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
        of_window = [(w.labels == 0).sum() / max(1, (w.labels <= 1).sum()) for w in some.windows]
        shares.append(float(some.chance @ np.array(of_window)))
    labels = np.concatenate([region.read() for region in regions])
    natural = (labels == 0).sum() / (labels <= 1).sum()
    assert np.mean(shares) == pytest.approx(natural, abs=4 * np.std(shares) / np.sqrt(300))
    if rare is not None:
        assert all((some.windows[k].labels == 0).any() for k in np.flatnonzero(some.rare_chance))


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


def test_a_training_on_changing_parts_goes_on_as_if_nothing_had_happened(
    material, monkeypatch, tmp_path
):
    monkeypatch.setattr(materials, "MOST_BYTES", 60_000)  # of 73 984 bytes in two windows

    def losses(trained):
        return [(epoch.train_loss, epoch.val) for epoch in trained.history]

    def stop(epoch):
        if epoch.epoch == 1:
            raise CutOffError

    whole = train(material())
    assert material().supply(0).windows is not material().train
    with pytest.raises(CutOffError):
        train(material(), checkpoint=tmp_path / "c.npz", on_epoch=stop)
    assert losses(train(material(), checkpoint=tmp_path / "c.npz")) == losses(whole)


def test_no_more_parts_are_read_than_are_drawn_from(material, monkeypatch):
    monkeypatch.setattr(materials, "MOST_BYTES", 400_000)
    monkeypatch.setattr(materials, "SIDE", 16)
    for steps, parts in ((2, 4), (3, 6)):
        setting = material(f"train.steps={steps}", "train.windows=2", "train.grid=4")
        assert len(setting.supply(0).windows) == parts
    assert len(material("train.windows=9", "train.grid=4").supply(0).windows) > 12


def test_windows_that_are_hardly_labelled_count_whole(material, monkeypatch):
    """Their parts with labels would fit, but all windows have 73 984 bytes."""
    monkeypatch.setattr(materials, "MOST_BYTES", 60_000)
    monkeypatch.setattr(materials, "SIDE", 16)

    full = material()
    (sample,) = full.dataset.samples
    labels = np.full(sample.regions[0].box.shape[1:], IGNORE, np.uint8)
    labels[:8, :8] = np.indices((8, 8)).sum(axis=0) % 2
    regions = tuple(replace(region, read=labels.copy) for region in sample.regions)
    dataset = replace(full.dataset, samples=(replace(sample, regions=regions),))
    setting = materials.Material(dataset, full.config)
    assert sum(setting._bytes_of_parts) < 60_000
    assert max(window.labels.size for window in setting.supply(0).windows) < 20**2


def test_all_windows_stay_where_they_fit(material):
    setting = material()
    assert setting.supply(0).windows is setting.supply(5).windows is setting.train


def test_the_parts_of_an_epoch_are_read_once(material, monkeypatch):
    """By its steps and by the statistics that follow them; the next ones are read meanwhile."""
    monkeypatch.setattr(materials, "MOST_BYTES", 60_000)
    read, whole = [], Changing.read

    def counted(self, epoch):
        read.append(epoch)
        return whole(self, epoch)

    monkeypatch.setattr(Changing, "read", counted)
    trained = train(material("train.epochs=2"))
    assert len(trained.history) == 2
    assert sorted(read) == [0, 1, 2]
