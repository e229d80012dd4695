"""Variations of windows: each does what it says, and as much, to image and labels alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.data.dataset.labels import IGNORE
from fibsem.training.material.augmentation import Augmentation, Bend
from fibsem.training.material.feeding import epoch_batches


def rng(seed=0):
    return np.random.default_rng(seed)


def images(count=200, side=8, slices=2):
    return rng(1).normal(0.5, 1.0, (count, side, side, slices)).astype(np.float32)


def test_shifts_are_of_whole_images_with_their_probability():
    empty = np.zeros((4000, 3, 3, 2), np.float32)
    shifted = Augmentation(True, 0.3, 0.25).intensity(empty, rng())
    first = shifted[:, 0, 0, 0]
    assert (shifted == first[:, None, None, None]).all()
    assert (first != 0).mean() == pytest.approx(0.25, abs=0.03)
    assert first[first != 0].std() == pytest.approx(0.3, rel=0.1)
    assert Augmentation(True, 0.3, 0.0).intensity(empty, rng()) is empty


def test_contrast_stretches_each_image_about_its_mean():
    before = images()
    after = Augmentation(contrast_sd=0.2).intensity(before.copy(), rng())
    axes = (1, 2, 3)
    np.testing.assert_allclose(after.mean(axes), before.mean(axes), atol=1e-5)
    factor = np.log(after.std(axes) / before.std(axes))
    assert factor.std() == pytest.approx(0.2, rel=0.15)
    assert factor.mean() == pytest.approx(0, abs=0.05)


def test_noise_is_white_and_of_another_strength_in_each_image():
    before = images()
    added = Augmentation(noise_sd=0.5).intensity(before.copy(), rng()) - before
    strength = added.std((1, 2, 3))
    assert strength.max() < 0.7
    assert strength.mean() == pytest.approx(0.25, rel=0.15)
    assert np.corrcoef(added[:, :, :-1].ravel(), added[:, :, 1:].ravel())[0, 1] < 0.02


def test_a_blur_is_in_the_plane_alone():
    point = np.zeros((50, 9, 9, 3), np.float32)
    point[:, 4, 4, 1] = 1
    after = Augmentation(blur_px=1.0).intensity(point.copy(), rng())
    assert (after[..., [0, 2]] == 0).all()
    np.testing.assert_allclose(after.sum((1, 2, 3)), 1, atol=1e-3)
    assert after[:, 4, 4, 1].min() < 0.3 < after[:, 4, 4, 1].max()


RAMP = np.stack(np.meshgrid(*[np.arange(64)] * 2, indexing="ij"), axis=-1).astype(np.float32)


@given(st.integers(0, 99), st.floats(0, 6), st.sampled_from([1, 2]), st.integers(0, 9))
def test_labels_are_bent_as_their_image(seed, sd_px, stride, before):
    """An image of its own coordinates, and labels of them, on a region that reaches everywhere."""
    bend = Bend.drawn(64, sd_px, rng(seed))
    seen = bend.image(RAMP)
    count = (64 - 2 * before) // stride
    for axis in (0, 1):
        region = RAMP[..., axis].astype(np.uint8)
        found = bend.labels(region, (before, before), before, count, stride)
        at = slice(before, before + stride * count, stride)
        within = found != IGNORE
        assert within.any()
        assert np.abs(seen[at, at, axis][within] - found[within]).max() <= 0.5 + 1e-4


def test_what_is_bent_in_from_outside_is_not_labelled():
    still = Bend(np.zeros((8, 8), np.float32), np.zeros((8, 8), np.float32))
    down = Bend(np.full((8, 8), 3, np.float32), np.zeros((8, 8), np.float32))
    region = np.arange(16, dtype=np.uint8).reshape(4, 4) % 2
    assert (still.labels(region, (0, 0), 2, 4, 1) == region).all()
    assert (down.labels(region, (0, 0), 2, 4, 1)[1:] == IGNORE).all()
    assert (down.labels(region, (0, 0), 2, 4, 1)[0] == region[3]).all()


@given(st.integers(0, 99))
def test_a_fixed_pixel_stays_and_others_move_smoothly(seed):
    bend = Bend.drawn(33, 2.0, rng(seed), fixed=16)
    assert bend.dy[16, 16] == bend.dx[16, 16] == 0
    assert np.abs(bend.dy).max() > 0
    assert np.abs(np.diff(bend.dy, axis=0)).max() < 1


@pytest.mark.parametrize("mode", ["grid", "patch"])
@pytest.mark.parametrize("key", ["contrast_sd", "noise_sd", "blur_px", "elastic_px"])
def test_every_strength_reaches_the_batches_and_none_reaches_statistics(key, mode, material):
    def batch(*more, **how):
        setting = material(f"train.mode={mode}", "train.steps=1", *more)
        return next(epoch_batches(setting, 0)[0](**how))[0]

    assert np.abs(batch() - batch(f"train.{key}=2.0")).max() > 0.01
    if mode == "grid":
        plain, varied = (batch(*more, as_scored=True) for more in ((), (f"train.{key}=2.0",)))
        np.testing.assert_array_equal(plain, varied)
