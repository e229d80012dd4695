"""The dataset that a configuration names."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from fibsem.config import Configuration, DataConfig, compose, read
from fibsem.data import phantom
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.split import SPLITS, SplitRecipe
from fibsem.data.volumes import ArrayVolume
from fibsem.errors import UserError
from fibsem.training.material import datasets
from fibsem.training.material.datasets import look_at, obtain, phantom_recipe
from tests.conftest import TINY


def named(*overrides):
    return read(DataConfig, compose("train", list(overrides))["data"], "data")


def test_a_phantom_that_is_there_is_opened_and_not_simulated(tiny, tmp_path, capsys):
    (tmp_path / "phantom").symlink_to(tiny)
    dataset = obtain(named("data=phantom", f"data.root={tmp_path}"), SplitRecipe())
    assert dataset.name == "phantom"
    assert [sample.name for sample in dataset.samples] == ["HPC45"]
    said = capsys.readouterr().out
    assert "simulating" not in said
    assert "phantom was simulated with another samples" in said  # three films, usually


def test_a_root_that_is_a_dataset_itself_is_said(tiny, tmp_path, capsys):
    """Whoever means data.path and types data.root gets the figures of a simulated film."""
    (tmp_path / "phantom").symlink_to(tiny)
    given = named("data=phantom", f"data.root={tmp_path}")
    assert obtain(given, SplitRecipe()).name == "phantom"
    assert "is a dataset itself" not in capsys.readouterr().err
    (tmp_path / "dataset.yaml").write_text((tiny / "dataset.yaml").read_text())
    assert obtain(given, SplitRecipe()).name == "phantom"
    assert f"is a dataset itself, which data.path={tmp_path} takes" in capsys.readouterr().err


def test_a_dataset_that_was_simulated_into_the_root_of_all_is_no_matter(
    tiny, tmp_path, capsys, monkeypatch
):
    """``simulate output=data`` leaves a manifest where those of phantoms lie in folders."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "phantom").symlink_to(tiny)
    (tmp_path / "data" / "dataset.yaml").write_text((tiny / "dataset.yaml").read_text())
    assert obtain(named("data=phantom"), SplitRecipe()).name == "phantom"
    assert "is a dataset itself" not in capsys.readouterr().err


def test_a_dataset_in_the_users_home_is_named_as_in_a_shell(tiny, monkeypatch):
    """Bash leaves ``data.path=~/film`` as it is, since the key has a point."""
    monkeypatch.setenv("HOME", str(tiny.parent))
    dataset = obtain(named(f"data.path=~/{tiny.name}"), SplitRecipe())
    assert dataset.samples[0].volume.path.is_relative_to(tiny)


def test_a_phantom_is_a_recipe_of_the_configuration():
    assert phantom_recipe("demo").shape < phantom_recipe("default").shape
    with pytest.raises(UserError, match="must be one of default, demo, full, but got tiny"):
        phantom_recipe("tiny")


@pytest.fixture
def simulated(monkeypatch):
    """Folders into which a tiny phantom is simulated, in turn."""
    folders = []

    def counting(recipe, folder, **more):
        folders.append(folder)
        return phantom.simulate(recipe, folder, **more)

    monkeypatch.setattr(datasets, "simulate", counting)
    monkeypatch.setattr(datasets, "phantom_recipe", lambda name: TINY)
    return folders


def config(root):
    return DataConfig(name="tiny", root=str(root), phantom="demo")


def test_first_starts_at_once_simulate_a_phantom_once(simulated, tmp_path, tiny):
    found, barrier = [], threading.Barrier(3)

    def start():
        barrier.wait()
        found.append(obtain(config(tmp_path), SplitRecipe()).hash)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(simulated) == 1
    assert len(found) == 3
    assert len(set(found)) == 1


def test_a_phantom_of_another_recipe_is_taken_and_said(simulated, tmp_path, capsys, monkeypatch):
    first = obtain(config(tmp_path), SplitRecipe())
    assert "simulating" in capsys.readouterr().out
    monkeypatch.setattr(datasets, "phantom_recipe", lambda name: replace(TINY, seed=5))
    again = obtain(config(tmp_path), SplitRecipe())
    assert again.hash == first.hash
    assert "with another seed (1, now 5)" in capsys.readouterr().out
    assert len(simulated) == 1


def test_a_part_that_is_needed_and_empty_is_refused_before_anything_is_learnt(tiny, capsys):
    dataset = load_dataset(tiny)
    sample = dataset.samples[0]
    rest = tuple(region for region in sample.regions if region.split != "test")
    untested = replace(dataset, samples=(replace(sample, regions=rest),))
    look_at(dataset, SPLITS)
    assert "no test squares" not in capsys.readouterr().err
    look_at(untested)
    said = capsys.readouterr().err
    assert "has no test squares: nothing can be evaluated or promoted; a column `split`" in said
    with pytest.raises(UserError, match=r"must have labelled test regions.* a column `split`"):
        look_at(untested, SPLITS)


@pytest.mark.parametrize("look_through", [0, datasets.LOOKED_THROUGH])
def test_what_is_odd_of_labels_is_said_of_large_films_too(tiny, capsys, monkeypatch, look_through):
    monkeypatch.setattr(datasets, "LOOKED_THROUGH", look_through)
    dataset = load_dataset(tiny)
    sample = dataset.samples[0]
    inverted = [
        replace(region, read=lambda read=region.read: 1 - read()) for region in sample.regions
    ]
    unlike = sample.volume.whole()
    unlike[2] = unlike[2] // 4
    film = ArrayVolume(unlike, value_range=sample.volume.declared)
    look_at(dataset)
    assert "warning" not in capsys.readouterr().err
    odd = replace(sample, regions=tuple(inverted), volume=film)
    look_at(replace(dataset, samples=(odd,)))
    said = capsys.readouterr().err
    assert "are the values of `classes` exchanged?" in said
    assert ("slice 2 is darker" in said) == bool(look_through)


@pytest.mark.parametrize(
    ("part", "name", "what"),
    [
        ("val", "validation", "which network is best hangs on them"),
        ("test", "test", "what is measured of the best one hangs on them"),
    ],
)
def test_few_pixels_of_a_class_are_said_before_anything_is_learnt(tiny, capsys, part, name, what):
    dataset = load_dataset(tiny)
    look_at(dataset)
    assert "pixels of class" not in capsys.readouterr().err
    sample = dataset.samples[0]
    labels = np.ones((72, 72), np.uint8)
    labels[0, :30] = 0
    regions = tuple(
        replace(region, read=labels.copy) if region.split == part else region
        for region in sample.regions
    )
    look_at(replace(dataset, samples=(replace(sample, regions=regions),)))
    said = capsys.readouterr().err
    number = 30 * sum(region.split == part for region in regions)
    assert f"{name} squares of {dataset.name} have {number} pixels of class pore: {what}" in said
    assert said.count("pixels of class") == 1


@pytest.mark.parametrize(
    ("given", "rows", "said"),
    [
        (
            ["train=sgd"],
            1,
            "a pixel of class pore weighs 36 in the loss, and a step hangs on a few",
        ),
        (["train=sgd"], 4, None),  # 9 times as heavy
        (["train=sgd", "train.rare_windows=null"], 1, None),
        (["train=sgd", "train.mode=patch"], 1, None),
        ([], 1, None),
    ],
)
def test_a_rare_class_that_weighs_more_than_the_heaviest_is_said(tiny, capsys, given, rows, said):
    dataset = load_dataset(tiny)
    sample = dataset.samples[0]
    labels = np.ones((72, 72), np.uint8)
    labels[:rows] = 0
    regions = tuple(replace(region, read=labels.copy) for region in sample.regions)
    config = Configuration(compose("train", [f"data.path={tiny}", "nbhd=33x33x3", *given])).run
    look_at(replace(dataset, samples=(replace(sample, regions=regions),)), configs=[config])
    told = capsys.readouterr().err
    assert ("weighs" in told) == (said is not None)
    if said:
        assert said in told
        assert "they are 1.4 % of what is labelled for training in" in told
        assert "train.rare_windows=null" in told


@pytest.mark.parametrize(("more", "said"), [(-1, False), (1, True)])
def test_a_network_that_is_deeper_than_the_film_is_said(tiny, capsys, more, said):
    dataset = load_dataset(tiny)
    depth = dataset.samples[0].volume.shape[0]
    n_z = depth + more if depth % 2 == 0 else depth + 1 + more
    config = Configuration(compose("train", [f"data.path={tiny}", f"nbhd=9x9x{n_z}"])).run
    look_at(dataset, configs=[config])
    told = f"networks see {n_z} slices at once, and it has {depth}; "
    assert (told in capsys.readouterr().err) == said
