"""What a training learns from: read once, drawn by the dataset's seed and no other."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from fibsem.config import Configuration, compose
from fibsem.config.epochs import steps_per_epoch
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.training.material.feeding import epoch_batches
from fibsem.training.material.grids import CONTEXT
from fibsem.training.material.material import Material

#: Side of the squares, in pixels.
LARGEST = 72

#: A slice that is labelled throughout.
LABELLED = Region(
    "film", "0.tif", Box((0, 0, 0), (1, 512, 512)), "train",
    partial(np.copy, np.indices((512, 512)).sum(axis=0).astype(np.uint8) % 2),
)  # fmt: skip


def test_what_was_read_is_kept_for_another_configuration(material):
    """Where it still fits: another network of the same reach, not another correction."""
    first = material("model.filters=4")
    windows = first.train, first.val
    same = first.for_config(material("model.filters=8").config)
    for mine, theirs in zip((same.train, same.val), windows, strict=True):
        assert mine is theirs
    corrected = first.for_config(material("preprocess.scaling=none").config)
    assert not np.array_equal(corrected.val[0].image, first.val[0].image)
    wider = first.for_config(material("nbhd=33x33x3", "model.blocks=2").config)
    assert wider.val[0].image.shape > first.val[0].image.shape


def test_no_configuration_reaches_across_the_gap_of_a_dense_stack(material):
    """Nor one that a sweep draws after others, whose volumes are kept."""
    first = material()
    shallow = replace(first.config, split=replace(first.config.split, gap=0))
    first.dataset = SimpleNamespace(samples=[SimpleNamespace(name="A", dense=True)])
    with pytest.raises(UserError, match=r"`nbhd` must be at most split.gap \+ 1 = 1 slices deep"):
        first.for_config(shallow)


def test_training_pixels_are_balanced_and_as_many_as_the_share(material):
    setting = material("train.mode=patch", "train.share=0.1")
    pixels = setting.training_pixels
    labelled = sum(int((window.labels <= 1).sum()) for window in setting.train)
    assert len(pixels) == setting.training_size
    assert setting.training_size <= 0.1 * labelled + 1
    assert pixels.label.mean() == 0.5


def test_more_labels_do_not_make_an_epoch_longer(material, monkeypatch):
    """Than the study's 461 steps, at its share of half a per cent."""
    setting = material("train.share=0.005")
    slices = [LABELLED] * 250
    monkeypatch.setattr("fibsem.training.material.material.labelled_regions", lambda *_: slices)
    assert steps_per_epoch(setting.training_size) == 461
    few = material("train.share=0.005")
    monkeypatch.setattr("fibsem.training.material.material.labelled_regions", lambda *_: slices[:5])
    assert few.training_size == 2 * int(0.005 * 5 * 512**2 / 2)


def test_few_labels_do_not_make_a_training_short(material):
    """Half a per cent of three squares of 72 x 72 are one step; forty epochs had forty."""
    few = ("train.share=0.005", "train.steps=null", "train.min_steps=100")
    assert material(*few).steps == 100
    assert material(*few, "train.share=1").steps == -(-3 * 72**2 // 128)
    assert material(*few, "train.steps=4").steps == 4
    assert material(*few, "train.min_steps=0").steps == 1


def test_patch_mode_draws_as_many_pixels_as_its_steps_take(material):
    """Each is seen once an epoch; where fewer are labelled these, more often."""
    few = ("train.mode=patch", "train.share=0.005", "train.steps=null", "train.min_steps=100")
    labelled = 3 * 72**2
    assert material(*few).training_size == 100 * 128
    assert material(*few).steps == 100
    assert material(*few, "train.batch=256").training_size == labelled
    assert material(*few, "train.batch=256").steps == 100  # over the same pixels again
    assert material(*few, "train.steps=200").training_size == 100 * 128  # each is seen twice
    assert material(*few, "train.steps=200").steps == 200


@pytest.mark.parametrize("mode", ["grid", "patch"])
def test_an_epoch_has_two_hundred_steps_by_default_however_little_is_labelled(
    mode, small, material, monkeypatch
):
    """Six pixels of one square: they are seen again and again."""
    plain = [key for key in small if not key.startswith(("train.steps", "train.min_steps"))]
    quick = ["train.batch=2", "train.windows=1", "train.grid=2", f"train.mode={mode}"]
    setting = Material(material().dataset, Configuration(compose("train", [*plain, *quick])).run)
    region = setting.dataset.regions("train")[0]
    labels = np.full_like(region.read(), IGNORE)
    labels[30, 30:36] = 0, 0, 0, 1, 1, 1
    few = (replace(region, read=lambda: labels),)
    for module in ("data.windows", "training.material.material"):
        monkeypatch.setattr(f"fibsem.{module}.labelled_regions", lambda *_: few)
    batches, steps = epoch_batches(setting, 0)
    drawn = list(batches())
    assert steps == len(drawn) == 200
    assert all((weights > 0).any() for _, _, weights in drawn)


@pytest.mark.parametrize(
    "given",
    [["train.mode=patch"], ["train.mode=grid"], ["model=unet"],
     ["model=3dcnn", "nbhd=11x11x5", "train.mode=grid"]],
    ids=["patch", "grid", "unet", "3dcnn"],
)  # fmt: skip
def test_a_step_is_given_windows_of_the_shape_that_is_told(material, given):
    found = material(*given)
    batches, _ = epoch_batches(found, 0)
    images, *_ = next(iter(batches()))
    assert images.shape == (*found.step_shape, found.config.spec.nbhd.z)


def test_windows_of_a_network_on_squares_can_move_about_each_of_them(material):
    """Of squares as large as the windows there was one picture of each, to be learned by heart."""
    found = material("model=unet", "train.grid=72", "train.windows=2")
    assert found.grid.size == LARGEST
    rng = np.random.default_rng(0)
    places = found.supply(0).draw(400, found.grid.extent(1), rng)
    for k, window in enumerate(found.train):
        rows = [y for number, y, _ in places if number == k]
        assert min(window.labels.shape) - found.grid.size >= 2 * CONTEXT
        assert max(rows) - min(rows) > CONTEXT
    fixed = material("model=unet", "train.grid=72", "train.windows=2", "train.frame=0")
    assert {window.labels.shape for window in fixed.train} == {(LARGEST, LARGEST)}
    assert material("model=2dcnn").config.train.frame == 0
