"""``model=auto``: sweeps whose trials are of several architectures."""

import shlex
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import pytest
import yaml

from fibsem import sweep, train
from fibsem.api.options import tree_of
from fibsem.config import Configuration, RankConfig, compose, why_no_unet, with_architecture
from fibsem.config.architecture import OF_UNET
from fibsem.errors import UserError
from fibsem.promotion.ranking import rank
from fibsem.promotion.setting import Promotion
from fibsem.promotion.trials import best_trials
from fibsem.search.space.declared import read_space
from fibsem.search.studies.samplers import objectives
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.search.sweep import backend_of
from fibsem.system.files import read_json
from fibsem.tracking.runs import Tracking
from fibsem.training.material.datasets import obtain
from fibsem.training.planning import estimate
from fibsem.training.planning.estimate import TimeEstimate

#: Axes that only one of the two has.
OWN = {
    "2dcnn": {"model.kernel", "model.dropout", "model.dense_layers"},
    "unet": {"model.stem", "model.activation", "model.spatial_dropout", "train.loss"},
}
#: The space without ranges, so that its points can be counted.
FINITE = [f"space.axes.{key}=null" for key in
          ("model.dropout", "model.spatial_dropout", "train.learning_rate")]  # fmt: skip


def test_every_architecture_is_drawn_equally_often_with_the_axes_of_its_own():
    tree = compose("sweep", ["model=auto"])
    space = read_space(tree)
    drawn = list(islice(space.plan(0), 40))
    for name, own in OWN.items():
        points = [point for point in drawn if point["model.name"] == name]
        others = set().union(*OWN.values()) - own
        assert len(points) == 20
        assert all(own <= point.keys() and not others & point.keys() for point in points)
        assert {Configuration(tree).with_values(point).run.spec.name for point in points} == {name}
    assert {p["model.blocks"] for p in drawn if p["model.name"] == "unet"} == {1, 2, 3}


def test_points_that_limits_forbid_are_not_counted():
    """At 33 pixels a 2dcnn has two blocks with either kernel, or three with the smaller one."""
    space = read_space(compose("sweep", ["model=auto", *FINITE]))
    networks, unets = (2 + 1) * 4 * 3, 3 * 3 * 2 * 2 * 2
    assert space.size == len(space.grid(0, 2)) == networks + unets


def test_there_is_a_training_of_each():
    """What a sweep begins with must fit one of them."""
    given = Configuration(compose("sweep", ["model=auto"]))
    each = [given.with_values(point) for point in read_space(given.tree).first_of_each()]
    assert sorted(one.run.spec.name for one in each) == ["2dcnn", "unet"]
    assert read_space(compose("sweep", ["model=unet"])).first_of_each() == [{}]


def test_where_the_neighbourhood_forbids_an_architecture_the_other_one_is_left():
    space = read_space(compose("sweep", ["model=auto", "nbhd=5x7x3"]))
    assert [cell["model.name"].values for cell in space.cells()] == [("unet",)]


def test_geometry_is_judged_once_for_all_that_does_not_change_it():
    """A grid over what only one of them has would be thirty times as large, point by point."""
    space, judged = read_space(compose("sweep", ["model=auto", *FINITE])), []
    counting = replace(space, fits=lambda values: judged.append(values) or space.fits(values))
    assert counting.grid(0, 2) == space.grid(0, 2)
    assert len(judged) <= 6 * 2 + 3


@pytest.mark.parametrize(
    ("given", "name"),
    [([], "auto"), (["budget=30min"], "auto"), (["data=demo", "search.trials=4"], "auto"),
     (["model=unet"], "unet"), (["nbhd=81x81x3"], "2dcnn"), (["space=2d"], "2dcnn"),
     (["+space.axes.train.batch=[64]"], "2dcnn"), (["~space.axes.model.kernel"], "2dcnn"),
     (["model.filters=8"], "2dcnn"), (["experiment=thesis"], "2dcnn"),
     (["experiment=quick"], "auto"),
     (["experiment=smoke"], "2dcnn"), (["search=keras_tuner"], "2dcnn"),
     (["train.mode=patch"], "2dcnn"), (["train.mode=grid"], "auto")],
)  # fmt: skip
def test_where_nothing_says_which_network_all_are_searched(given, name):
    """What is said holds for one of them; and the command that is kept says it."""
    tree = compose("sweep", with_architecture("sweep", given))
    assert tree["model"]["name"] == name
    assert ("model=auto" in tree["command"]) == (name == "auto")
    read_space(tree)
    words = shlex.split(tree["command"])[3:]
    assert compose("sweep", words) == tree
    typed = with_architecture("train", given)
    assert typed == (["model=unet", *given] if name == "auto" else given)
    assert with_architecture("evaluate", given) == typed
    assert with_architecture("promote", given) == given


@pytest.mark.parametrize("command", ["train", "evaluate", "sweep"])
def test_a_key_that_a_unet_alone_has_means_one(command):
    """It was refused: the 2dcnn, which any key of a network means, does not have it."""
    own, other = (compose(command, [f"model={name}"])["model"] for name in ("unet", "2dcnn"))
    assert {key.removeprefix("model.") for key in OF_UNET} == own.keys() - other.keys()
    for key in OF_UNET:
        value = compose(command, ["model=unet"])["model"][key.removeprefix("model.")]
        typed = f"{key}={value}".lower()
        assert with_architecture(command, [typed, "seed=1"]) == ["model=unet", typed, "seed=1"]
        assert compose(command, with_architecture(command, [typed]))["model"]["name"] == "unet"
    assert with_architecture(command, ["model=auto", "model.stem=1"])[0] == "model=auto"


def test_that_another_key_means_a_2dcnn_is_said():
    given = {"nbhd": "33x33x5", "train.epochs": "3"}
    assert why_no_unet(given, "2dcnn").startswith("model=2dcnn, as nbhd is given; without it")
    assert why_no_unet({**given, "experiment": "quick"}, "2dcnn") == why_no_unet(given, "2dcnn")
    smoke, patch = {**given, "experiment": "smoke"}, {**given, "train.mode": "patch"}
    for typed in ({**given, "model": "2dcnn"}, smoke, patch, {}):
        assert why_no_unet(typed, "2dcnn") is None
    assert why_no_unet(given, "unet") is None


def test_a_comparison_is_of_no_network():
    assert with_architecture("evaluate", ["compare=[a,b]"]) == ["compare=[a,b]"]


def test_command_and_python_do_so():
    assert tree_of("sweep", "demo")["model"]["name"] == "auto"
    assert tree_of("sweep", "demo", nbhd="33x33x3")["model"]["name"] == "2dcnn"
    how = [sys.executable, "-m", "fibsem.sweep", "search.trials=3", "--cfg", "job"]
    done = subprocess.run(how, capture_output=True, text=True, check=True, timeout=300)
    assert yaml.safe_load(done.stdout)["model"]["name"] == "auto"


@pytest.mark.parametrize(
    ("given", "said"),
    [(["search=keras_tuner"], r"`search.backend` must be optuna with model=auto, but got keras"),
     (["space=2d"], r"needs the axis model.name, but space=2d has none; the choices are space="),
     (["space.limits=[{model.stem: [1]}]"], r"`space.limits` must be a list of axes with"),
     (["space.limits=[{when: {model.name: unet}, model.trees: [1]}]"],
      r"`space.limits` must name axes of the space, but got 'model.trees'")],
)  # fmt: skip
def test_a_sweep_that_cannot_draw_an_architecture_is_refused(given, said):
    with pytest.raises(UserError, match=said):
        read_space(compose("sweep", ["model=auto", *given]))


def test_a_training_is_of_one_architecture():
    with pytest.raises(
        UserError, match=r"fibsem.sweep; the choices of one model are 2dcnn, .*unet"
    ):
        train.main(compose("train", ["model=auto"]))


@pytest.mark.parametrize(
    ("visible", "said"),
    [("", "4.6 h with a network of each architecture; search.workers=2 share what one would use"),
     ("0,1", "2.3 h with a network of each architecture; search.workers=2 train on 2 accelerators"),
     ],
)  # fmt: skip
def test_a_dry_run_tells_the_mean_of_both_and_what_workers_share(
    tiny, tmp_path, monkeypatch, capsys, visible, said
):
    """Twenty trials of 1110 and 560 s; workers on processors do not halve it."""
    step_s = {"2dcnn": 100.0, "unet": 50.0}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(
        estimate, "estimate_training",
        lambda material: TimeEstimate(step_s[material.config.spec.name], 10, 1, None),
    )  # fmt: skip
    how = ["search.trials=20", "search.workers=2", "search.dry_run=true", "model=auto"]
    given = [f"data.path={tiny}", "nbhd=33x33x3", f"output={tmp_path / 'sweep'}"]
    sweep.main(compose("sweep", [*given, *how]))
    assert capsys.readouterr().out.splitlines()[-1] == f"20 trials: about {said}"


@pytest.mark.parametrize(
    ("how", "longest", "said"),
    [(["search.trials=13", "search.rungs=[[9,2],[3,6],[1,18]]"], 18, "13 trials: about 48 min"),
     (["search=keras_tuner", "search.sampler=hyperband", "search.trials=13",
       "search.hyperband.epochs=9"], 9, "13 trials: about 25 min")],
)  # fmt: skip
def test_a_dry_run_counts_what_trainings_of_rungs_really_train(
    tiny, tmp_path, monkeypatch, capsys, how, longest, said
):
    """Epochs of 66 s: 18 + 12 + 12 of them, and 9 + 6 + 6; each begins in 10 s."""
    monkeypatch.setattr(
        estimate, "estimate_training", lambda material: TimeEstimate(6.0, 10, 60, None)
    )
    given = [f"data.path={tiny}", "nbhd=33x33x3", f"output={tmp_path / 'sweep'}"]
    sweep.main(compose("sweep", [*given, *how, "search.dry_run=true"]))
    *_, each, all_of_them = capsys.readouterr().out.splitlines()
    assert f"({longest} epochs of 10 steps" in each
    assert all_of_them == f"{said} with the default network"


@pytest.mark.parametrize("sampler", ["enumerated", "tpe"])
def test_every_sampler_draws_networks_of_both(tmp_path, sampler):
    how = ["search.trials=9", "search.startup_trials=5", f"search.sampler={sampler}"]
    tree = compose("sweep", ["model=auto", *how])
    search = Configuration(tree).search
    goals = objectives(search.objectives)
    study = backend_of("optuna")("both", tmp_path, search, read_space(tree), goals)
    networks = set()
    for number in range(9):
        study.open_slots()
        attempt = study.claim()
        networks.add(Configuration(tree).with_values(attempt.values).run.spec.name)
        study.complete(attempt, [1 / (1 + number)], TrialRecord())
    assert networks == {"2dcnn", "unet"}
    study.close()


@pytest.mark.slow
def test_trials_of_both_are_swept_told_and_ranked_together(tiny, new_store, tmp_path):
    """Each with its cost; what is run again for a promotion is of both, too."""
    common = [f"data.path={tiny}", "data.name=tiny", "nbhd=11x11x3", *new_store(tmp_path)]
    tree = compose("sweep", [
        *common, "model=auto", "train.epochs=1", "train.steps=2", "train.share=0.02",
        "space.axes.model.filters=[4]", "space.limits=[]", "space.axes.model.blocks=[1]",
        "search.trials=2", f"output={tmp_path / 'sweep'}",
    ])  # fmt: skip
    sweep.main(tree)
    best = read_json(tmp_path / "sweep" / "summary.json")["best"]
    rows = read_json(tmp_path / "sweep" / "trials.json")
    assert {row["model.name"] for row in rows} == {"2dcnn", "unet"}
    assert {row["state"] for row in rows} == {"complete"}
    assert best["params"]["model.name"] in OWN
    assert best["seconds_per_gigapixel"] > 0

    config = Configuration(tree).with_values(read_space(tree).first_of_each()[0]).run
    dataset = obtain(config.data, config.split)
    tracking = Tracking.open(config.tracking, dataset.name)
    trials = best_trials(tracking, dataset, RankConfig(k=2))
    assert {trial.tree["model"]["name"] for trial in trials} == {"2dcnn", "unet"}
    parent = tracking.start("parent", tags={})
    given = Configuration(compose("promote", common))
    work = Promotion(given, dataset, tmp_path / "again", tracking, parent)
    ranked = rank(work, trials, RankConfig(k=2, seeds=1))
    assert len(ranked) == 2
    assert ranked[0].against(ranked[1]) is not None  # on the same pixels
