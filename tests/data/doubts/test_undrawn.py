"""Areas that nobody drew are said where they count as a class."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.samples import Sample
from fibsem.data.dataset.split import SplitRecipe
from fibsem.data.doubts.doubts import of_labels
from fibsem.data.doubts.undrawn import Strip, strip_of, undrawn
from fibsem.data.volumes import ArrayVolume
from tests.data.doubts.test_placing import GREY, SOLID, porous, sample


def only(shown, rest=0):
    """Labels where they are drawn, another value elsewhere."""
    mask = np.zeros(SOLID.shape, bool)
    mask[shown] = True
    return np.where(mask, SOLID, np.uint8(rest))


UNDRAWN = {
    "every sixth slice": np.s_[::6],
    "half of every slice": np.s_[:, :32],
    "a part of every square": np.s_[:, :, :80],
    "the lower rows": np.s_[:, 20:],
}


@pytest.mark.parametrize("shown", UNDRAWN.values(), ids=UNDRAWN)
@pytest.mark.parametrize(("rest", "said"), [(0, "are pore alone"), (1, "are solid alone")])
def test_what_was_not_drawn_is_said(shown, rest, said):
    (line,) = undrawn(sample(only(shown, rest)))
    assert said in line
    assert "were they never drawn?" in line


def test_every_second_square_is_empty():
    regions = list(sample(SOLID).regions)
    for k, region in enumerate(regions[::2]):
        regions[2 * k] = replace(region, read=lambda: np.zeros((32, 32), np.uint8))
    (line,) = of_labels(Sample("film", ArrayVolume(GREY), tuple(regions)))
    assert "areas of 36 of 72 squares looked at are pore alone" in line


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_said_of_films_that_are_drawn(seed):
    grey, solid = porous(seed)
    assert list(undrawn(sample(solid, grey=grey))) == []


def test_nor_of_what_is_ignored():
    assert list(undrawn(sample(only(np.s_[:, :32], IGNORE)))) == []


def test_nor_of_wide_areas_that_are_what_they_are_said_to_be():
    """A crack and a grain through the film, of which the grey values show one class each."""
    rng = np.random.default_rng(0)
    solid = SOLID.copy()
    solid[:, :24], solid[:, 40:] = 0, 1
    grey = np.clip(np.where(solid, 150, 90) + rng.normal(0, 25, solid.shape), 0, 255)
    assert list(undrawn(sample(solid, grey=grey.astype(np.uint8)))) == []


def test_nor_of_a_phantom(tiny):
    assert [s for one in load_dataset(tiny, SplitRecipe()).samples for s in undrawn(one)] == []


def test_the_largest_strip_is_taken():
    labels = np.ones((64, 64), np.uint8)
    labels[40, 20] = 0
    assert strip_of(labels) == Strip(1, slice(None), slice(21, 64))
    labels[::9, ::9] = 0
    assert strip_of(labels) is None
