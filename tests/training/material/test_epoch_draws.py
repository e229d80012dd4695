"""Windows of an epoch: all where they fit in memory, else parts, no more than are drawn from."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.data.dataset.labels import IGNORE
from fibsem.training.material import epoch_draws
from fibsem.training.material import material as materials
from fibsem.training.material.changing import Changing
from fibsem.training.steps.fit import train
from tests.conftest import CutOffError


def test_a_training_on_changing_parts_goes_on_as_if_nothing_had_happened(
    material, monkeypatch, tmp_path
):
    monkeypatch.setattr(epoch_draws, "MOST_BYTES", 60_000)  # of 73 984 bytes in two windows

    def losses(trained):
        return [(epoch.train_loss, epoch.val) for epoch in trained.history]

    def stop(epoch):
        raise CutOffError

    def short():
        return material("train.epochs=2")

    whole = train(short())
    assert short().supply(0).windows is not short().train
    with pytest.raises(CutOffError):
        train(short(), checkpoint=tmp_path / "c.npz", on_epoch=stop)
    assert losses(train(short(), checkpoint=tmp_path / "c.npz")) == losses(whole)


def test_no_more_parts_are_read_than_are_drawn_from(material, monkeypatch):
    monkeypatch.setattr(epoch_draws, "MOST_BYTES", 400_000)
    monkeypatch.setattr(materials, "SIDE", 16)
    for steps, parts in ((2, 4), (3, 6)):
        setting = material(f"train.steps={steps}", "train.windows=2", "train.grid=4")
        assert len(setting.supply(0).windows) == parts
    assert len(material("train.windows=9", "train.grid=4").supply(0).windows) > 12


def test_windows_that_are_hardly_labelled_count_whole(material, monkeypatch):
    """Their parts with labels would fit, but all windows have 73 984 bytes."""
    monkeypatch.setattr(epoch_draws, "MOST_BYTES", 60_000)
    monkeypatch.setattr(materials, "SIDE", 16)

    full = material()
    (sample,) = full.dataset.samples
    labels = np.full(sample.regions[0].box.shape[1:], IGNORE, np.uint8)
    labels[:8, :8] = np.indices((8, 8)).sum(axis=0) % 2
    regions = tuple(replace(region, read=labels.copy) for region in sample.regions)
    dataset = replace(full.dataset, samples=(replace(sample, regions=regions),))
    setting = materials.Material(dataset, full.config)
    assert sum(setting.draws.bytes_of_parts) < 60_000
    assert max(window.labels.size for window in setting.supply(0).windows) < 20**2


def test_all_windows_stay_where_they_fit(material):
    setting = material()
    assert setting.supply(0).windows is setting.supply(5).windows is setting.train


def test_the_parts_of_an_epoch_are_read_once(material, monkeypatch):
    """By its steps and by the statistics that follow them; the next ones are read meanwhile."""
    monkeypatch.setattr(epoch_draws, "MOST_BYTES", 60_000)
    read, whole = [], Changing.read

    def counted(self, epoch):
        read.append(epoch)
        return whole(self, epoch)

    monkeypatch.setattr(Changing, "read", counted)
    trained = train(material("train.epochs=2"))
    assert len(trained.history) == 2
    assert sorted(read) == [0, 1, 2]
