"""Successive halving: who goes on, from where, and that nothing is trained twice."""

import json
from contextlib import nullcontext
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem import sweep
from fibsem.config import SearchConfig, compose
from fibsem.errors import UserError
from fibsem.search.budget.sizes import NetworkCost
from fibsem.search.studies.rungs import (
    NobodyError,
    NotYetError,
    Rung,
    continued,
    epochs_at,
    left_behind,
    read_rungs,
    slots_of,
)
from fibsem.search.studies.slots import Attempt
from fibsem.search.workers import workers
from fibsem.search.workers.pace import Pace
from fibsem.system.files import replace_file
from fibsem.system.summaries.sweep import Counts
from fibsem.training.failures import TrialFailedError
from fibsem.training.planning.growth import Growth
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.stages import stages_of
from fibsem.training.run import CHECKPOINT
from fibsem.training.steps.fit import AfterStep
from tests.search.sweeps import epoch, finished, opened

RUNGS = read_rungs([[9, 2], [3, 6], [1, 18]])


def attempt(slot, state="pruned", number=None, failures=0):
    return Attempt(slot if number is None else number, slot, 0, 0, failures, state, {"a": slot})


def test_a_slot_stops_after_the_epochs_of_its_rung():
    assert [epochs_at(RUNGS, slot) for slot in (0, 8, 9, 11, 12, 13)] == [2, 2, 6, 6, None, None]


@given(st.permutations(range(9)))
def test_the_best_of_a_rung_go_on(order):
    done = [attempt(slot) for slot in range(9)]
    losses = {slot: 0.1 * order[slot] for slot in range(9)}
    found = [continued(RUNGS, slot, done, losses) for slot in (9, 10, 11)]
    assert [order[one.slot] for one in found] == [0, 1, 2]
    assert continued(RUNGS, 3, done, losses) is None  # begins its own


@pytest.mark.parametrize("objective", ["val/loss", "val/miou", "val_all/miou"])
def test_the_objective_says_who_is_the_best_of_a_rung(begin_halving, objective):
    """The larger loss has the larger overlap here."""
    halving, jobs = begin_halving(f"search.objectives=[{objective}]"), []

    def execute(job, on_epoch):
        jobs.append(job)
        loss = 0.1 + job.tree["train"]["learning_rate"]
        for number in range(4):
            on_epoch(epoch(number, loss, loss))
        return finished(loss, loss)

    halving.work(execute, lambda *_: None)
    rates = [job.tree["train"]["learning_rate"] for job in jobs]
    best = min(rates[:4]) if objective == "val/loss" else max(rates[:4])
    assert rates[4] == rates[6] == best
    assert halving.best().values["train.learning_rate"] == best


def test_a_rung_waits_for_the_one_before():
    done = [attempt(slot) for slot in range(8)]
    losses = dict.fromkeys(range(9), 0.5)
    for last in ([], [attempt(8, "running")], [attempt(8, "waiting")]):
        with pytest.raises(NotYetError):
            continued(RUNGS, 9, [*done, *last], losses)
    assert continued(RUNGS, 9, [*done, attempt(8, "failed")], losses).slot == 0


def test_what_diverged_or_began_from_another_seed_does_not_go_on():
    """Its checkpoint is of that seed; where too few are left, a slot stays empty."""
    rungs = (Rung(0, 3, 2), Rung(3, 2, 6))
    done = [attempt(0), attempt(1, failures=1), attempt(2)]
    losses = {1: 0.1, 2: 0.3}  # 0 diverged
    assert continued(rungs, 3, done, losses).slot == 2
    for state in ([], ["waiting"], ["running"], ["complete"]):
        third = [attempt(3, one) for one in state]
        costs = {**losses, **({3: 0.2} if state == ["complete"] else {})}
        with pytest.raises(NobodyError):
            continued(rungs, 4, [*done, *third], costs)
    assert (
        continued(rungs, 4, [*done, attempt(3, "failed")], losses) is None
    )  # or there is no model


def test_a_rung_with_nobody_to_go_on_with_begins_one_training():
    done = [attempt(slot, "failed") for slot in range(9)]
    assert continued(RUNGS, 9, done, {}) is None
    with pytest.raises(NobodyError):
        continued(RUNGS, 10, done, {})
    own = attempt(9)
    assert continued(RUNGS, 12, [*done, own], {9: 0.4}) == own  # though the other two are not there


@pytest.mark.parametrize(
    ("last", "slots"),
    [([], 13), (["complete"], 13), (["running"], 13), (["pruned"], 14), (["failed"], 14),
     (["failed", "pruned"], 15), (["pruned", "complete"], 14)],
)  # fmt: skip
def test_only_a_sweep_without_a_model_gets_another_slot(last, slots):
    """One that diverged is pruned without a figure; those given up before cost no slot."""
    lost = replace(attempt(3, "failed"), final=True)
    before = [attempt(slot) for slot in range(12) if slot != 3]
    ended = [replace(attempt(12 + k, state), final=True) for k, state in enumerate(last)]
    assert slots_of(RUNGS, [*before, lost, *ended], 2) == slots
    costs = {slot: 0.1 * slot for slot in range(12) if slot != 3}
    following = continued(RUNGS, 13, [*before, lost, attempt(12, "failed")], costs)
    assert following.slot == 10  # the second best of those that were left


def test_a_rung_is_left_behind_when_the_next_one_is_full():
    """Its checkpoints are what the next one begins with; those of the last nobody needs."""
    first, second = [attempt(slot) for slot in range(9)], [attempt(slot) for slot in (9, 10, 11)]
    for ahead in (second[:2], [*second[:2], attempt(11, "running")]):
        assert left_behind(RUNGS, [*first, *ahead]) == set()
    assert left_behind(RUNGS, [*first, *second]) == set(range(9))
    everything = [*first, *second, attempt(12, "complete")]
    assert left_behind(RUNGS, everything) == set(range(13))
    assert left_behind((), [*first, attempt(9, "failed"), attempt(10, "running")]) == set(range(9))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rungs": [[2, 1], [3, 6]], "trials": 5}, "fewer and fewer trials"),
        ({"rungs": [[3, 6], [1, 6]], "trials": 4}, "more epochs"),
        ({"rungs": [[3, 2], [1, 6]], "trials": 5}, "must be 4, which are in search.rungs"),
        ({"rungs": [[3, 2], [1, 6]], "trials": 4, "pruner": "median"}, "with pruners"),
        ({"rungs": [[3, 2], [1, 6]], "trials": 4, "sampler": "grid"}, "with pruners, a grid"),
    ],
)
def test_what_are_no_rungs_is_said(given, said):
    given["rungs"] = tuple(tuple(rung) for rung in given["rungs"])
    with pytest.raises(UserError, match=said):
        SearchConfig(**given)


@pytest.fixture
def begin_halving(here):
    """Function (*overrides) -> sweep in rungs of 4, 2 and 1 trials that nobody works on yet."""
    begun = []

    def begin(*overrides):
        begun.append(opened(
            "search.rungs=[[4,1],[2,2],[1,4]]", "search.trials=7", "train.epochs=4",
            "space.axes.model.blocks=[1]", *overrides, **here,
        ))  # fmt: skip
        return begun[-1]

    yield begin
    for one in begun:
        one.study.close()


@pytest.mark.slow
def test_a_sweep_goes_up_its_rungs(begin_halving):
    """With the losses of made-up trainings; one of them diverges."""
    rungs = ["search.rungs=[[6,1],[2,2],[1,4]]", "search.trials=9"]
    halving, jobs, epochs = begin_halving(*rungs), [], []

    def loss_of(job):
        return 0.1 + job.tree["train"]["learning_rate"]

    def execute(job, on_epoch):
        jobs.append(job)
        if len(jobs) == 3:
            raise TrialFailedError(
                "diverged: the training loss is nan", "trace", final=False, diverged=True
            )
        epochs.append(0)
        for number in range(4):
            epochs[-1] = number + 1
            on_epoch(epoch(number, loss_of(job)))
        return finished(loss_of(job))

    halving.work(execute, lambda *_: None)
    assert epochs == [1, 1, 1, 1, 1, 2, 2, 4]
    first = sorted((loss_of(job) for k, job in enumerate(jobs[:6]) if k != 2))
    assert [loss_of(job) for job in jobs[6:]] == [first[0], first[1], first[0]]
    continued = [one.continues for one in halving.study.attempts()]
    assert continued[:6] == [None] * 6
    assert continued[8] == 6
    rates = [job.tree["train"]["learning_rate"] for job in jobs]
    assert [rates.index(job.tree["train"]["learning_rate"]) for job in jobs[6:8]] == continued[6:8]
    assert halving.summary(0).trials == Counts(1, 8, 0)


def test_the_time_that_is_left_is_that_of_longer_rungs(begin_halving, monkeypatch):
    halving, works = begin_halving(), []

    def progress(title, most_s, work):
        works.append(work)
        return nullcontext(lambda *_: None)

    monkeypatch.setattr(workers, "Progress", progress)
    monkeypatch.setattr(type(halving), "work", lambda *_: None)
    workers.run_trials(halving, 1)
    ends = [rung.first + rung.count for rung in read_rungs(halving.search.rungs)]
    stages = stages_of(halving.search.rungs)
    done = accumulate(stage.count * stage.epochs for stage in stages)
    assert [works[0](end) for end in ends] == list(done)


def test_what_is_given_up_in_a_rung_is_not_made_up_for(begin_halving):
    """The best two of three go on, and no seventh training begins behind the last rung."""
    halving, jobs = begin_halving("search.retries=0"), []

    def execute(job, on_epoch):
        jobs.append(job)
        if len(jobs) == 2:
            raise TrialFailedError("impossible", "trace", final=True)
        loss = 0.1 + job.tree["train"]["learning_rate"]
        for number in range(4):
            on_epoch(epoch(number, loss))
        return finished(loss)

    halving.work(execute, lambda *_: None)
    assert [int(job.folder.name) for job in jobs] == list(range(7))
    assert halving.summary(0).trials == Counts(1, 5, 1)


def test_a_survivor_that_diverges_at_the_end_is_followed_by_the_next_best(begin_halving):
    """A sweep of rungs comes to a model."""
    halving, jobs = begin_halving(), []

    def execute(job, on_epoch):
        jobs.append(job)
        if len(jobs) == 7:
            raise TrialFailedError("diverged: nan", "trace", final=False, diverged=True)
        loss = 0.1 + job.tree["train"]["learning_rate"]
        for number in range(4):
            on_epoch(epoch(number, loss))
        return finished(loss)

    halving.work(execute, lambda *_: None)
    assert [int(job.folder.name) for job in jobs] == list(range(8))
    continued = [one.continues for one in halving.study.attempts()]
    assert continued[6:] == [4, 5]
    assert halving.best().slot == 7


def test_a_second_attempt_goes_on_with_whom_the_first_one_would_have(begin_halving):
    """Though that has lost its copy of what it went on from."""
    halving, jobs = begin_halving(), []

    def execute(job, on_epoch):
        jobs.append(job)
        checkpoint = job.folder / CHECKPOINT
        if len(jobs) == 5:
            checkpoint.unlink()
            raise TrialFailedError("its process was ended", "", final=False, of_training=False)
        if len(jobs) <= 4:
            replace_file(checkpoint, str(job.tree["train"]["learning_rate"]).encode())
        assert float(checkpoint.read_bytes()) == job.tree["train"]["learning_rate"]
        loss = 0.1 + job.tree["train"]["learning_rate"]
        for number in range(4):
            on_epoch(epoch(number, loss))
        return finished(loss)

    halving.work(execute, lambda *_: None)
    assert [int(job.folder.name[:4]) for job in jobs] == [0, 1, 2, 3, 4, 4, 5, 6]
    first, second = (one for one in halving.study.attempts() if one.slot == 4)
    assert second.continues == first.continues is not None


@pytest.mark.slow
def test_who_goes_on_ends_where_one_training_would_have(small, new_store, tmp_path):
    """Really trained: the winner against the same trial on its own, without rungs."""
    store, found = new_store(tmp_path), {}
    always = [
        *small, *store, "space=smoke", "space.axes.model.blocks=[1]",
        "space.axes.model.filters=[4]", "train.epochs=4", "train.schedule=wsd",
    ]  # fmt: skip
    for name, how in (
        ("rungs", ["search.rungs=[[3,1],[1,4]]", "search.trials=4"]),
        ("whole", ["search.trials=3"]),
    ):
        sweep.main(compose("sweep", [*always, *how, f"output={tmp_path / name}"]))
        found[name] = json.loads((tmp_path / name / "trials.json").read_text())
    (winner,) = [row for row in found["rungs"] if row["state"] == "complete"]
    keys = [key for key in winner if key.startswith(("model.", "train."))]
    (same,) = [row for row in found["whole"] if all(row[key] == winner[key] for key in keys)]
    assert winner["val/loss"] == same["val/loss"]


def test_a_training_is_as_long_at_its_end_as_its_network_allows(begin_halving):
    """All of its attempts are told the same, so that one goes on from the other's checkpoint."""
    halving, asked = (
        begin_halving("space.axes.model.filters=[4,16]", "space.enumerate=[model.filters]"),
        {},
    )
    rungs = tuple(tuple(rung) for rung in halving.search.rungs)
    plan = Plan(60.0, "abc", 7, 4, 100, 0.1, 0.1, 1.0, rungs, goes_on=1.0)
    filters = [{"model.filters": count} for count in (4, 16)]
    assert [halving.epochs_of(one) for one in filters] == [None, None]
    halving.pace = Pace(plan=plan)
    assert [halving.epochs_of(one) for one in filters] == [None, None]
    configs = [halving.configuration.with_values(each).run for each in filters]
    one, two = (
        NetworkCost.of(config.spec, halving.material.for_config(config).step_shape)
        for config in configs
    )
    halving.pace = Pace(plan=replace(plan, growth=Growth(1.0, {"2dcnn": 1 / one.operations})))
    assert two.operations > 2 * one.operations
    assert [halving.epochs_of(each) for each in filters] == [4, 3]  # half of two more
    assert halving.epochs_of({"model.blocks": 99}) is None

    def execute(job, on_epoch):
        train, network = job.tree["train"], job.tree["model"]["filters"]
        asked.setdefault(network, set()).add(train["epochs"])
        loss = 0.1 * network + train["learning_rate"]
        for number in range(train["epochs"]):
            on_epoch(epoch(number, loss))
        return finished(loss)

    halving.work(execute, lambda *_: None)
    assert asked == {4: {4}, 16: {3}}
    assert halving.summary(0).trials == Counts(1, 6, 0)


@pytest.mark.slow
def test_a_small_network_that_wins_uses_the_time_of_its_last_rung(
    tiny, new_store, tmp_path, material
):
    """Really trained: four epochs behind the rung before, where two were planned on average."""
    plan = Plan(
        600.0, material().dataset.hash, 6, 6, 4, 0.1, 0.1, 1.0, ((3, 2), (2, 4), (1, 6)),
        schedule="wsd", growth=Growth(0.5, {"2dcnn": 1e-9}),
    )  # fmt: skip
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    folder = tmp_path / "sweep"
    sweep.main(compose("sweep", [
        f"data.path={tiny}", "nbhd=11x11x3", *new_store(tmp_path), "space=smoke",
        "space.axes.model.blocks=[1]", "space.axes.model.filters=[4]",
        f"plan={tmp_path / 'plan.json'}", f"output={folder}",
    ]))  # fmt: skip
    found = json.loads((folder / "summary.json").read_text())
    assert found["trials"] == {"complete": 1, "pruned": 5, "failed": 0}
    epochs = [
        json.loads(file.read_text())["epochs"] for file in folder.glob("trials/*/result.json")
    ]
    assert epochs == [8]


@pytest.mark.slow
def test_the_steps_of_all_attempts_are_those_of_the_plan(small, new_store, tmp_path, monkeypatch):
    """Really trained, in epochs of which many lie between two checkpoints of a time."""
    worked, after = [], AfterStep.on_train_batch_end

    def count(self, batch, logs=None):
        worked.append(batch)
        after(self, batch, logs)

    monkeypatch.setattr(AfterStep, "on_train_batch_end", count)
    plan = Plan(60.0, "abc", 6, 6, 4, 0.1, 0.1, 1.0, ((3, 2), (2, 4), (1, 6)))
    sweep.main(compose("sweep", [
        *small, *new_store(tmp_path), "space=smoke", "space.axes.model.blocks=[1]",
        "space.axes.model.filters=[4]", "search.rungs=[[3,2],[2,4],[1,6]]", "search.trials=6",
        "train.epochs=6", "train.schedule=wsd", "train.patience=null",
        f"output={tmp_path / 'sweep'}",
    ]))  # fmt: skip
    found = json.loads((tmp_path / "sweep" / "summary.json").read_text())
    assert found["trials"] == {"complete": 1, "pruned": 5, "failed": 0}
    assert len(worked) == plan.all_epochs * plan.steps
