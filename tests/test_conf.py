"""Every configuration composes, and what is wrong in one is said in one line."""

import inspect
import shlex
from dataclasses import MISSING, fields, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem import api
from fibsem.api import simulating
from fibsem.api.inputs import options_of
from fibsem.config import (
    AUTO,
    CONF,
    OUTPUTS,
    Configuration,
    FinalConfig,
    GateConfig,
    PostProcessingConfig,
    RankConfig,
    SamplingConfig,
    SearchConfig,
    TrackingConfig,
    TrainConfig,
    command_line,
    compose,
    flat,
    output_folder,
    read,
    settings_hash,
)
from fibsem.config.promotion import PromoteConfig
from fibsem.config.runs import EvaluateConfig
from fibsem.config.training import FORMER
from fibsem.config.trees import READ_BY
from fibsem.data.dataset.split import SplitRecipe
from fibsem.data.phantom import PhantomRecipe
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import Manner
from fibsem.errors import UserError
from fibsem.inference.options import Options
from fibsem.models.spec import MODELS, resolve
from fibsem.quantification.options import QuantifyConfig
from fibsem.search.space.declared import read_space

COMMANDS = ("train", "sweep", "evaluate", "promote", "segment", "inspect", "report")


def names(group):
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("data", names("data"))
def test_every_command_composes_with_every_dataset(command, data):
    tree = compose(command, [f"data={data}"])
    assert Configuration(tree).run.data.name == data


@pytest.mark.parametrize("experiment", names("experiment"))
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_composes_with_every_experiment(command, experiment):
    config = Configuration(compose(command, [f"experiment={experiment}"])).run
    assert config.train.epochs <= 125
    assert str(config.spec.nbhd) == ("81x81x3" if experiment == "thesis" else "33x33x3")


@pytest.mark.parametrize("space", names("space"))
def test_every_space_has_draws_that_are_networks(space):
    itself = space if space in names("model") else "2dcnn"
    model = {"3d": "3dcnn", "1d": "1dcnn"}.get(space, itself)
    tree = compose("sweep", [f"model={model}", f"space={space}", "nbhd=65x65x3"])
    values = next(read_space(tree).plan(0))
    config = Configuration(tree).with_values(values).run
    swept = {key: value for key, value in values.items() if key.startswith("model.")}
    assert swept.pop("model.name", config.spec.name) == config.spec.name
    assert swept
    for key, value in swept.items():
        assert config.spec.hyperparameters[key.removeprefix("model.")] == value


def test_every_architecture_has_a_file_of_values():
    assert names("model") == sorted([*MODELS, AUTO])


@pytest.mark.parametrize("model", MODELS)
def test_every_value_of_a_model_can_be_set_and_is_its_default(model):
    tree = compose("train", [f"model={model}"])
    spec = Configuration(tree).run.spec
    assert spec == resolve(model, spec.nbhd, spec.padding)
    assert set(tree["model"]) == {"name", "padding", *spec.hyperparameters}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_a_space_of_its_own_hyperparameters(model):
    tree = compose("sweep", [f"model={model}"])
    for values in islice(read_space(tree).plan(0), 3):
        assert Configuration(tree).with_values(values).run.spec.name == model


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_a_protocol_by_the_thesis_or_says_why_not(model):
    def config():
        return Configuration(compose("train", ["experiment=thesis", f"model={model}"])).run

    if "same" in MODELS[model].paddings:
        assert config().train.mode == "patch"
    else:
        with pytest.raises(UserError, match=r"needs model\.padding=valid, but got same"):
            config()


def test_a_model_brings_its_space_but_for_another_one_that_is_given():
    assert compose("sweep", ["model=3dcnn"])["space"]["name"] == "3d"
    assert compose("sweep", ["model=mv2dcnn"])["space"]["name"] == "2d"
    assert compose("sweep", ["model=3dcnn", "space=2d"])["space"]["name"] == "2d"


def test_films_of_a_phantom_are_taken_away_and_added():
    """They are keys of the user's own, as those of a space are."""
    film = "{porosity: 0.58, mean: 0.4, std: 0.1}"
    overrides = ["~phantom.samples.HPC22", f"+phantom.samples.P58={film}"]
    recipe = PhantomRecipe.from_mapping(compose("simulate", overrides)["phantom"])
    assert list(recipe.samples) == ["HPC30", "HPC45", "P58"]


@pytest.mark.parametrize("phantom", names("phantom"))
def test_every_phantom_is_a_recipe(phantom):
    recipe = PhantomRecipe.from_mapping(compose("simulate", [f"phantom={phantom}"])["phantom"])
    assert [round(film.porosity, 2) for film in recipe.samples.values()] == [0.22, 0.30, 0.45]
    assert {"demo": (24, 384, 384), "default": (60, 768, 1024), "full": (200, 2247, 3372)}[
        phantom
    ] == recipe.shape


def test_a_segmentation_has_the_same_defaults_alone_in_a_promotion_and_from_python():
    alone = options_of(compose("segment", ["volume=film"]))
    assert read(Options, compose("promote")["segmentation"], "segmentation") == alone == Options()


@pytest.mark.parametrize(
    ("key", "value"),
    [("memory_gib", 0.0), ("slab", 0), ("workers", 0), ("min_volume_nm3", -1.0), ("previews", -1),
     ("symmetry", 3), ("tile", 8)],
)  # fmt: skip
def test_an_illegal_option_is_refused_alike_by_library_command_and_python(key, value):
    with pytest.raises(UserError) as library:
        Options(**{key: value})
    with pytest.raises(UserError) as command:
        options_of(compose("segment", ["volume=film", f"{key}={value}"]))
    with pytest.raises(UserError) as python:
        api.segment(np.ones((3, 40, 40), np.uint8), **{key: value})
    assert f"`{key}` must be " in str(library.value)
    assert str(library.value) == str(command.value) == str(python.value)


@pytest.mark.parametrize(
    ("kind", "command", "group"),
    [
        (SplitRecipe, "train", "split"), (Recipe, "train", "preprocess"),
        (TrainConfig, "train", "train"),
        (SamplingConfig, "train", "sampling"), (TrackingConfig, "train", "tracking"),
        (SearchConfig, "sweep", "search"), (EvaluateConfig, "evaluate", "evaluation"),
        (RankConfig, "promote", "rank"), (GateConfig, "promote", "gate"),
        (PromoteConfig, "promote", None), (QuantifyConfig, "quantify", None),
    ],
)  # fmt: skip
def test_a_default_is_the_same_from_python_and_in_conf(kind, command, group):
    tree = compose(command)
    own = tree[group] if group else {one.name: tree[one.name] for one in fields(kind)}
    assert read(kind, own, group or "") == kind()


@pytest.mark.parametrize(
    ("kind", "group"), [(PostProcessingConfig, "postprocessing"), (FinalConfig, "final")]
)
def test_a_group_of_a_promotion_has_no_default_of_its_own(kind, group):
    """But what conf/ has, too."""
    own = compose("promote")[group]
    needed = {one.name for one in fields(kind) if one.default is MISSING}
    assert read(kind, {key: own[key] for key in needed}, group) == read(kind, own, group)


#: Arguments of Python that stand in its signatures, by the key of a command that they repeat.
SIGNED = [
    *((getattr(api, name), "dataset", name, "data.name") for name in (
        "evaluate", "inspect", "promote", "report", "sweep", "train",
    )),
    (api.open_dataset, "dataset", "inspect", "data.name"),
    *((getattr(api, name), "model", "segment", "weights") for name in (
        "estimate", "export", "segment",
    )),
    (api.load, "weights", "segment", "weights"),
    *((kind, key, "segment", key) for kind in (Manner, api.open_volume) for key in (
        "pattern", "series", "sparse",
    )),
    (Manner, "valid", "segment", "valid"),
]  # fmt: skip


@pytest.mark.parametrize(("called", "argument", "command", "key"), SIGNED)
def test_a_default_of_a_signature_is_that_of_conf(called, argument, command, key):
    default = inspect.signature(called).parameters[argument].default
    assert default == dict(flat(compose(command)))[key]


def test_films_are_simulated_and_results_looked_for_where_they_are_by_default():
    data = compose("train")["data"]
    assert Path(data["root"]) / data["name"] == Path(simulating.FOLDER)
    assert api.keys("simulate").loc["output", "comment"].endswith(f'"": {simulating.FOLDER}')
    assert api.keys("report").loc["folders", "comment"].endswith(f'"": {OUTPUTS}')
    assert PhantomRecipe.from_mapping(compose("simulate")["phantom"]) == PhantomRecipe()


def test_a_training_of_an_earlier_version_is_read_as_it_was():
    """What it did where it has no key stands in one place, and is not the default of today."""
    former = TrainConfig.of({})
    assert {key: getattr(former, key) for key in FORMER} == FORMER
    assert replace(TrainConfig(), **FORMER) == former
    assert all(getattr(TrainConfig(), key) != value for key, value in FORMER.items())
    assert TrainConfig.of(compose("train")["train"]) == TrainConfig()


def test_the_parts_of_the_other_commands_are_read():
    tree = compose("promote")
    read(GateConfig, tree["gate"], "gate")
    read(Options, tree["segmentation"], "segmentation")
    read(TrackingConfig, tree["tracking"], "tracking")
    grid = read(PostProcessingConfig, tree["postprocessing"], "postprocessing").grid
    assert len(grid.thresholds) == 181 + 2 * 24  # even ones, and on towards 0 and 1
    assert grid.combinations == 26 * 229 * 2 * 3
    read(SearchConfig, compose("sweep")["search"], "search")


def test_defaults_of_a_valid_network():
    config = Configuration(compose("train", ["nbhd=81x81x3"])).run
    how = config.train
    assert (config.spec.padding, how.mode, how.optimizer) == ("valid", "grid", "muon")
    assert how.learning_rate == 0.01
    assert config.spec.field.width == 76


def test_the_thesis_protocol():
    config = Configuration(compose("train", ["experiment=thesis", "nbhd=81x81x3"])).run
    assert (config.spec.padding, config.train.mode, config.train.learning_rate) == (
        "same",
        "patch",
        0.005,
    )
    assert config.preprocess.scaling == "none"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["nbhd=80x80x3"], r"odd and positive"),
        (["nbhd=81"], r"n_x x n_y x n_z, but got"),
        (["model.blocks=5"], r"must lie in 1\.\.3 for nbhd=33x33x3"),
        (["model=resnet"], r"resnet"),
        (["model.padding=full"], r"same or valid, but got full"),
        (["train.epochs=0"], r"`train.epochs` must be at least 1, but got 0"),
        (["train.share=2"], r"in \(0, 1\], but got 2"),
        (["train.epochs=many"], r"`train.epochs` must be a whole number, but got 'many'"),
        (["train.mode=fast"], r"one of auto, patch, grid, but got fast"),
        (["train.epohcs=3"], r"epohcs"),
        (["model.filters=many"], r"`model.filters` must be a whole number, but got 'many'"),
        (["model.filters=2.5"], r"`model.filters` must be a whole number, but got 2.5"),
        (["model.dropout=true"], r"`model.dropout` must be a number, but got True"),
        (["model=forest", "model.sigmas=3"], r"must be a list of numbers, but got 3"),
        (["model=unet", "model.blocks=5"], r"`model.blocks` must lie in 1\.\.4, but got 5"),
        (["+train.extra=3"], r"`train` has no key 'extra'"),
        (
            ["train.learning_rate=inf"],
            r"`train.learning_rate` must be a finite number, but got inf",
        ),
        (["train.loss_weight=nan"], r"`train.loss_weight` must be a finite number, but got nan"),
        (["train.max_seconds=1" + 400 * "0"], r"`train.max_seconds` must be a finite number"),
        (["epochs=3"], r"but got 'epochs'; near it are search.hyperband.epochs, train.epochs \("),
        (["train.epoch=3"], r"near it are train.epochs, search.hyperband.epochs \("),
        (["lr=0.1"], r"but got 'lr'; near it are train.learning_rate \("),
        (["final.steps=3"], r"but got 'final.steps'; near it are train.steps \("),
        (["+epochs=3"], r"a key must be one that the command has, but got 'epochs'"),
        (["++nbdh.x=3"], r"a key must be one that the command has, but got 'nbdh.x'"),
        (["+volume=film"], r"a key must be one that the command has, but got 'volume'"),
        (["seed.x.y=1"], r"one that the command has, but got 'seed.x'"),
        (["train={nope: 1}"], r"one that the command has, but got 'train.nope'"),
        (["model@net=2dcnn"], r"one that the command has, but got 'model@net'"),
        (["model=null"], r"must name a file of conf/ or be .* of keys, but got model=null"),
        (["model=true"], r"must name a file of conf/ or be .* of keys, but got model=true"),
        (
            ["experiment=[smoke,no]"],
            r"`experiment` must be one of quick, smoke, thesis, but got no",
        ),
        (["hydra/launcher=null"], r"must name a file of .*, but got hydra/launcher=null"),
        (["hydra=null"], r"must name a file of conf/ or be .* of keys, but got hydra=null"),
        (["+model=3"], r"must name a file of conf/ or be .* of keys, but got model=3"),
        (["model=[unet,null]"], r"`model` must be one of .*unet, but got \[unet,null\]"),
        (["hydra/launcher=no"], r"`hydra/launcher` must be one of .*basic.*, but got no"),
        (["~seed"], r"only keys of `space` and .* taken away, but got ~seed; seed=null"),
        (["=5"], r"an argument must be key=value, but got =5"),
        (["preprocess.scaling=patch"], r"one of standardise, none, minmax, mode"),
        (["split.gap=-1"], r"at least 0, but got -1"),
        (["data=nowhere"], r"nowhere"),
        (["split.gap=a (b)"], r"a \(b\)"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(overrides, message):
    with pytest.raises(UserError, match=message) as caught:
        Configuration(compose("train", overrides)).run  # noqa: B018 - read
    assert "\n" not in str(caught.value)


def test_the_folder_of_a_command_follows_from_what_is_computed():
    def folder(*overrides):
        return output_folder("sweep", compose("sweep", list(overrides)), "film")

    same = folder()
    assert folder("search.trials=7", "tracking.uri=sqlite:///x.db") == same
    assert folder("train.epochs=7") != same
    tree = compose("sweep")
    assert settings_hash({**tree, "command": "another"}) == settings_hash(tree)
    assert folder("output=here").name == "here"
    assert settings_hash(compose("sweep")) in same.name


@pytest.mark.parametrize(
    "override",
    ["seed=1", "nbhd=81x81x3", "preprocess.scaling=none", "model=unet", "data=demo",
     "train.epochs=3", "experiment=smoke", "workers=2", "tile=64"],
)  # fmt: skip
def test_what_a_segmentation_takes_from_the_model_leaves_its_folder(override):
    def folder(*overrides):
        return output_folder("segment", compose("segment", ["volume=film", *overrides]), "film")

    assert folder(override) == folder()


def test_all_that_changes_a_segmentation_changes_its_folder():
    counting = READ_BY["segment"]
    picked = {"volume", "pattern", "series", "sparse"}
    assert {*Options().key, *picked, "weights", "range", "voxel_nm"} == set(counting)
    tree = compose("segment", ["volume=film"])
    folders = [output_folder("segment", {**tree, key: "other"}, "film") for key in counting]
    assert len({*folders, output_folder("segment", tree, "film")}) == 1 + len(counting)


@pytest.mark.parametrize(
    "override", ["force=true", "gate.alpha=0.01", "segment=false", "segmentation.workers=2",
                 "nbhd=81x81x3", "model=unet", "history=true"],
)  # fmt: skip
def test_the_gate_and_what_comes_of_the_trials_leave_the_folder_of_a_promotion(override):
    def folder(*overrides):
        return output_folder("promote", compose("promote", list(overrides)), "film", "trials")

    assert folder(override) == folder() != folder("final.epochs=3")


@pytest.mark.parametrize(
    ("override", "said"),
    [("sigma=[]", "at least one number"), ("rounds=[3]", "1, 2"), ("threshold_steps=0", "1"),
     ("threshold_start=0.99", "at most threshold_stop"), ("min_size=[-1]", "from 0")],
)  # fmt: skip
def test_a_grid_of_post_processings_that_holds_none_is_refused(override, said):
    tree = compose("promote", [f"postprocessing.{override}"])
    with pytest.raises(UserError, match=rf"`postprocessing\.\w+` must be .*{said}"):
        read(PostProcessingConfig, tree["postprocessing"], "postprocessing")


def test_swept_keys_must_exist():
    tree = compose("train")
    assert Configuration(tree).with_values({"train.epochs": 3}).tree["train"]["epochs"] == 3
    assert tree["train"]["epochs"] == 40
    with pytest.raises(UserError, match=r"train\.epoch"):
        Configuration(tree).with_values({"train.epoch": 3})


def test_a_tree_carries_the_command_that_makes_it_again():
    overrides = ["nbhd=81x81x3", "+space.axes.train.batch=[64,128]", 'output="a (b)"']
    tree = compose("sweep", overrides)
    assert tree["command"].startswith("python -m fibsem.sweep nbhd=81x81x3 '+space")
    words = shlex.split(tree["command"])
    assert compose(words[2].removeprefix("fibsem."), words[3:]) == tree
    assert compose("train")["command"] == "python -m fibsem.train"


def test_a_trial_keeps_the_command_of_its_sweep():
    tree = compose("sweep", ["nbhd=11x11x3"])
    assert Configuration(tree).with_values({"train.epochs": 3}).tree["command"] == tree["command"]


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_a_shell_reads_a_command_line_back(overrides):
    plain = [text for text in overrides if "://" not in text]
    assert shlex.split(command_line("sweep", plain))[3:] == plain


def test_a_command_line_tells_no_password():
    line = command_line("sweep", ["search.storage=postgresql://me:s,e$c@host:1/db", "seed=1"])
    assert "s,e$c" not in line
    assert "me:***@host:1/db" in line
    assert "@champion" in command_line("segment", ["weights=models:/fibsem@champion"])
