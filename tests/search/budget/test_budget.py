"""A budget of a sweep: how many trials of how many steps, and one plan one sweep."""

import json
import tempfile
import time
from dataclasses import replace
from functools import partial
from random import random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from keras_tuner.engine.base_tuner import BaseTuner

from fibsem import models, sweep
from fibsem.api.sweeping import prepare, search
from fibsem.config import Configuration, SearchConfig, TrainConfig, compose
from fibsem.errors import UserError
from fibsem.search.budget import budget
from fibsem.search.budget.brackets import brackets_of
from fibsem.search.budget.budget import (
    MOST_TRIALS,
    STEPS,
    by_brackets,
    disk_mib,
    halving,
    number_of_trials,
    of_those_that_begin,
    plan_sweep,
    values,
)
from fibsem.search.budget.sizes import NetworkCost, to_be_timed
from fibsem.search.space.declared import read_space
from fibsem.search.space.space import Range, Space
from fibsem.search.studies.tuner_oracle import draw, make_oracle
from fibsem.search.workers.shares import probe_at_once
from fibsem.training.material.datasets import obtain
from fibsem.training.material.material import Material
from fibsem.training.planning.budgeting import plan_trainings
from fibsem.training.planning.instead import FEWEST_STEPS
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.probing import Probe
from fibsem.training.planning.sentence import sentence
from fibsem.training.scoring.objectives import Objective
from fibsem.training.steps.checkpoint import continuation, save
from fibsem.training.steps.fit import AfterStep
from fibsem.training.steps.learner import Learner
from fibsem.training.steps.state import TrainingState

#: A space of one network, which is traced once.
ONE = ("space=smoke", "space.axes.model.blocks=[1]", "space.axes.model.filters=[4]")


@given(st.floats(1e-3, 0.5), st.floats(0.5, 20), st.floats(300, 40_000))
def test_trials_are_long_enough_and_share_the_time(step, once, seconds):
    found = Probe(step, 2 * step, once, 1e-6)
    trials = number_of_trials(found, seconds)
    assert 1 <= trials <= MOST_TRIALS
    plan = plan_trainings(found, seconds, 0.0, "abc", trials=trials)
    assert plan.seconds <= seconds * (1 + 1e-9)  # sums of floats
    if trials > 1:
        assert plan.epochs * plan.steps >= 0.8 * STEPS
        assert plan.trial_s >= 0.9 * 5 * once
    assert plan.epochs * plan.steps >= FEWEST_STEPS


@given(st.floats(1e-3, 0.5), st.floats(0.01, 2), st.floats(0.5, 20), st.floats(60, 40_000))
def test_halving_fills_a_budget_and_validates_a_tenth_of_it(step, validation, once, budget):
    found = Probe(step, validation, once, 1e-6, goes_on=1.25)
    plan = halving(found, budget, 20.0, "abc")
    if plan is None:
        return
    assert plan.seconds <= budget - 20 + 1e-6
    assert plan.seconds >= budget - 20 - plan.as_average * step - 1e-6
    assert plan.all_epochs * validation <= 0.1 * (budget - 20)
    assert plan.all_epochs < plan.as_average <= 1.25 * plan.all_epochs
    assert sum(count for count, _ in plan.rungs) == plan.trials
    assert plan.epochs == plan.rungs[-1][1] in (9, 18)
    rates = [rate_at(plan, epochs) for _, epochs in plan.rungs]
    assert rates[0] == rates[1] == 0.01 > rates[2]  # only who comes to the end comes to rest
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert SearchConfig(rungs=plan.rungs, trials=plan.trials).rungs == plan.rungs


@pytest.mark.parametrize(("validation", "epochs"), [(0.2, 18), (0.44, 9)])
def test_validations_that_take_long_are_fewer(validation, epochs):
    """Five minutes of flyem had no room for 42 of them, by a step."""
    plan = halving(Probe(0.041, validation, 4.6, 1e-6, goes_on=1.25), 300, 33.0, "abc")
    assert plan is not None
    assert (plan.trials, plan.epochs) == (13, epochs)
    assert 42 * 95 < plan.all_epochs * plan.steps < 42 * 120


@given(st.floats(1e-3, 0.5), st.floats(0.01, 2), st.floats(0.5, 20), st.floats(60, 40_000),
       st.integers(1, 6))  # fmt: skip
@example(0.00390625, 2.0, 0.5, 60.0, 1)  # a validation takes longer than its steps
@example(0.015625, 1.0, 1.0, 60.0, 1)
def test_workers_share_a_budget(step, validation, once, budget, workers):
    """The rungs one after the other, each as long as the worker with the most of it."""
    found = Probe(step, validation, once, 1e-6, goes_on=1.25)
    plan = halving(found, budget, 20.0, "abc", workers)
    if plan is not None:
        assert busy_s(plan, workers) == pytest.approx(plan.seconds)
        assert budget - 20 - plan.as_average * step - 1e-6 <= plan.seconds <= budget - 20 + 1e-6
    trials = number_of_trials(found, budget - 20, workers)
    if trials > workers:
        whole = plan_trainings(found, budget, 20.0, "abc", trials=trials, workers=workers)
        assert busy_s(whole, workers) == pytest.approx(whole.seconds)
        assert whole.seconds <= budget - 20 + 1e-6
        assert whole.epochs * whole.steps >= 0.8 * STEPS


def busy_s(plan, workers):
    """What trainings of a plan take that are dealt to workers, a rung when that before is over."""
    rungs = plan.rungs or ((plan.trials, plan.epochs),)
    reached, seconds = 0, 0.0
    for count, epochs in rungs:
        each = [0] * workers
        for k in range(count):
            each[k % workers] += 1
        weight = 1.25 if reached else 1.0
        epoch_s = plan.steps * plan.step_s + plan.validation_s
        seconds += max(each) * (plan.once_s + weight * (epochs - reached) * epoch_s)
        reached = epochs
    return seconds


@pytest.mark.parametrize("longest", [1, 3, 9, 10, 27])
def test_brackets_are_those_of_keras_tuner(longest):
    """Of an oracle whose trainings all come to a value."""
    space = Space("test", {"a": Range(0.0, 1.0)}, (), 2, lambda values: True)
    goal = Objective.named("val/loss")
    oracle = make_oracle("hyperband", space, goal, seed=0, startup=10, longest=longest)
    oracle.verbose = 0
    wanted = [rung for bracket in brackets_of(longest) for rung in bracket]
    with tempfile.TemporaryDirectory() as folder:
        BaseTuner(oracle, directory=folder, project_name="oracle")  # its files
        for count, epochs in wanted:
            for _ in range(count):
                trial = draw(oracle, "one")
                assert trial.hyperparameters.values["tuner/epochs"] == epochs
                oracle.update_trial(trial.trial_id, {"val/loss": random()})
                trial.status = "COMPLETED"
                oracle.end_trial(trial)


@pytest.mark.parametrize(("budget_s", "brackets"), [(600, 1), (3600, 4)])
def test_hyperband_fills_a_budget_by_its_brackets(budget_s, brackets):
    """Of ten minutes the first, of an hour all; one of 27 epochs begins with 27 of one."""
    found = Probe(0.02, 0.2, 2.0, 1e-6)
    plan = by_brackets(found, 27, budget_s, 20.0, "abc")
    rungs = [rung for bracket in brackets_of(27)[:brackets] for rung in bracket]
    assert list(plan.rungs) == rungs
    assert rungs[:4] == [(27, 1), (9, 3), (3, 9), (1, 27)]
    assert 0.95 * (budget_s - 20) <= plan.seconds <= budget_s - 20
    set_by = values(plan, halves=False)
    assert set_by["search.trials"] == plan.trials == sum(count for count, _ in rungs)
    assert (set_by["search.rungs"], set_by["train.schedule"]) == ([], "constant")
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_a_budget_too_short_for_a_bracket_says_what_would_do():
    found = Probe(0.1, 0.2, 2.0, 1e-6)
    with pytest.raises(UserError, match=r"at least \d+s for a bracket.*40 trainings") as refused:
        by_brackets(found, 27, 120, 20.0, "abc")
    assert "search.hyperband.epochs=9" in str(refused.value)
    least = int(str(refused.value).partition("at least ")[2].partition("s for")[0])
    assert by_brackets(found, 27, least, 20.0, "abc").steps >= 60


def rate_at(plan, epochs):
    how = TrainConfig(learning_rate=0.01, schedule=plan.schedule, epochs=plan.epochs)
    return how.rates.at(epochs)


def test_a_plan_of_a_version_before_keeps_its_cosine():
    before = Plan(60.0, "abc", 13, 18, 3, 0.1, 0.2, 5.0, ((9, 2), (3, 6), (1, 18))).to_json()
    for key in ("schedule", "workers", "disk_mib"):
        del before[key]
    assert values(Plan.from_json(before))["train.schedule"] == "cosine"


def test_halving_waits_for_enough_time():
    assert halving(Probe(0.1, 0.2, 5.0, 1e-6), 60, 20, "abc") is None
    found = halving(Probe(0.02, 0.1, 3.0, 1e-6), 1800, 20, "abc")
    assert [count for count, _ in found.rungs] == [72, 24, 8]
    assert "72 of 2 epochs, 24 of 6 epochs, 8 of 18 epochs" in sentence(found)


def test_a_plan_says_who_shares_the_work_and_what_it_keeps():
    """Of the best ten weights and a checkpoint, of all that may go on a checkpoint."""
    whole = Plan(600.0, "abc", 40, 5, 100, 0.1, 0.2, 5.0)
    mib = 4 * 2**18 / 2**20  # of each of the networks
    assert disk_mib(whole, 10, 2**18) == 10 * (1 + 5) * mib
    assert disk_mib(whole, None, 2**18) == 40 * (1 + 5) * mib
    assert disk_mib(whole, 10, 2**18, all_checkpoints=True) == (10 + 5 * 40) * mib
    assert disk_mib(replace(whole, pruned=True), None, 2**18) == 600 * mib
    rungs = replace(whole, trials=39, rungs=((27, 2), (9, 6), (3, 18)))
    assert disk_mib(rungs, 10, 2**18) == (10 + 5 * 37) * mib
    said = sentence(replace(whole, workers=2, disk_mib=60.0))
    assert said.startswith("plan: 40 trainings by 2 workers, ")
    assert said.endswith("; at most 60 MiB of weights")
    assert "worker" not in sentence(whole)


def test_what_a_training_leaves_is_what_was_said(material, tmp_path):
    some = material("model.filters=32")
    spec, learner = some.config.spec, Learner.of(some.config)
    state = TrainingState.of(some.config.train)
    state.best, state.best_weights = 0, learner.scored.get_weights()
    save(learner, state, tmp_path / "checkpoint.npz", continuation(some.identity))
    models.save(spec, learner.scored, tmp_path)
    left = sum(path.stat().st_size for path in tmp_path.iterdir())
    one = Plan(60.0, "abc", 1, 1, 1, 0.1, 0.2, 5.0)
    assert left / 2**20 == pytest.approx(disk_mib(one, 10, learner.scored.count_params()), rel=0.3)


@pytest.mark.parametrize("pruner", ["median", "none"])
def test_what_the_timing_took_is_no_more_there_for_trials(material, monkeypatch, pruner):
    """Each of four networks has a quarter of the budget at most to be timed."""
    found, given = Probe(0.1, 0.2, 5.0, 1e-6), []

    def probe(_, most_s):
        given.append(most_s)
        return found

    monkeypatch.setattr(budget, "probe", probe)
    monkeypatch.setattr(budget, "average", lambda probes, *_: probes[0])  # of one size
    bounded = "search.constraints={cost/seconds_per_gigapixel: 1e9}"  # no halving
    how = ["space=smoke", "nbhd=11x11x3", f"search.pruner={pruner}", bounded]
    tree = compose("sweep", how)
    begun = time.perf_counter() - 100
    plan = plan_sweep(Configuration(tree), read_space(tree), material(), 600, begun)
    assert given == [150.0] * 4
    assert plan.trials == number_of_trials(found, 495) < number_of_trials(found, 600)
    assert 400 < plan.seconds <= 500
    assert (plan.pruned, plan.fills) == ((True, False) if pruner == "median" else (False, True))
    # as long as there is time
    assert values(plan)["search.trials"] == (MOST_TRIALS if plan.pruned else 2 * plan.trials)
    assert values(replace(plan, filled=31))["search.trials"] == 31


@pytest.mark.parametrize("network", ["model=auto", "model=unet"])
def test_a_budget_is_planned_over_any_networks(material, monkeypatch, network):
    monkeypatch.setattr(budget, "probe", lambda *_: Probe(0.05, 0.1, 2.0, 1e-6))
    monkeypatch.setattr(budget, "COUNTED", 6)
    given = Configuration(compose("sweep", [network, "nbhd=11x11x3"]))
    plan = plan_sweep(given, read_space(given.tree), material(), 900, time.perf_counter())
    assert plan.rungs


def test_the_average_is_that_of_the_networks_that_begin(material, monkeypatch):
    """In the order of the sweep; sizes of other points of the space say nothing of it."""
    given = Configuration(compose("sweep", ["model=2dcnn", "nbhd=33x33x3", "space=2d"]))
    space = read_space(given.tree)

    def seconds(operations):
        return Probe(1e-5 * operations**0.4, 1e-5, 2.0, 1e-9)

    def size(material):
        return NetworkCost.of(material.config.spec, material.step_shape)

    monkeypatch.setattr(budget, "probe", lambda one, _: seconds(size(one).operations))
    plan = plan_sweep(given, space, material(), 900, time.perf_counter())
    begin = plan.rungs[0][0]
    assert begin % 9 == 0
    assert plan.lengthens
    points = budget.first(space, 0, "enumerated")
    configs = [given.with_values(point).run for point in points]
    sized = [size(material().for_config(one)) for one in configs]
    steps = [seconds(one.operations).step_s for one in sized]
    assert plan.step_s == pytest.approx(np.mean(steps[:begin]), rel=0.05)
    told = [plan.step_s * plan.growth.times(one.architecture, one.operations) for one in sized]
    assert told == pytest.approx(steps, rel=0.1)
    epochs = [plan.epochs_of(one.architecture, one.operations) for one in sized]
    assert sorted(epochs, reverse=True) == [epochs[k] for k in np.argsort(steps)]
    assert min(epochs) < max(epochs)
    if begin < len(points):
        assert abs(np.mean(steps) / np.mean(steps[:begin]) - 1) > 0.06


@pytest.mark.parametrize(
    ("begin_of", "began", "planned_for"),
    [
        ({16: 18}, [16], 16),
        ({16: 9, 9: 9}, [16, 9], 9),
        ({16: 36, 9: 9}, [16], 16),  # of more than are counted
        ({16: 9, 9: 12, 12: 12}, [16, 9, 12], 12),
        ({16: 9, 9: 12, 12: 9}, [16, 9, 12, 9, 12], 12),  # they never agree: nine begin
        ({16: 9, 9: None}, [16, 9], 9),
    ],
)
def test_it_is_planned_for_as_many_networks_as_begin(begin_of, began, planned_for):
    """Nine were planned by the average of the eighteen that a first plan had."""
    averaged, networks = [], [NetworkCost("2dcnn", float(k)) for k in range(1, 17)]

    def estimated(some):
        averaged.append(len(some))
        return Probe(float(len(some)), 0.1, 2.0, 1e-6)

    def halve(like):
        begin = begin_of[int(like.step_s)]
        plan = Plan(60.0, "abc", 13, 18, 9, 0.1, 0.1, 1.0, ((begin or 0, 2), (1, 18)))
        return None if begin is None else replace(plan, trials=begin + 4)

    like, plan = of_those_that_begin(estimated, networks, halve)
    assert averaged == began
    assert int(like.step_s) == planned_for
    begin = begin_of[planned_for]
    assert plan is None if begin is None else plan.rungs[0][0] == begin


def test_where_there_are_fewer_points_than_workers_some_are_timed_twice():
    networks = [NetworkCost("2dcnn", cost) for cost in (1.0, 2.0)]
    assert to_be_timed(networks, 3, 60) == (1, [0, 1, 0])


@pytest.mark.slow
def test_a_sweep_is_begun_anew_by_the_plan_in_its_own_folder(tiny, new_store, tmp_path, material):
    """It is read before the folder is emptied, and refused before, too."""
    plan, folder = Plan(600.0, material().dataset.hash, 1, 1, 3, 0.1, 0.2, 5.0), tmp_path / "one"
    folder.mkdir()
    kept = folder / "plan.json"
    kept.write_text(json.dumps(replace(plan, work="sweep of 2dcnn 11x11x3").to_json()))
    given = [
        f"data.path={tiny}", "nbhd=11x11x3", *ONE, *new_store(tmp_path),
        f"output={folder}", f"plan={kept}", "overwrite=true",
    ]  # fmt: skip
    found = []
    for _ in range(2):
        sweep.main(compose("sweep", given))
        found.append(json.loads((folder / "summary.json").read_text()))
    assert found[0]["plan"] == found[1]["plan"] == json.loads(kept.read_text())
    assert found[0]["best"]["run_id"] != found[1]["best"]["run_id"]
    kept.write_text(json.dumps(replace(plan, work="train of 2dcnn 11x11x3").to_json()))
    with pytest.raises(UserError, match="of this command and network"):
        search(prepare(compose("sweep", given)))
    assert json.loads((folder / "summary.json").read_text()) == found[1]


def reading(config):
    return partial(obtain, config.data, config.split), partial(Material, config=config)


@pytest.mark.slow
def test_networks_are_timed_as_workers_train_them(small):
    """Beside one another, each with half of the machine."""
    configs = [
        Configuration(compose("train", [*small, f"model.filters={filters}"])) for filters in (4, 8)
    ]
    few, many = probe_at_once([reading(one.run) for one in configs], 30.0)
    assert few.parameters < many.parameters
    assert min(few.step_s, few.validation_s, few.once_s, many.step_s) > 0


@pytest.mark.slow
def test_what_cannot_be_timed_beside_others_is_said_in_a_line(small, tmp_path):
    given = Configuration(compose("train", [*small, f"data.path={tmp_path / 'nothing'}"]))
    with pytest.raises(UserError, match=r"`data.path` must name"):
        probe_at_once([reading(given.run)], 30.0)


@pytest.mark.slow
def test_a_plan_says_how_many_trials_there_are(tiny, new_store, tmp_path, material):
    """Repeated from its file it gives the same trials, of the same steps."""
    plan = Plan(600.0, material().dataset.hash, 2, 1, 3, 0.1, 0.2, 5.0)
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    store, found = new_store(tmp_path), []
    for name in ("one", "two"):
        given = [
            f"data.path={tiny}", "nbhd=11x11x3", *ONE, *store,
            f"output={tmp_path / name}", f"plan={tmp_path / 'plan.json'}",
        ]  # fmt: skip
        sweep.main(compose("sweep", given))
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        assert summary["trials"]["complete"] + summary["trials"]["pruned"] == 2
        assert summary["plan"] == plan.to_json()
        found.append(json.loads((tmp_path / name / "trials.json").read_text()))
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_sweep_goes_on_by_its_plan_after_a_limit_of_its_first_start(
    tiny, new_store, tmp_path, material
):
    plan = Plan(600.0, material().dataset.hash, 2, 1, 3, 0.1, 0.2, 290.0, fills=True)
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    store, found = new_store(tmp_path), []
    for limit in ("0.001", "null"):
        given = [
            f"data.path={tiny}", "nbhd=11x11x3", *ONE, *store,
            f"search.max_seconds={limit}", f"output={tmp_path / 'sweep'}",
            f"plan={tmp_path / 'plan.json'}",
        ]  # fmt: skip
        sweep.main(compose("sweep", given))
        found.append(json.loads((tmp_path / "sweep" / "summary.json").read_text()))
    trials = [sum(one["trials"].values()) for one in found]
    assert trials == [1, 4]
    assert [one["plan"]["filled"] for one in found] == [None, 4]
    assert found[0]["budget"]["used_s"] < found[1]["budget"]["used_s"]


@pytest.mark.slow
def test_a_sweep_of_whole_trainings_is_repeated_by_what_its_end_came_to(
    tiny, new_store, tmp_path, material
):
    """Really trained: a longer one, one that was left out, and as many as there were."""
    plan = Plan(
        0.5, material().dataset.hash, 2, 1, 4, 0.1, 0.1, 1.0, fills=True, lengthens=True, filled=3,
        lengths=((1, 6), (2, 0)),
    )  # fmt: skip
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    store, tables = new_store(tmp_path), []
    for name in ("one", "two"):
        folder = tmp_path / name
        sweep.main(compose("sweep", [
            f"data.path={tiny}", "nbhd=11x11x3", *ONE, *store, f"output={folder}",
            f"plan={tmp_path / 'plan.json'}",
        ]))  # fmt: skip
        assert json.loads((folder / "summary.json").read_text())["plan"] == plan.to_json()
        tables.append(json.loads((folder / "trials.json").read_text()))
        resolved = {
            int(file.parent.name): json.loads(file.read_text())["settings"]["train.steps"]
            for file in folder.glob("trials/*/identity.json")
        }
        assert resolved == {0: 4, 1: 6, 3: 4}
    assert tables[0] == tables[1]
    assert [row["state"] for row in tables[0]] == ["complete", "complete", "stopped", "complete"]


@pytest.mark.slow
def test_a_sweep_whose_last_training_was_longer_is_repeated_by_its_plan(
    tiny, new_store, tmp_path, material, monkeypatch
):
    """Really trained, as long as its warm-up allows; with a budget that is used up by then.

    Interrupted in its last rung it goes on with the same end.
    """
    plan = Plan(
        600.0, material().dataset.hash, 6, 6, 4, 0.1, 0.1, 1.0, ((3, 2), (2, 4), (1, 6)),
        schedule="wsd", lengthens=True,
    )  # fmt: skip
    steps, after, store = [], AfterStep.on_train_batch_end, new_store(tmp_path)

    def interrupt(self, batch, logs=None):
        steps.append(batch)
        if len(steps) == plan.steps * (3 * 2 + 2 * 2 + 9):
            raise KeyboardInterrupt
        after(self, batch, logs)

    def run(name, plan):
        file, folder = tmp_path / f"{name}.json", tmp_path / name
        file.write_text(json.dumps(plan.to_json()))
        sweep.main(compose("sweep", [
            f"data.path={tiny}", "nbhd=11x11x3", *ONE, *store, "train.warmup=0.2",
            f"output={folder}", f"plan={file}",
        ]))  # fmt: skip
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["trials"] == {"complete": 1, "pruned": 5, "failed": 0}
        assert summary["plan"]["lengths"] == [[5, 20]]  # four epochs are a fifth of it
        (result,) = folder.glob("trials/*/result.json")
        history = json.loads(result.read_text())["history"]
        return [{**one, "seconds": 0, "val_seconds": 0} for one in history]

    whole = run("whole", plan)
    assert len(whole) == 20
    assert run("late", replace(plan, budget_s=0.5, lengths=((5, 20),))) == whole
    tables = [json.loads((tmp_path / one / "trials.json").read_text()) for one in ("whole", "late")]
    assert tables[0] == tables[1]
    with monkeypatch.context() as patch:
        patch.setattr(AfterStep, "on_train_batch_end", interrupt)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run("interrupted", plan)
    assert (tmp_path / "interrupted" / "trials" / "0005" / "checkpoint.npz").is_file()
    assert run("interrupted", plan) == whole
