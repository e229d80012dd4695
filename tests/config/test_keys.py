"""Every key of ``conf/`` is a text in all files or in none, and where it may be null it is told."""

import pytest
import yaml

from fibsem.config import CONF, compose
from fibsem.config.keys import check_keys, leaves, text_keys
from fibsem.errors import UserError

COMMANDS = sorted(file.stem for file in CONF.glob("*.yaml") if file.stem != "base")
#: Keys that hold no text and may be null: numbers, lists of them, true or false.
NUMBER_OR_NULL = {
    "certificate", "final.max_seconds", "final.steps", "max_seconds_per_gigapixel",
    "model.blocks", "model.dense_width", "model.dropout", "model.filters", "model.z_pools",
    "postprocessing.threshold_start", "postprocessing.threshold_stop",
    "range", "search.constraints", "search.max_seconds", "search.memory_gib", "slab",
    "space.axes.train.momentum", "segmentation.certificate", "segmentation.tile", "tile",
    "train.grid", "train.learning_rate", "train.max_seconds", "train.rare_windows", "train.steps",
    "train.windows", "voxel_nm", "z",
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_is_a_text_or_it_is_none(command):
    """A key that is null belongs here: into :data:`NUMBER_OR_NULL`, or it is a text, ``""``."""
    for key, value in ((".".join(path), leaf) for path, leaf in leaves(compose(command))):
        if key == "command":
            continue
        assert not (key in text_keys() and isinstance(value, bool | int | float)), key
        if isinstance(value, str):
            assert key in text_keys(), key
        elif value is None:
            assert (key in text_keys()) != (key in NUMBER_OR_NULL), key


def test_a_key_is_a_text_in_every_file_or_in_none():
    found = {}
    for file in CONF.rglob("*.yaml"):
        source = file.read_text()
        group = (
            () if source.startswith("# @package _global_") else file.parent.relative_to(CONF).parts
        )
        for path, value in leaves(yaml.safe_load(source)):
            taken = isinstance(value, str) and value.startswith("${")
            if value is not None and not taken and path[0] != "hydra":
                found.setdefault((*group, *path), set()).add(isinstance(value, str))
    assert {path for path, kinds in found.items() if len(kinds) > 1} == set()


@pytest.mark.parametrize("words", [
    ["--cfg", "job"], ["-m", "seed=1,2"], ["hydra.job.name=a"], ["--config-dir=conf"],
    ["+space.axes.seed=[1,2]"], ["~space.axes.model"], ["search={trials: 3}"],
    ["-m", "experiment=[smoke],[quick,thesis],quick"],
])  # fmt: skip
def test_options_of_hydra_are_no_keys(words):
    check_keys("sweep", words)


@pytest.mark.parametrize("word", ["volume=a", "volume.x=a", "+volume=a", "model@x=2dcnn"])
def test_a_key_of_another_command_is_none(word):
    with pytest.raises(UserError, match="a key must be one that the command has"):
        check_keys("sweep", [word])


def test_an_experiment_adds_its_keys_to_a_command():
    """One line of options serves several commands; without the experiment the key is none."""
    options = ["experiment=quick", "candidates=3"]
    assert compose("train", options)["candidates"] == 3
    assert compose("train", ["experiment=thesis", "thesis.mv2dcnn.batch=9"])["thesis"]
    with pytest.raises(UserError, match="a key must be one that the command has, but got 'cand"):
        compose("train", options[1:])
    with pytest.raises(UserError, match="a key must be one that the command has, but got 'volume"):
        compose("train", [*options, "volume=a"])
