import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.sampling import (
    LATTICE,
    balanced_pixels,
    cut_patches,
    dihedral,
    lattice_pixels,
    sample_size,
)
from fibsem.data.windows import load_windows
from fibsem.errors import UserError
from fibsem.geometry import Box


def windows_of(shapes, share, seed=0):
    """Random labels with a share of pores and some pixels that nobody labelled."""
    rng = np.random.default_rng(seed)
    made = []
    for shape in shapes:
        labels = (rng.random(shape) > share).astype(np.uint8)
        labels[rng.random(shape) < 0.1] = IGNORE
        made.append(labels)
    return made


@pytest.mark.parametrize(
    ("pixels", "share", "size"),
    [(11_796_480, 0.005, 58_982), (3_932_160, 0.005, 19_660), (11_796_480, 0.01, 117_964)],
)
def test_sample_sizes_of_the_study(pixels, share, size):
    """Thesis 3.3: 2 floor(share N / 2)."""
    assert sample_size(pixels, share) == size


@given(st.integers(1, 60), st.floats(0.05, 0.95), st.integers(0, 99))
def test_a_draw_is_balanced_and_tells_the_truth(half, share, seed):
    labels = windows_of([(20, 30), (16, 16), (40, 9)], share)
    pixels = balanced_pixels(labels, 2 * half, np.random.default_rng(seed))
    assert len(pixels) == 2 * half
    assert (pixels.label == 1).sum() == half
    for w, y, x, label in zip(pixels.window, pixels.y, pixels.x, pixels.label, strict=True):
        assert labels[w][y, x] == label
    places = set(zip(pixels.window, pixels.y, pixels.x, strict=True))
    enough = min(sum((w == v).sum() for w in labels) for v in (0, 1)) >= half
    assert not enough or len(places) == 2 * half  # without replacement


def test_pixels_are_pooled_over_windows():
    """A large window gives more pixels than a small one."""
    labels = windows_of([(100, 100), (10, 10)], 0.5)
    pixels = balanced_pixels(labels, 2000, np.random.default_rng(0))
    assert (pixels.window == 0).mean() == pytest.approx(10000 / 10100, abs=0.01)


@given(st.integers(1, 40), st.floats(0.1, 0.9), st.integers(0, 99))
def test_lattice_pixels_lie_on_lattices_and_are_balanced(half, share, seed):
    labels = windows_of([(70, 90), (128, 64), (17, 33)], share)
    sample = lattice_pixels(labels, 2 * half, np.random.default_rng(seed))
    assert (sample.pixels.label == 1).sum() == (sample.pixels.label == 0).sum() <= half
    for k in range(len(sample)):
        lattice = sample.lattices[sample.member[k]]
        y = lattice.y + LATTICE * sample.row[k]
        x = lattice.x + LATTICE * sample.column[k]
        assert (sample.pixels.window[k], sample.pixels.y[k], sample.pixels.x[k]) == (
            lattice.window, y, x,
        )  # fmt: skip
        assert labels[lattice.window][y, x] == sample.pixels.label[k]
    assert len(
        {(*p,) for p in zip(sample.pixels.window, sample.pixels.y, sample.pixels.x, strict=True)}
    ) == len(sample)


def test_lattice_pixels_are_as_many_as_asked_for_where_there_are_enough():
    labels = windows_of([(256, 256)] * 4, 0.4)
    assert len(lattice_pixels(labels, 1310, np.random.default_rng(0))) == 1310


def test_one_class_only_is_refused():
    one = [np.ones((8, 8), np.uint8)]
    for draw in (balanced_pixels, lattice_pixels):
        with pytest.raises(UserError, match="both classes"):
            draw(one, 4, np.random.default_rng(0))


@pytest.fixture(scope="module")
def films(tiny):
    dataset = load_dataset(tiny)
    volumes = {
        s.name: CorrectedVolume(s.volume, fit_correction(s.volume, Recipe()))
        for s in dataset.samples
    }
    return dataset, volumes


def test_patches_are_the_neighbourhoods_of_their_pixels(films):
    """Also at the border of the volume, where neighbourhoods are mirrored."""
    dataset, volumes = films
    windows = load_windows(dataset, "train", volumes, (2, 16, 16))
    rng = np.random.default_rng(3)
    pixels = balanced_pixels([w.labels for w in windows], 40, rng)
    patches = cut_patches(windows, pixels, (33, 33))
    assert patches.shape == (40, 33, 33, 5)
    for k in range(40):
        region = windows[pixels.window[k]].region
        z, y, x = (
            a + b for a, b in zip(region.box.start, (0, pixels.y[k], pixels.x[k]), strict=True)
        )
        around = Box((z, y, x), (z + 1, y + 1, x + 1)).grow((2, 16, 16))
        expected = np.moveaxis(volumes[region.sample].read(around), 0, -1)
        np.testing.assert_array_equal(patches[k], expected)


def test_windows_grow_to_an_extent_with_unlabelled_pixels(films):
    dataset, volumes = films
    (window,) = load_windows(dataset, "val", volumes, (0, 2, 2), at_least=100)
    assert window.labels.shape == (100, 100)
    assert window.image.shape == (104, 104, 1)
    assert (window.labels[72:] == IGNORE).all()
    assert (window.labels[:, 72:] == IGNORE).all()


def test_eight_symmetries_are_a_group():
    image = np.random.default_rng(0).random((5, 5, 2))
    turned = {dihedral(image, k).tobytes() for k in range(8)}
    assert len(turned) == 8
    for a in range(8):
        for b in range(8):
            assert dihedral(dihedral(image, a), b).tobytes() in turned
        np.testing.assert_array_equal(dihedral(image, a)[2, 2], image[2, 2])  # the centre stays
