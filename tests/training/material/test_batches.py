"""Batches: every pixel with its own class, whatever the augmentation, the mode and the window."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.config.epochs import steps_per_epoch
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.data.sampling import balanced_pixels
from fibsem.data.windows import LabelledWindow
from fibsem.geometry import Box, Nbhd
from fibsem.models.spec import resolve
from fibsem.training.material.augmentation import Augmentation
from fibsem.training.material.batches import grid_epoch, patch_epoch
from fibsem.training.material.feeding import epoch_batches
from fibsem.training.material.grids import GridShape
from fibsem.training.material.supply import Supply

SPEC = resolve("2dcnn", Nbhd(1, 33, 33), "valid", {})
HALO = SPEC.halo


def window(seed, extent=96):
    """A window whose picture is its own labels, so that any mix-up shows."""
    labels = (np.random.default_rng(seed).random((extent, extent)) > 0.3).astype(np.uint8)
    image = np.pad(labels.astype(np.float32), HALO[1], constant_values=-1.0)[..., None]
    box = Box((seed, 0, 0), (seed + 1, extent, extent))
    return LabelledWindow(Region("a", str(seed), box, "train", labels.copy), image, labels, HALO)


WINDOWS = [window(1), window(2)]
PIXELS = balanced_pixels([w.labels for w in WINDOWS], 300, np.random.default_rng(0))
EIGHTFOLD = Augmentation()


def test_every_patch_has_the_class_of_its_centre():
    seen = 0
    for images, labels, weights in patch_epoch(WINDOWS, PIXELS, SPEC, 64, 5, EIGHTFOLD, (0, 0)):
        assert images.shape == (64, 33, 33, 1)
        assert labels.shape == (64, 1, 1, 1)
        assert (weights == 1).all()
        np.testing.assert_array_equal(images[:, 16, 16, 0], labels[:, 0, 0, 0])
        seen += 64
    assert seen == 64 * steps_per_epoch(300, 64) == 320


def patches(seed, steps=3):
    plain = Augmentation(symmetry=False)
    batches = patch_epoch(WINDOWS, PIXELS, SPEC, 100, steps, plain, (0, seed))
    return [patch.tobytes() for images, *_ in batches for patch in images]


def test_an_epoch_sees_every_drawn_pixel():
    first, again = patches(0), patches(1)
    assert len(set(first)) > 290  # all different but for chance
    assert sorted(first) == sorted(again)
    assert first != again  # in another order


def test_a_longer_epoch_sees_them_again_as_often_and_in_other_orders():
    """A budget sets its steps: with as many as see every pixel once, it would validate all day."""
    once, many = patches(0), patches(0, steps=10)
    passes = [many[k : k + 300] for k in (0, 300, 600)]
    assert passes[0] == once
    assert sorted(passes[1]) == sorted(passes[2]) == sorted(once)
    assert passes[0] != passes[1] != passes[2]
    assert len(many) == 1000
    assert patches(0, steps=2) == once[:200]


def test_every_grid_pixel_has_the_class_where_the_network_looks():
    batches = grid_epoch(
        Supply.evenly(WINDOWS), SPEC, GridShape(5, 4), 6, (1.0, 2.0), EIGHTFOLD, (0, 0)
    )
    side = 33 + SPEC.stride * 3
    for images, labels, weights in batches:
        assert images.shape == (5, side, side, 1)
        assert labels.shape == (5, 4, 4, 1)
        centres = images[:, 16 : 16 + 3 * SPEC.stride + 1 : SPEC.stride, 16 :: SPEC.stride][
            :, :4, :4
        ]
        np.testing.assert_array_equal(centres, labels)
        np.testing.assert_array_equal(weights, np.where(labels[..., 0] == 1, 2.0, 1.0))


def test_pixels_that_nobody_labelled_weigh_nothing():
    hidden = window(3)
    hidden.labels[:, ::3] = IGNORE
    plain = Augmentation(symmetry=False)
    total = ignored = 0
    for _, labels, weights in grid_epoch(
        Supply.evenly([hidden]), SPEC, GridShape(4, 8), 8, (3.0, 1.0), plain, (0,)
    ):
        total += weights.size
        ignored += int((weights == 0).sum())
        assert set(np.unique(weights)) <= {0.0, 1.0, 3.0}
        assert (labels[weights == 0] == 0).all()
    assert 0 < ignored < total


def test_grids_reach_every_place_of_a_window_up_to_its_border():
    """Of 3 x 3 places, told by the labels' own numbers; the smallest window has a single one."""
    extent = SPEC.stride * 3 + 1
    for places in (1, 3):
        tight = window(4, extent + places - 1)
        batches = grid_epoch(
            Supply.evenly([tight]), SPEC, GridShape(8, 4), 8, (1, 1), Augmentation(False), (0,)
        )
        seen = {image.tobytes() for images, *_ in batches for image in images}
        assert len(seen) == places**2


@pytest.mark.parametrize("mode", ["patch", "grid"])
def test_an_epoch_is_a_function_of_seed_and_number(mode):
    def epoch(*seed):
        augmentation = Augmentation(True, 0.2, 0.5)
        if mode == "patch":
            batches = patch_epoch(WINDOWS, PIXELS, SPEC, 64, 5, augmentation, seed)
        else:
            batches = grid_epoch(
                Supply.evenly(WINDOWS), SPEC, GridShape(4, 4), 3, (1, 1), augmentation, seed
            )
        return b"".join(part.tobytes() for batch in batches for part in batch)

    assert epoch(0, 3) == epoch(0, 3)
    assert len({epoch(0, 3), epoch(0, 4), epoch(1, 3)}) == 3


def test_bent_windows_keep_their_labels():
    """Stripes of twelve pixels: image and label agree where the network looks, but for rims."""
    stripes = np.kron(np.arange(8) % 2, np.ones(12)).astype(np.uint8)
    labels = np.tile(stripes, (96, 1))
    image = np.pad(labels.astype(np.float32), HALO[1], mode="edge")[..., None]
    box = Box((0, 0, 0), (1, 96, 96))
    striped = LabelledWindow(Region("a", "0", box, "train", labels.copy), image, labels, HALO)
    bent = Augmentation(elastic_px=4.0)
    agree = []
    for images, solid, weights in grid_epoch(
        Supply.evenly([striped]), SPEC, GridShape(16, 8), 4, (1, 1), bent, (0,)
    ):
        centres = images[:, 16 : -16 : SPEC.stride, 16 : -16 : SPEC.stride]
        agree.append(((centres > 0.5) == (solid == 1))[weights > 0])
    assert np.concatenate(agree).mean() > 0.99
    assert ((centres > 0) & (centres < 1)).any()  # they were bent


@pytest.mark.parametrize(("samples", "steps"), [(58_982, 461), (117_964, 922), (589_820, 4608)])
def test_steps_of_the_study(samples, steps):
    assert steps_per_epoch(samples) == steps


@pytest.mark.parametrize("side", [32, 27])
@pytest.mark.parametrize("whole", [True, False])
def test_steps_of_a_unet_get_no_surroundings_but_what_fills_up_its_pools(side, whole):
    """Every labelled pixel lies on its own label; the whole surroundings only where asked for."""
    spec = resolve("unet", Nbhd(1, 33, 33), "valid", {})
    frame = spec.halo[1]
    images = np.stack([np.pad(w.labels, frame, constant_values=7) for w in WINDOWS])
    windows = [
        LabelledWindow(w.region, image.astype(np.float32)[..., None], w.labels, spec.halo)
        for w, image in zip(WINDOWS, images, strict=True)
    ]
    batches = grid_epoch(
        Supply.evenly(windows), spec, GridShape(3, side), 4, (1.0, 2.0), EIGHTFOLD, (0, 0),
        as_scored=whole,
    )  # fmt: skip
    for images, labels, weights in batches:
        seen = images[..., 0]
        if whole:
            assert images.shape[1] == side + 2 * frame
            assert labels.shape[1] == side
            seen = seen[:, frame:-frame, frame:-frame]
        else:
            assert images.shape[1] == labels.shape[1] == 32
        known = weights > 0
        assert known.sum() == 3 * side**2
        np.testing.assert_array_equal(seen[known], labels[..., 0][known])
        np.testing.assert_array_equal(weights[known], 1 + labels[..., 0][known])


def test_steps_on_small_squares_see_them_whole_and_what_is_around(material):
    """Squares of 72 lie in windows of 104, each in another place near the middle."""
    setting = material("model=unet", "model.blocks=2", "train.steps=6")
    assert setting.grid == GridShape(3, 104)
    starts = set()
    for images, _, weights in epoch_batches(setting, 0)[0]():
        assert images.shape[:3] == weights.shape == (3, 104, 104)
        for window in weights:
            for axis in (0, 1):
                labelled = np.flatnonzero(window.any(axis=axis))
                assert len(labelled) == 72
                assert 12 <= labelled[0] <= 20
                starts.add(int(labelled[0]))
    assert len(starts) > 4
    assert material("model=unet", "train.steps=6").grid == GridShape(3, 112)  # one more pool
    assert material("model=unet", "train.grid=64").grid == GridShape(2, 64)
    assert material().grid == GridShape(16, 8)


def epochs_of(form, windows, augmentation, share):
    """Inputs, labels and weights of an epoch, of which a teacher has a share."""
    if form == "patch":
        return patch_epoch(windows, PIXELS, SPEC, 64, 2, augmentation, (0,), teacher_share=share)
    spec, size = (
        (SPEC, 8) if form == "grid" else (resolve("unet", Nbhd(1, 33, 33), "valid", {}), 27)
    )
    images = [np.pad(w.labels.astype(np.float32), spec.halo[1])[..., None] for w in windows]
    grown = [
        replace(w, image=image, halo=spec.halo) for w, image in zip(windows, images, strict=True)
    ]
    return grid_epoch(
        Supply.evenly(grown), spec, GridShape(4, size), 3, (1.0, 2.0), augmentation, (0,),
        teacher_share=share,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["patch", "grid", "unet"])
@pytest.mark.parametrize("augmentation", [EIGHTFOLD, Augmentation(elastic_px=4.0)])
def test_a_teacher_is_turned_and_bent_as_labels_are(form, augmentation):
    """One who says the labels themselves teaches these, one who says the opposite the opposite."""
    rest = [replace(w, labels=np.where(np.eye(96), IGNORE, w.labels).astype("u1")) for w in WINDOWS]
    plain = list(epochs_of(form, rest, augmentation, 0.0))
    says = [w.labels.astype(np.float16) for w in WINDOWS]
    right = [replace(w, taught=own) for w, own in zip(rest, says, strict=True)]
    wrong = [replace(w, taught=1 - own) for w, own in zip(rest, says, strict=True)]
    for windows, share in ((right, 1.0), (right, 0.25), (wrong, 0.25), (wrong, 1.0)):
        for one, other in zip(plain, epochs_of(form, windows, augmentation, share), strict=True):
            (images, labels, weights), (theirs, targets, same) = one, other
            assert targets.dtype == np.float32
            np.testing.assert_array_equal(images, theirs)
            np.testing.assert_array_equal(weights, same)
            expected = labels if windows is right else labels + share * (1 - 2 * labels)
            here = weights[..., None] > 0
            np.testing.assert_array_equal(targets[here], expected[here])
            assert (targets[~here] == 0).all()


def test_a_share_without_a_teacher_is_no_training_on_labels():
    with pytest.raises(AssertionError):
        next(iter(epochs_of("grid", WINDOWS, EIGHTFOLD, 0.5)))
