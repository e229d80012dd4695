"""Simulated films are tilted along x, the published ones along y: mirrored films tell."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.config import Configuration, compose
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.samples import Sample
from fibsem.data.doubts.tilt import left_in
from fibsem.data.phantom import simulate
from fibsem.data.volumes import ArrayVolume
from fibsem.training.material.datasets import look_at
from tests.conftest import TINY


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A simulated film in the layout of the published archive, by whose x rows are counted."""
    folder = tmp_path_factory.mktemp("archive") / "films"
    simulate(TINY, folder, layout="archive")
    return load_dataset(folder)


@pytest.fixture
def mirrored(archive):
    """The film with rows and columns exchanged, and with them its tilt."""
    sample = archive.samples[0]
    turned = np.ascontiguousarray(sample.volume.whole().transpose(0, 2, 1))
    return replace(sample, volume=ArrayVolume(turned), regions=(), extent=None)


def test_a_film_that_is_corrected_along_its_tilt_is_no_matter(archive, mirrored):
    assert list(left_in(archive.samples[0], "x")) == []
    assert list(left_in(mirrored, "y")) == []
    assert list(left_in(mirrored, "none")) == []


def test_a_tilt_along_the_other_axis_is_said_with_what_takes_it_out(archive, mirrored):
    for sample, gradient, other in ((archive.samples[0], "y", "x"), (mirrored, "x", "y")):
        [said] = left_in(sample, gradient)
        assert f"% along {other}, but preprocess.gradient={gradient} corrects {gradient}" in said
        assert said.endswith(f"preprocess.gradient={other} is the other choice")


def test_it_is_said_before_anything_is_learnt(archive, capsys):
    for axis, said in (("y", True), ("x", False)):
        config = Configuration(compose("train", [f"preprocess.gradient={axis}"])).run
        look_at(archive, configs=[config])
        assert ("preprocess.gradient=x is the other choice" in capsys.readouterr().err) == said


def test_a_film_of_even_light_is_no_matter():
    """Pores that lie to one side change its mean by a few per cent."""
    rng = np.random.default_rng(0)
    even = np.clip(120 + 20 * rng.standard_normal((6, 80, 90)), 1, 254)
    even[:, :40] *= 0.97
    assert list(left_in(Sample("a", ArrayVolume(even.astype(np.uint8))), "x")) == []
