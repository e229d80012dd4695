"""What somebody typed, and nothing reads, is said."""

import pytest

from fibsem.config import Configuration, compose
from fibsem.config.grouped import GROUPED
from fibsem.config.keys import own_keys
from fibsem.config.reading import flat
from fibsem.config.unused import NOT_READ, USED_WITH, why_unused
from fibsem.promotion.final import final_configuration, share_for_nothing

#: A value with which a key of this condition is used, and one with which it is not.
VALUES = {" above 0": (0.5, 0.0), " above 1": (2, 1), "=null": (None, "given"),
          " that is given": ("given", None)}  # fmt: skip


def said(command, *typed):
    return list(Configuration(compose(command, list(typed))).typed_for_nothing())


def with_values(which):
    return VALUES[which] if isinstance(which, str) else (which[0], "another")


def test_the_sides_of_a_neighbourhood_that_a_unet_does_not_have_are_said():
    """Two of its neighbourhoods were two networks in tables, and the very same."""
    assert said("train", "model=unet", "nbhd=81x81x5") == [
        "n_x and n_y of nbhd=81x81x5 do nothing: model=unet sees squares, and n_z slices"
    ]
    assert said("train", "model=unet", "nbhd=33x33x5") == said("train", "nbhd=81x81x5") == []


@pytest.mark.parametrize("key", USED_WITH)
def test_one_of_the_values_that_a_key_is_used_with_is_enough(key):
    none = {other: with_values(which)[1] for other, which in USED_WITH[key]}
    why = why_unused(key, none)
    for other, which in USED_WITH[key]:
        assert why_unused(key, none | {other: with_values(which)[0]}) is None
        assert other == key or f" {other}" in why


def test_every_key_is_one_of_conf():
    commands = ("train", "sweep", "promote", "segment", "quantify")
    keys = {*GROUPED, *(key for one in commands for key in dict(flat(compose(one, []))))}
    assert {other for needs in USED_WITH.values() for other, _ in needs} | {*USED_WITH} <= keys
    for command, groups in NOT_READ.items():
        hosts = {"compare": "evaluate", "lineage": "report", "repoint": "report"}
        assert groups.keys() <= own_keys(hosts.get(command, command))


@pytest.mark.parametrize(
    ("command", "typed", "key", "why"),
    [
        ("train", ["train.share=0.1", "train.steps=5"], "train.share", "train.steps=null"),
        ("train", ["train.share=0.1"], "train.share", "train.steps=null"),
        ("evaluate", ["model=2dcnn", "train.min_steps=9"], "train.min_steps", "train.steps=null"),
        ("train", ["train.min_steps=9", "budget=1h"], "train.min_steps", "those of budget="),
        ("train", ["train.loss=bce_iou", "train.loss_weight=0"], "train.loss", "loss_weight above"),
        ("train", ["budget_is=hard"], "budget_is", "budget that is given"),
        ("train", ["budget=1h", "plan=plan.json"], "budget", "plan=null"),
        ("train", ["search.trials=3"], "search.trials", "fibsem.sweep"),
        ("report", ["lineage=a", "folders=[b]"], "folders", "read from one result"),
        ("report", ["lineage=a", "repoint=b"], "repoint", "read from one result"),
        ("report", ["repoint=a", "output=b"], "output", "only the store is repaired"),
        ("evaluate", ["space=3d"], "space", "fibsem.sweep"),
        ("sweep", ["search.grid.points=4"], "search.grid.points", "search.sampler=grid"),
        ("sweep", ["search.startup_trials=4"], "search.startup_trials", "search.sampler=tpe"),
        ("sweep", ["train.steps=4", "train.share=0.1"], "train.share", "train.steps=null"),
        ("promote", ["train.epochs=3"], "train.epochs", "the trials"),
        ("promote", ["nbhd=33x33x3"], "nbhd", "the trials"),
        ("promote", ["rank.k=1", "rank.seeds=5"], "rank.seeds", "rank.k above 1"),
        ("promote", ["segment=false", "segmentation.slab=2"], "segmentation.slab", "segment=true"),
        ("promote", ["final.shift_probability=0", "final.shift_sd=0.2"], "final.shift_sd",
         "final.shift_probability above 0"),
        ("train", ["data.path=here", "data.name=other"], "data.name", "data.path=null"),
        ("train", ["model=forest", "train.teacher_share=0.3"], "train.teacher_share", "teacher"),
        ("inspect", ["train.steps=5"], "train.steps", "trains nothing"),
        ("train", ["model=2dcnn", "train.frame=8"], "train.frame", "networks on squares"),
        ("report", ["nbhd=65x65x3"], "nbhd", "trains nothing"),
        ("report", ["overwrite=true"], "overwrite", "anew each time"),
        ("evaluate", ["compare=[a,b]", "seeds=3"], "seeds", "two finished evaluations"),
        ("segment", ["model=unet"], "model", "the model"),
        ("quantify", ["blocks=0", "face=x1"], "face", "blocks above 0"),
        ("quantify", ["mesh_cell=9"], "mesh_cell", "mesh=stl or ply"),
        ("segment", ["scheduler=tcp://host:1", "workers=2"], "workers", "scheduler=null"),
    ],
)  # fmt: skip
def test_a_key_that_nothing_reads_is_said(command, typed, key, why):
    lines = said(command, *typed, *(["model=2dcnn"] if command == "sweep" else []))
    assert len(lines) == 1
    assert lines[0].startswith(f"{key}=")
    assert why in lines[0]


@pytest.mark.parametrize(
    "typed",
    [
        ["train.share=0.1", "train.steps=null"],
        ["train.share=0.1", "train.min_steps=9", "train=sgd"],
        ["train.share=0.1", "train.steps=5", "train.mode=patch"],
        ["model.padding=same", "train.share=0.1", "train.min_steps=9"],
        ["train.share=0.1", "train.steps=5", "train.validation=lattice"],
        ["train.min_steps=9", "train.steps=5", "train.mode=patch"],
        ["train.loss=bce", "train.loss_weight=0"],
        ["budget=1h", "budget_is=hard"],
        ["model=forest", "train.share=0.1", "train.min_steps=9", "train.test=true"],
    ],
)
def test_nothing_is_said_of_what_is_read(typed):
    lines = [line for line in said("train", *typed) if "loss_weight" not in line]
    assert lines == []


def test_a_share_of_the_final_training_does_nothing_beside_steps_of_its_own():
    network = ["model=2dcnn", "nbhd=11x11x3"]
    trained, without, patches = (
        compose("train", [*network, *given])
        for given in ([], ["train.steps=null"], ["train.mode=patch"])
    )

    def line(*typed, trials=(trained,)):
        given = Configuration(compose("promote", list(typed)))
        finals = [final_configuration(tree, given.tree, seed=0).run for tree in trials]
        return share_for_nothing(given, finals)

    both = "final.share=0.1", "final.steps=7"
    assert line(*both) == "final.share=0.1 does nothing: final.steps is 7, in grid mode"
    assert line(*both, trials=(trained, patches)) is None
    assert line("final.share=0.1") == (
        "final.share=0.1 does nothing: trials keep the train.steps of their sweep, in grid mode"
    )
    assert line("final.share=0.1", trials=(without,)) is None
    assert line("final.share=0.1", trials=(patches,)) is None
    assert line("final.steps=7") is None
