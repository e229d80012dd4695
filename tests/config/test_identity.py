"""Every key of every command is placed: it belongs to the identity of results, or it does not.

A key that is added has to be put into one of the lists here, and what is said of it is tried.
"""

import copy
import json
from fnmatch import fnmatch
from functools import cache, partial

import pytest

from fibsem.config import (
    Configuration,
    compose,
    defaults_of,
    flat,
    output_folder,
    settings_hash,
    settings_of,
)
from fibsem.config.trees import READ_BY
from fibsem.errors import UserError
from fibsem.models.spec import MODELS
from fibsem.system.identity import Identity

#: Of every command: how much, where and how it is told; and the data, which their digests tell of.
ANYWHERE = ["command", "output", "overwrite", "tracking.*", "data.*"]
NETWORK = ["nbhd", "seed", "split.*", "sampling.*", "preprocess.*", "model.*", "train.*"]
#: How a sweep searches, and how much and how fast.
HOW = [
    "search.backend", "search.sampler", "search.objectives", "search.pruner*",
    "search.rungs", "search.population", "search.constraints",
    "search.startup_trials", "search.grid_points", "search.hyperband_epochs", "search.seed",
]  # fmt: skip
HOW_MUCH = [
    "search.trials", "search.max_seconds", "search.workers", "search.isolate", "search.retries",
    "search.max_failures", "search.heartbeat_s", "search.grace_s", "search.storage",
    "search.stall_s", "search.patience_s", "search.dry_run", "search.keep",
    "search.memory_gib",
]  # fmt: skip
#: A plan sets keys of the training; those count.
TIME = ["budget", "budget_is", "plan"]
SEARCH = [*HOW, *HOW_MUCH, "space.*"]

#: Keys by command: those of the identity, and the others; patterns as of files.
PLACED = {
    "train": (NETWORK, [*ANYWHERE, *SEARCH, *TIME]),
    "evaluate": ([*NETWORK, "evaluation.*"], [*ANYWHERE, *SEARCH, *TIME, "seeds", "compare"]),
    "sweep": ([*NETWORK, *HOW, "space.*", "study"], [*ANYWHERE, *HOW_MUCH, *TIME]),
    "promote": (
        ["split.*", "seed", "candidates", "ensemble", "ensemble_of", "rank.*", "final.*",
         "postprocessing.*"],
        # the trials say what theirs are; the gate may be another next time, and volumes follow it
        [*ANYWHERE, *SEARCH, *TIME, "nbhd", "sampling.*", "preprocess.*", "model.*", "train.*",
         "study",
         "max_seconds_per_gigapixel", "segment", "segmentation.*", "gate.*", "force", "rollback",
         "reason", "history"],
    ),
    "segment": (
        ["volume", "weights", "range", "voxel_nm", "format", "precision", "probabilities",
         "uncertainty", "valid", "missing", "min_volume_nm3", "pattern", "series", "sparse",
         "symmetry"],
        [*ANYWHERE, *SEARCH, *NETWORK, "estimate", "memory_gib", "slab", "tile", "previews",
         "certificate", "workers", "scheduler", "export"],
    ),
    "view": ([], ["command", "segmentation", "volume", "quantified", "z", "screenshot", "layers"]),
    "simulate": (["phantom.*", "layout"], ["command", "output", "overwrite"]),
    # what these find is never taken up again
    "quantify": ([], ["command", "output", "segmentation", "connectivity", "face", "blocks",
                      "block_voxels", "largest", "reach", "slab", "mesh", "mesh_cell", "maps",
                      "thickness", "draws", "voxel_nm"]),
    "inspect": ([], [*ANYWHERE, *SEARCH, *NETWORK]),
    "report": ([], [*ANYWHERE, *SEARCH, *NETWORK, "folders", "lineage", "repoint"]),
}  # fmt: skip

#: Another legal value of keys for which none can be made up.
OTHER = {
    "nbhd": "65x65x3", "preprocess.gradient": "y", "preprocess.scaling": "none",
    "model.name": "mv2dcnn", "model.padding": "same", "model.growth": "flat",
    "model.kernel": (5, 3), "model.blocks": (2, 1), "model.filters": 4, "model.dropout": 0.125,
    "model.dense_width": 16, "model.z_pools": 0, "model.convs_per_block": 1, "model.l2": 1e-3,
    "model.max_features": "log2", "train.mode": "patch", "train.patience": 3,
    "model.activation": "relu", "model.norm": "none", "model.up": "nearest", "model.stem": 1,
    "model.slices": "3d",
    "train.loss": "bce_iou", "train.optimizer": "adam", "train.learning_rate": 0.0125,
    "train.precision": "bfloat16",
    "train.schedule": "step", "train.clip": 2.0,
    "train.windows": 3, "train.grid": 3, "train.steps": 7,
    "train.max_seconds": 60.0, "train.keep": "miou",
    "train.validation": "lattice", "train.rare_windows": 0.25, "final.steps": 9,
    "search.backend": "keras_tuner", "search.constraints": {"val/miou": 0.5},
    "search.rungs": [[70, 2], [30, 6]], "search.objectives": ["val/miou"],
    "search.max_seconds": 60.0, "search.memory_gib": 3.0, "search.sampler": "tpe",
    "search.pruner": "median",
    "search.storage": "sqlite:///other.db", "study": "other", "space.name": "other",
}  # fmt: skip


#: Keys of the training that other models do nothing with: no other key is needed for them.
OF_MODEL = {"train.frame": "unet"}
#: Commands that know nothing of a model.
WITHOUT_MODEL = ("simulate", "quantify", "view")


@cache
def tree_of(command, model="2dcnn"):
    """A configuration; nobody changes one."""
    more = ["volume=film"] if command == "segment" else []
    return compose(command, more if command in WITHOUT_MODEL else [*more, f"model={model}"])


def placed(command, key):
    inside, outside = ([p for p in part if fnmatch(key, p)] for part in PLACED[command])
    assert len(inside) + len(outside) == 1, f"{command}: place {key} in PLACED, once"
    return bool(inside)


def other(key, value):
    """Another value of a key than the one it has."""
    if key in OTHER:
        known = OTHER[key] if isinstance(OTHER[key], tuple) else (OTHER[key],)
        return next(one for one in known if one != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 + 0.125
    if isinstance(value, list):
        return [*value, value[-1]]
    return "other"


@cache
def settings_composed(command, model="2dcnn"):
    return settings_of(command, tree_of(command, model))


def counts(command, key, model="2dcnn"):
    """Whether another value of a key makes other settings."""
    changed = copy.deepcopy(tree_of(command, model))
    *path, last = key.split(".")
    node = changed
    for part in path:
        node = node[part]
    node[last] = other(key, node[last])
    return settings_of(command, changed) != settings_composed(command, model)


@pytest.mark.parametrize("command", PLACED)
def test_every_key_is_placed_and_does_what_its_place_says(command):
    for key, _ in flat(tree_of(command)):
        inside, model = placed(command, key), "2dcnn"
        if key in OF_MODEL and command in ("train", "evaluate", "sweep"):
            assert not counts(command, key)
            model = OF_MODEL[key]
        assert (command in READ_BY and counts(command, key, model)) == inside, f"{command}: {key}"


@pytest.mark.parametrize("model", MODELS)
def test_every_hyperparameter_of_every_model_counts(model):
    for key in tree_of("train", model)["model"]:
        assert placed("train", f"model.{key}")
        if key not in ("name", "padding"):
            assert counts("train", f"model.{key}", model), key


@pytest.mark.parametrize("command", ["train", "evaluate", "sweep", "promote"])
def test_folders_of_the_version_before_keep_their_names(command):
    """But for a key that was not there: what counts for the name of a folder is what counted."""
    tree = tree_of(command)
    assert settings_hash(tree) == settings_hash({**tree, "overwrite": True})
    moved = Configuration(tree).with_values({"data.path": "elsewhere"}).tree
    assert settings_hash(tree) != settings_hash(moved)  # although the same data may lie there
    assert settings_of(command, tree) == settings_of(command, moved)


def test_an_automatic_choice_is_what_it_came_to():
    settings = settings_of("train", compose("train"))
    assert (settings["train.mode"], settings["train.learning_rate"]) == ("grid", 0.01)
    assert settings == settings_of("train", compose("train", ["train.mode=grid"]))
    assert json.loads(json.dumps(settings)) == settings


def test_what_was_begun_before_epochs_had_a_least_length_goes_on_without_one():
    """Its settings lack the key; the way to go on is named."""

    def identity(*given):
        return Identity("training", settings_of("train", compose("train", given)), {})

    without, now = identity("train.min_steps=0"), identity()
    before = Identity("training", dict(without.settings), {})
    del before.settings["train.min_steps"]
    former = partial(defaults_of, "train", now.settings)
    without.check(before, "out", defaults=former)
    with pytest.raises(UserError, match=r"another train\.min_steps \(0, now 100\)"):
        now.check(before, "out", defaults=former)


def test_a_folder_that_was_named_otherwise_is_found_by_what_it_holds(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tree = compose("evaluate", ["seeds=3"])
    named = output_folder("evaluate", tree, "film", "2dcnn", "33x33x3")
    older = named.with_name(f"{named.name[:-8]}01234567")
    Identity("evaluation", settings_of("evaluate", tree), {}).write(older)
    assert output_folder("evaluate", tree, "film", "2dcnn", "33x33x3") == older
    more = compose("evaluate", ["seeds=5"])
    assert output_folder("evaluate", more, "film", "2dcnn", "33x33x3") == older
    another = compose("evaluate", ["seeds=3", "seed=1"])
    assert output_folder("evaluate", another, "film", "2dcnn", "33x33x3") not in (older, named)
    assert capsys.readouterr().out == ""
    (older / "identity.json").unlink()
    assert output_folder("evaluate", tree, "film", "2dcnn", "33x33x3") == named
    assert capsys.readouterr().out == ""  # of a command that was refused: it holds no results
    (older / "summary.json").touch()
    assert output_folder("evaluate", tree, "film", "2dcnn", "33x33x3") == named
    said = capsys.readouterr().out
    assert str(older) in said
    assert "output=" in said


def test_a_folder_of_the_former_default_is_named(tmp_path, monkeypatch, capsys):
    """A default is another now: a new folder is begun, and the way back is said."""
    monkeypatch.chdir(tmp_path)
    former = compose("train", ["train.steps=null"])
    older = output_folder("train", former, "film")
    Identity("training", settings_of("train", former), {}).write(older)

    def folder(*typed):
        found = output_folder("train", compose("train", typed), "film")
        return found, capsys.readouterr().out

    anew, said = folder()
    assert anew != older
    assert said == (
        f"a new folder is begun; {older} has the former default, and goes on with "
        "train.steps=null\n"
    )
    assert folder("train.steps=null") == (older, "")
    assert folder("train.steps=200")[1] == ""  # as was typed
    assert folder("seed=1")[1] == ""
    anew.mkdir()
    assert folder() == (anew, "")


def test_a_budget_of_the_former_default_goes_on_in_its_folder(tmp_path, monkeypatch, capsys):
    """Its plan has the steps, whatever the default is."""
    monkeypatch.chdir(tmp_path)
    for command in ("train", "sweep", "evaluate"):
        tree = compose(command, ["budget=30min"])
        former = copy.deepcopy(tree)
        former["train"]["steps"] = None
        older = output_folder(command, former, "film")
        assert output_folder(command, tree, "film") != older
        older.mkdir(parents=True)
        assert output_folder(command, tree, "film") == older
        typed = compose(command, ["budget=30min", "train.steps=200"])
        assert output_folder(command, typed, "film") != older
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("model", ["forest", "threshold"])
def test_models_without_steps_are_those_of_the_former_default(model):
    now, former = (
        settings_of("train", compose("train", [f"model={model}", *more]))
        for more in ([], ["train.steps=null"])
    )
    assert now == former


def test_the_steps_of_an_epoch_are_the_same_typed_and_by_default():
    now, typed = (
        settings_of("train", compose("train", given)) for given in ([], ["train.steps=200"])
    )
    assert now == typed
    before = Identity("training", settings_of("train", compose("train", ["train.steps=null"])), {})
    with pytest.raises(UserError, match=r"another train\.steps \(null, now 200\)"):
        Identity("training", now, {}).check(before, "out")


def test_of_a_comparison_no_version_named_the_folder_otherwise(tmp_path, monkeypatch, capsys):
    """Another comparison in the same place was said to be of a version before."""
    monkeypatch.chdir(tmp_path)
    first, second = (compose("evaluate", [f"compare=[a,{other}]"]) for other in "bc")
    folder = output_folder("evaluate", first, "compare")
    folder.mkdir(parents=True)
    (folder / "summary.json").touch()
    assert output_folder("evaluate", first, "compare") == folder
    assert output_folder("evaluate", second, "compare") != folder
    assert capsys.readouterr().out == ""


def test_datasets_of_one_name_have_folders_of_their_own(tmp_path, monkeypatch):
    """The second was refused, and `overwrite=true`, as advised, removed the first's training."""
    monkeypatch.chdir(tmp_path)
    tree = compose("train", ["data.path=here"])
    named = output_folder("train", tree, "film", "2dcnn")
    older = named.with_name(f"{named.name[:-8]}01234567")
    Identity("training", settings_of("train", tree), {"hash": "0a1b2c3d4e5f-one"}).write(older)
    assert output_folder("train", tree, "film", "2dcnn", data="0a1b2c3d4e5f-one") == older
    assert output_folder("train", tree, "film", "2dcnn", data="ffffffffffff-two") == named
