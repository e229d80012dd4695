"""The best trials again with fresh seeds: which, how often, in what order."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fibsem import sweep
from fibsem.analysis import tables
from fibsem.config import Configuration, DataConfig, RankConfig, TrackingConfig, compose, read
from fibsem.data.dataset.split import SplitRecipe
from fibsem.errors import UserError
from fibsem.promotion import ranking
from fibsem.promotion.ranking import Ranked, order_goal, order_of, placed, rank
from fibsem.promotion.repetition import Repetition, repeated
from fibsem.promotion.setting import Promotion
from fibsem.promotion.trials import Trial, best_trials, ranked_by, unhurried
from fibsem.system import metric_names
from fibsem.system.files import read_json
from fibsem.tracking import names
from fibsem.tracking.artifacts import folder_of
from fibsem.tracking.runs import Tracking, code_version
from fibsem.training.failures import PrunedError
from fibsem.training.job import Job
from fibsem.training.material.datasets import obtain
from fibsem.training.material.material import Material
from fibsem.training.run import run_job
from fibsem.training.scoring.objectives import Objective
from fibsem.training.steps.health import DivergedError


@pytest.fixture(scope="module")
def swept(tiny, new_store, tmp_path_factory):
    """Tree, dataset and store of two sweeps of small forests, two trials each.

    Those of the sweep "large" have more trees, and smaller losses.
    """
    folder = tmp_path_factory.mktemp("ranking")
    common = [f"data.path={tiny}", "data.name=tiny", "train.share=0.02", *new_store(folder)]
    for name, trees in (("large", 20), ("small", 1)):
        how = [
            "model=forest", f"model.trees={trees}", "space.axes.model.sigmas=[[1],[1,2]]",
            "space.axes.model.min_samples_leaf=[1,2]", "search.trials=2", "train.min_steps=0",
            f"output={folder / name}",
        ]  # fmt: skip
        sweep.main(compose("sweep", [*common, *how]))
    tree = compose("promote", common)
    dataset = obtain(read(DataConfig, tree["data"], "data"), SplitRecipe())
    tracking = Tracking.open(read(TrackingConfig, tree["tracking"], "tracking"), dataset.name)
    return tree, dataset, tracking, folder


def test_the_best_trials_of_all_sweeps_come_first(swept):
    _, dataset, tracking, _ = swept
    trials = best_trials(tracking, dataset, RankConfig(k=6))
    assert {trial.goal.key for trial in trials} == {"val_all/miou"}
    overlaps = [trial.figure for trial in trials]
    assert len(overlaps) == 4
    assert overlaps == sorted(overlaps, reverse=True)
    assert {trial.study for trial in trials} == {"large", "small"}
    best = best_trials(tracking, dataset, RankConfig(k=2))
    assert [trial.run_id for trial in best] == [trial.run_id for trial in trials[:2]]
    run = tracking.client.get_run(best[0].run_id)
    assert (best[0].name, best[0].code) == (run.info.run_name, code_version())
    assert (best[0].number, best[0].parent) == (
        run.data.tags["fibsem.trial"],
        run.data.tags[names.PARENT],
    )


def test_a_sweep_can_be_named_and_so_can_several(swept):
    _, dataset, tracking, _ = swept
    (best,) = best_trials(tracking, dataset, RankConfig(k=1), ["small"])
    assert best.study == "small"
    assert best.tree["model"]["trees"] == 1
    assert len(best_trials(tracking, dataset, RankConfig(k=9), ["small", "large"])) == 4
    for studies in (["other"], ["large", "other"]):
        with pytest.raises(UserError, match=r"`study=other` must have a finished trial"):
            best_trials(tracking, dataset, RankConfig(), studies)


@pytest.mark.parametrize(
    ("study", "state", "elsewhere", "message"),
    [
        ("bounded", "infeasible", False, "1 of its 1 trials are beyond search.constraints"),
        ("short", "pruned", False, "its 1 trials are pruned, failed or not finished"),
        ("of others", "complete", True, "its trials are in the experiment others'"),
        ("none", None, False, "has none; python -m fibsem.sweep makes some"),
        ("out/large", None, False, "has none; a sweep has the name of its folder, study=large"),
    ],
)
def test_what_there_is_instead_of_a_finished_trial_is_said(swept, study, state, elsewhere, message):
    tree, dataset, tracking, _ = swept
    config = read(TrackingConfig, tree["tracking"], "tracking")
    there = replace(config, experiment="others'") if elsewhere else config
    if state is not None:
        tags = {names.COMMAND: names.TRIAL, names.STUDY: study, names.STATE: state}
        of_sweep = Tracking.open(there, dataset.name)
        run_id = of_sweep.start(study, tags=tags)
        of_sweep.log_metrics(run_id, {"val/loss": 0.3})
        of_sweep.end(run_id)
    with pytest.raises(UserError, match=re.escape(f"`study={study}` must have a fin")) as caught:
        best_trials(tracking, dataset, RankConfig(), ["large", study])
    assert message in str(caught.value)


@pytest.mark.slow  # three starts of a sweep, in two stores
def test_trials_that_a_sweep_left_in_its_former_store_are_said(tiny, new_store, tmp_path, capsys):
    now, before = tmp_path / "now", tmp_path / "before"
    now.mkdir()
    before.mkdir()
    how = [
        "model=forest", "model.trees=1", "space.axes.model.sigmas=[[1],[1,2]]",
        f"data.path={tiny}", "data.name=tiny", "train.share=0.02", "train.min_steps=0",
        f"output={tmp_path / 'moved'}", "study=moved",
    ]  # fmt: skip
    sweep.main(compose("sweep", [*how, *new_store(before), "search.trials=2"]))
    tree = compose("sweep", [*how, *new_store(now), "search.trials=2"])
    sweep.main(tree)
    dataset = obtain(read(DataConfig, tree["data"], "data"), SplitRecipe())
    tracking = Tracking.open(read(TrackingConfig, tree["tracking"], "tracking"), dataset.name)
    for studies in (["moved"], None):
        with pytest.raises(UserError, match=r"runs of its 2 finished trials are in the store that"):
            best_trials(tracking, dataset, RankConfig(), studies)
    sweep.main(compose("sweep", [*how, *new_store(now), "search.trials=3"]))
    capsys.readouterr()
    assert len(best_trials(tracking, dataset, RankConfig(), ["moved"])) == 1
    assert (
        "2 of the 3 finished trials of moved are not in this experiment" in capsys.readouterr().out
    )


def test_a_trial_whose_files_are_lost_is_named_and_may_be_deleted(swept):
    tracking, dataset = swept[2], SimpleNamespace(hash="of lost files", name="film")
    ids = []
    for value in (0.9, 0.8):
        tags = {names.COMMAND: names.TRIAL, names.STUDY: "lost", names.DATA: dataset.hash}
        ids.append(tracking.start(f"{value}", tags=tags))
        tree = {"search": {"objectives": ["val_all/miou"]}, "seed": 0, "nbhd": f"{value}"}
        tracking.log_json(ids[-1], tree, "config.json")
        tracking.log_metrics(ids[-1], {"val/loss": 1 - value, "val_all/miou": value})
        tracking.end(ids[-1])
    artifacts = folder_of(tracking.client.get_run(ids[0]).info.artifact_uri)
    (artifacts / "config.json").unlink()
    with pytest.raises(
        UserError, match=rf"its config.json, .* delete --run-id {ids[0]}`"
    ) as caught:
        best_trials(tracking, dataset, RankConfig(), ["lost"])
    assert "\n" not in str(caught.value)
    tracking.client.delete_run(ids[0])
    assert [trial.run_id for trial in best_trials(tracking, dataset, RankConfig())] == ids[1:]


def test_slow_networks_are_left_out(swept):
    _, dataset, tracking, _ = swept
    costs = sorted(
        trial.seconds_per_gigapixel for trial in best_trials(tracking, dataset, RankConfig(k=6))
    )
    middle = (costs[1] + costs[2]) / 2
    kept = best_trials(tracking, dataset, RankConfig(k=6), most_seconds=middle)
    assert sorted(trial.seconds_per_gigapixel for trial in kept) == costs[:2]
    with pytest.raises(UserError, match=r"must leave a trial, but got 1e-06; those .* take \d+ to"):
        best_trials(tracking, dataset, RankConfig(), most_seconds=1e-6)


def recorded(tracking, study, objective, **metrics):
    """A finished trial of a sweep with this first objective, as its run tells."""
    tags = {"fibsem.command": "trial", "fibsem.study": study, "fibsem.data": "of no dataset"}
    run_id = tracking.start(study, tags=tags)
    tree = {"search": {"objectives": [objective]}, "seed": 0, "nbhd": str(metrics)}
    tracking.log_json(run_id, tree, "config.json")
    tracking.log_metrics(run_id, {key.replace("__", "/"): value for key, value in metrics.items()})
    tracking.end(run_id)


@pytest.mark.parametrize(("typed", "limit"), [([], None), (["train.max_seconds=60"], 60)])
def test_the_clock_of_a_hard_budget_is_not_repeated(swept, typed, limit):
    """Of two trials that differ in what time there was, one is ranked, without that time."""
    tracking, dataset = swept[2], SimpleNamespace(hash=f"of {limit}", name="film")
    given = Configuration(compose("sweep", ["budget=1h", "budget_is=hard", "model=2dcnn", *typed]))
    for left_s, loss in ((40.0, 0.4), (35.5, 0.3)):
        tags = {"fibsem.command": "trial", "fibsem.study": f"hard {limit}",
                "fibsem.data": dataset.hash}  # fmt: skip
        run_id = tracking.start("hard", tags=tags)
        tree = given.with_values({"train.max_seconds": left_s}).tree
        tracking.log_json(run_id, tree, "config.json")
        tracking.log_metrics(run_id, {"val/loss": loss, "val_all/miou": 1 - loss})
        tracking.end(run_id)
    (best,) = best_trials(tracking, dataset, RankConfig(k=2), [f"hard {limit}"])
    assert best.loss == 0.3
    assert repeated(best.tree, swept[0], 5).tree["train"]["max_seconds"] == limit
    soft = given.with_values({"budget_is": "soft", "train.max_seconds": 40.0}).tree
    assert unhurried(soft) == soft  # nobody but a user has set one


def reason(trials):
    """What is said of the order of trials."""
    return ranked_by(trials[0].goal, [trial.tree for trial in trials])


def test_trials_are_ranked_by_the_first_objective_of_their_sweep(swept):
    tracking, dataset = swept[2], SimpleNamespace(hash="of no dataset", name="film")
    for loss, miou, porosity in ((0.3, 0.6, 0.25), (0.5, 0.8, 0.4), (0.4, 0.7, 0.29)):
        figures = {
            "val__loss": loss, "val__miou": miou, "val_all__porosity": porosity,
            "val_all__label_porosity": 0.3,
        }  # fmt: skip
        recorded(tracking, "high", "val/miou", **figures)
        recorded(tracking, "near", "val_all/porosity_bias", **figures)

    def of(study):
        trials = best_trials(tracking, dataset, RankConfig(k=3), study)
        return [trial.loss for trial in trials], [trial.value for trial in trials], trials

    losses, values, trials = of(["high"])
    assert (losses, values) == ([0.5, 0.4, 0.3], [0.8, 0.7, 0.6])
    assert reason(trials) == "val/miou, the first objective of their sweep"
    losses, values, trials = of(["near"])
    assert losses == [0.4, 0.3, 0.5]
    assert values == pytest.approx([0.01, 0.05, 0.1])
    losses, _, trials = of(None)
    assert losses[:1] == [0.3]
    assert reason(trials) == "val/loss: their sweeps had different first objectives"
    (row,) = placed([Ranked(of(["high"])[2][0])])
    assert (row.ranked_by, row.ordered_by) == ("val/miou", None)
    table = tables.ranking(placed([Ranked(trial) for trial in of(["high"])[2]]))
    assert list(table["val/miou in the sweep"]) == ["0.8000", "0.7000", "0.6000"]


def test_trials_run_again_with_fresh_seeds_under_one_run(swept):
    tree, dataset, tracking, folder = swept
    (good,) = best_trials(tracking, dataset, RankConfig(k=1), ["large"])
    (bad,) = best_trials(tracking, dataset, RankConfig(k=1), ["small"])
    how = RankConfig(k=2, seeds=2, seed=500)
    parent = tracking.start("promotion", tags={})
    work = Promotion(Configuration(tree), dataset, folder / "again", tracking, parent)
    ranked = rank(work, [bad, good], how)
    assert [one.trial.run_id for one in ranked] == [good.run_id, bad.run_id]
    assert [run.seed for run in ranked[0].runs] == [500, 501]
    assert ranked[0].runs[0].val != ranked[0].runs[1].val
    assert ranked[0].miou.mean == np.mean([run.val["miou"] for run in ranked[0].runs])
    (sample,) = ranked[0].porosities
    each = ranked[0].porosities[sample]
    assert each == [run.porosities[sample] for run in ranked[0].runs]
    assert each[0] != each[1]
    assert placed(ranked)[0].again.val_porosity_by_seed == {sample: each}
    rows = placed(ranked)
    both = {(row.ranked_by, row.ordered_by) for row in rows}
    assert both == {("val_all/miou", "val_all/miou")}
    found = [np.mean([run.val_all["miou"] for run in one.runs]) for one in ranked]
    assert [row.again.rank_value for row in rows] == found == sorted(found, reverse=True)
    assert order_of(2, reason([bad, good])) == (
        "2 trials are chosen by val_all/miou, the first objective of their sweep; they are ordered "
        "by its mean over fresh seeds"
    )
    assert "ordered" not in order_of(1, reason([good]))
    children = tracking.children(parent)
    assert len(children) == 4
    assert {run.data.tags["fibsem.seed"] for run in children} == {"500", "501"}
    assert {run.data.tags["fibsem.winner"] for run in children} == {good.run_id, bad.run_id}

    assert rank(work, [bad, good], how) == ranked
    assert len(tracking.children(parent)) == 4


def run_of(seed, balanced, all_=None):
    """A repetition that found so much."""
    return Repetition(seed, None, {"miou": balanced}, val_all=all_ and {"miou": all_})


def test_a_repetition_of_a_version_before_is_read():
    """It also held its run, epochs and cost, which ``result.json`` beside it has."""
    before = {
        "seed": 1000, "run_id": "672986ef", "val": {"miou": 0.92}, "epochs": 6,
        "train_seconds": 4.8, "seconds_per_gigapixel": 263.7, "squares": {"film 06.tif": 0.94},
        "pixels": "all",
    }  # fmt: skip
    found = Repetition(1000, None, {"miou": 0.92}, 4.8, {"film 06.tif": 0.94}, "all")
    assert Repetition.from_json(before) == found
    assert Repetition.from_json(found.to_json()) == found
    for key in ("val", "squares", "pixels"):
        with pytest.raises(ValueError, match=f"it lacks {key}"):
            Repetition.from_json({name: before[name] for name in before if name != key})


@pytest.mark.parametrize(
    ("goal", "former", "by", "first"),
    [
        ("val_all/miou", False, "val_all/miou", "b"),
        ("val/miou", False, "val/miou", "a"),
        ("cost/seconds_per_gigapixel", False, "val/miou", "a"),
        ("val_all/miou", True, "val/miou", "a"),
    ],
)
def test_places_follow_the_objective_of_the_sweep(monkeypatch, goal, former, by, first):
    """On a rare class balanced pixels prefer another network than the film does."""
    figures = {"a": (0.9, 0.6), "b": (0.8, 0.7)}
    trials = [Trial(name, name, "0", 0.5, 100.0, "s", "p", "c", {}, Objective.named(goal))
              for name in figures]  # fmt: skip
    made = [(trial, run_of(seed, figures[trial.run_id][0],
                           None if former and seed else figures[trial.run_id][1]))
            for trial in trials for seed in range(2)]  # fmt: skip
    monkeypatch.setattr(ranking, "_repetitions", lambda *_: iter(made))
    ranked = rank(None, trials, RankConfig(k=2, seeds=2))
    assert ranked[0].trial.run_id == first
    assert order_goal(ranked).key == by
    assert {row.ordered_by for row in placed(ranked)} == {by}
    assert f", {by} 0." in ranked[0].sentence(order_goal(ranked))


def test_the_median_of_squares_is_that_of_the_repetitions_that_have_it(monkeypatch):
    """Those of earlier versions and without train.val_all have none."""
    trials = [Trial(name, name, "0", 0.5, 100.0, "s", "p", "c", {}, Objective.named("val/miou"))
              for name in "ab"]  # fmt: skip
    for medians, mean in (((0.5, 0.7), 0.6), ((0.5, None), 0.5), ((None, None), None)):
        made = [(trial, replace(run_of(seed, 0.8), val_all={"miou": 0.7, "iou_pore_median": one}))
                for trial in trials for seed, one in enumerate(medians)]  # fmt: skip
        monkeypatch.setattr(ranking, "_repetitions", lambda *_, made=made: iter(made))
        row = placed(rank(None, trials, RankConfig(k=2, seeds=2)))[0]
        assert row.again.val_iou_pore_median == (mean and pytest.approx(mean))


def test_one_trial_is_taken_as_it_is(swept):
    tree, dataset, tracking, folder = swept
    trials = best_trials(tracking, dataset, RankConfig(k=1))
    work = Promotion(Configuration(tree), dataset, folder / "none", tracking, "nobody")
    ranked = rank(work, trials, RankConfig(k=1))
    assert ranked == [Ranked(trials[0])]
    assert placed(ranked)[0].again is None


def test_one_configuration_counts_once_and_its_own_seed_is_not_fresh():
    tree = {"model": {"name": "2dcnn"}, "train": {"epochs": 3}, "seed": 1001, "output": "a"}
    trial = Trial("a", "a", "0", 0.5, 100.0, "s", "p", "c", tree)
    again = replace(trial, tree={**tree, "seed": 0, "output": "b"})
    other = replace(trial, tree={**tree, "train": {"epochs": 4}})
    assert trial.settings == again.settings != other.settings
    assert trial.fresh_seeds(RankConfig(seeds=3)) == [1000, 1002, 1003]
    assert again.fresh_seeds(RankConfig(seeds=3)) == [1000, 1001, 1002]


def test_trials_of_one_configuration_are_run_again_once(swept):
    _tree, dataset, tracking, _folder = swept
    (best, second) = best_trials(tracking, dataset, RankConfig(k=2))
    tags = {
        "fibsem.command": "trial", "fibsem.study": "large", "fibsem.data": dataset.hash,
    }  # fmt: skip
    twin = tracking.start("a twin", tags=tags)
    tracking.log_json(twin, {**best.tree, "seed": 7}, "config.json")
    tracking.log_metrics(twin, {"val/loss": (best.loss + second.loss) / 2})
    tracking.end(twin)
    found = best_trials(tracking, dataset, RankConfig(k=2))
    assert [trial.run_id for trial in found] == [best.run_id, second.run_id]
    tracking.client.delete_run(twin)


def test_a_pruned_trial_is_never_promoted(swept):
    """However good its last epoch was: the training that made it was not finished."""
    _tree, dataset, tracking, folder = swept
    (best,) = best_trials(tracking, dataset, RankConfig(k=1))
    trained = Configuration(best.tree).with_values({"train.epochs": 50, "seed": 90}).tree
    tags = {"fibsem.command": "trial", "fibsem.study": "large", "fibsem.data": dataset.hash}
    job = Job(Configuration(trained), folder / "pruned", "a pruned trial", tags)

    def prune(epoch):
        raise PrunedError(epoch.epoch)

    with pytest.raises(PrunedError):
        run_job(job, Material(dataset, Configuration(trained).run), tracking, prune)
    run_id = read_json(folder / "pruned" / "run.json")["run_id"]
    run = tracking.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert "val/loss" in run.data.metrics
    for studies in (None, ["large"]):
        found = best_trials(tracking, dataset, RankConfig(k=99), studies)
        assert run_id not in [trial.run_id for trial in found]


def test_a_trial_that_diverges_with_a_seed_comes_last(swept, monkeypatch):
    """And a second start remembers it; where all do, one line says so."""
    tree, dataset, tracking, folder = swept
    trials = best_trials(tracking, dataset, RankConfig(k=2), ["large"])
    bad = trials[0].run_id

    def diverging(job, *others):
        if job.tags["fibsem.winner"] in hopeless and job.tags["fibsem.seed"] == 700:
            raise DivergedError("the training loss is nan in epoch 1")
        return run_job(job, *others)

    monkeypatch.setattr("fibsem.promotion.repetition.run_job", diverging)
    how, hopeless = RankConfig(k=2, seeds=2, seed=700), {bad}
    parent = tracking.start("p", tags={})
    work = Promotion(Configuration(tree), dataset, folder / "nan", tracking, parent)
    ranked = rank(work, trials, how)
    assert [(one.trial.run_id, one.failures) for one in ranked] == [
        (trials[1].run_id, 0), (bad, 1),
    ]  # fmt: skip
    assert [row.again.diverged for row in placed(ranked)] == [0, 1]
    reasons = [read_json(file).get("diverged") for file in (folder / "nan").rglob("again.json")]
    assert [reason for reason in reasons if reason is None] == [None] * 3
    assert [reason[:35] for reason in reasons if reason] == ["the training loss is nan in epoch 1"]
    hopeless.clear()
    assert rank(work, trials, how) == ranked

    hopeless |= {trial.run_id for trial in trials}
    none = replace(work, folder=folder / "all")
    with pytest.raises(UserError, match="all 2 trainings diverged"):
        rank(none, trials, RankConfig(k=2, seeds=1, seed=700))


def test_a_trial_knows_how_long_it_took(swept):
    _, dataset, tracking, _ = swept
    best = best_trials(tracking, dataset, RankConfig(k=1))[0]
    assert best.train_s == tracking.find(best.run_id).data.metrics[metric_names.TRAIN_S] > 0
    tracking.log_metrics(best.run_id, {metric_names.EPOCH_S: 1e6}, step=1000)
    assert best_trials(tracking, dataset, RankConfig(k=1))[0].epoch_s == 1e6
