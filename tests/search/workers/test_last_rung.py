"""Trainings of the last rung take what the clock has left, once for each slot."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fibsem.search.studies.rungs import epochs_at, read_rungs
from fibsem.search.workers.pace import Pace, settle_plan
from fibsem.system.files import replace_file
from fibsem.system.identity import Identity
from fibsem.system.summaries.budget import CutOff
from fibsem.training.failures import TrialFailedError
from fibsem.training.planning.plan import Plan
from fibsem.training.run import CHECKPOINT
from fibsem.training.steps.checkpoint import CheckpointRecord
from tests.search.sweeps import Machine, cut_from, epoch, finished, opened

#: Epochs of a second: six, four and four of them.
PLAN = Plan(
    14.0, "abc", 6, 8, 100, 0.01, 0.0, 0.0, ((3, 2), (2, 4), (1, 8)), schedule="wsd", goes_on=1.0,
    lengthens=True,
)  # fmt: skip


@pytest.fixture
def begin(here):
    """Function (machine, *overrides, plan, folder) -> a sweep by a plan that nobody works on."""
    begun = []

    def begin_one(machine, *overrides, plan=PLAN, folder="sweep", strict=False):
        rungs = json.dumps([list(rung) for rung in plan.rungs])
        begun.append(opened(
            f"search.rungs={rungs}", f"search.trials={plan.trials}", "train.epochs=8",
            "train.schedule=wsd", "space.axes.model.blocks=[1]", *overrides,
            **{**here, "folder": here["folder"] / folder},
        ))  # fmt: skip
        until = machine.now + plan.budget_s if strict else float("inf")
        begun[-1].pace = Pace(
            until, strict, plan, read_rungs(plan.rungs), machine, ends=machine.now + plan.budget_s
        )
        return begun[-1]

    yield begin_one
    for one in begun:
        one.study.close()


def leave_checkpoint(job, history):
    """What a training leaves that is stopped, but for its networks."""
    settings = {f"train.{key}": job.tree["train"][key] for key in ("epochs", "schedule", "warmup")}
    identity = Identity("training", settings, {})
    record = CheckpointRecord(best=0, history=(*history,), identity=identity).to_json()
    job.folder.mkdir(parents=True, exist_ok=True)
    np.savez(job.folder / "written.npz", record=np.frombuffer(json.dumps(record).encode(), "u1"))
    replace_file(job.folder / CHECKPOINT, (job.folder / "written.npz").read_bytes())


def work(sweep, machine, spoilt=lambda slot, number: None):
    """Work it off; returns slots and epochs that each training was to have."""
    asked, reached, rungs = [], {}, sweep.pace.rungs

    def execute(job, on_epoch):
        train, slot = job.tree["train"], int(job.folder.name[:4])
        loss, history = 0.1 + train["learning_rate"], []
        asked.append((slot, train["epochs"]))
        for number in range(train["epochs"]):
            if number >= reached.get(loss, 0):
                machine.now += machine.epoch_s
                reached[loss] = number + 1
            history.append(replace(epoch(number, loss), seconds=machine.epoch_s, val_seconds=0.0))
            if number + 1 == epochs_at(rungs, slot):
                leave_checkpoint(job, history)
            spoilt(slot, number)
            on_epoch(history[-1])
        return replace(finished(loss), history=tuple(history))

    sweep.work(execute, lambda *_: None)
    return asked


def diverges(slot, number):
    if (slot, number) == (5, 11):
        raise TrialFailedError("diverged: nan", "trace", final=False, diverged=True)


@pytest.mark.parametrize(("epoch_s", "least"), [(0.5, 0.9), (2.0, 2.0)])
def test_what_is_left_is_used_and_no_step_that_is_planned_is_left_out(begin, epoch_s, least):
    """On a machine twice as fast as when it was timed, and on one that is half as fast."""
    machine = Machine(epoch_s)
    asked = work(begin(machine, "train.warmup=0"), machine)
    assert [epochs for _, epochs in asked[:-1]] == [8] * 5  # by which their warm-up goes
    assert asked[-1] == (5, 21 if epoch_s < 1 else 8)
    assert least <= machine.now / PLAN.budget_s <= max(1.0, epoch_s)


def test_a_plan_of_a_version_before_is_repeated_as_it_was(begin, tmp_path):
    machine, plan = Machine(0.5), replace(PLAN, lengthens=False)
    sweep = begin(machine, "train.warmup=0", plan=plan)
    assert work(sweep, machine)[-1] == (5, 8)
    assert sweep.study.get("length/5") is None
    assert settle_plan(plan, sweep.pace, sweep.study, tmp_path) == plan


def test_a_training_is_no_longer_than_its_warm_up_allows(begin):
    machine = Machine(0.1)
    assert work(begin(machine, "train.warmup=0.25"), machine)[-1] == (5, 16)


@pytest.mark.parametrize(
    ("count", "workers", "turns"),
    [(2, 1, [2, 1]), (2, 2, [1, 1]), (3, 2, [2, 2, 1])],
)
def test_trainings_of_the_last_rung_share_what_is_left(begin, monkeypatch, count, workers, turns):
    """All that a worker has in turn, the same; and those beside it do not share with it."""
    plan = replace(PLAN, rungs=((5, 2), (4, 4), (count, 8)), trials=9 + count)
    machine, given = Machine(0.1), []
    sweep = begin(machine, "train.warmup=0", f"search.workers={workers}", plan=plan)
    each_s = Pace.each_s
    monkeypatch.setattr(Pace, "each_s", lambda *args: given.append(args[1]) or each_s(*args))
    asked = work(sweep, machine)
    assert given == turns
    if workers == 1:
        (_, one), (_, two) = asked[-2:]
        assert 40 < one == pytest.approx(two, abs=2)
        assert 0.9 <= machine.now / plan.budget_s <= 1


def test_an_attempt_that_is_ended_is_followed_by_one_of_as_many_epochs(begin):
    """Though the clock has moved meanwhile, and another process goes on with it."""
    machine = Machine(0.5)

    def interrupt(slot, number):
        if (slot, number) == (5, 15):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(begin(machine, "train.warmup=0"), machine, interrupt)
    machine.now += 1000.0
    again = begin(machine, "train.warmup=0")
    assert again.study.get("length/5") == 21
    assert work(again, machine) == [(5, 21)]
    assert [one.state for one in again.study.attempts() if one.slot == 5] == ["stopped", "complete"]


@pytest.mark.parametrize("spoilt", [lambda *_: None, diverges], ids=["whole", "diverged"])
def test_a_sweep_is_repeated_by_its_plan_whatever_the_clock_says(begin, tmp_path, spoilt):
    """One that diverged at the end does so again, and is followed by the same one."""
    machine, slow = Machine(0.5), Machine(50.0)
    first = begin(machine, "train.warmup=0")
    asked = work(first, machine, spoilt)
    assert settle_plan(PLAN, first.pace, first.study, tmp_path).lengths == tuple(asked[5:])
    plan = Plan.from_json(json.loads((tmp_path / "plan.json").read_text()))
    assert plan == replace(PLAN, lengths=tuple(asked[5:]))
    second = begin(slow, "train.warmup=0", plan=plan, folder="again")
    second.pace = replace(second.pace, ends=-1e9)
    assert work(second, slow, spoilt) == asked
    assert first.table() == second.table()
    assert second.study.get("length/5") is None  # the plan has it
    assert settle_plan(plan, second.pace, second.study, tmp_path) == plan


def test_a_sweep_that_is_not_over_does_not_say_how_long_its_trainings_are(begin, tmp_path):
    machine, plan = Machine(0.5), replace(PLAN, rungs=((4, 2), (3, 4), (2, 8)), trials=9)
    sweep = begin(machine, "train.warmup=0", plan=plan)

    def stop(slot, number):
        if (slot, number) == (8, 5):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(sweep, machine, stop)
    whole = sweep.pace
    sweep.pace = replace(whole, until=machine.now - 1, of_budget=whole)  # search.max_seconds
    assert not sweep.is_over()
    sweep.pace = whole
    work(sweep, machine)
    assert sweep.is_over()
    settled = settle_plan(plan, sweep.pace, sweep.study, tmp_path)
    assert [slot for slot, _ in settled.lengths] == [7, 8]


def test_who_begins_at_the_end_since_nobody_is_left_is_as_long_as_planned(begin):
    """All that came before diverged: there is nothing to measure by."""
    machine = Machine(0.5)

    def spoil(slot, number):
        if slot < 5:
            raise TrialFailedError("diverged: nan", "trace", final=False, diverged=True)

    sweep = begin(machine, "train.warmup=0", "search.max_failures=99")
    assert work(sweep, machine, spoil)[-1] == (5, 8)
    assert sweep.study.get("length/5") == 8


def test_a_hard_budget_says_what_it_has_cut_off_of_the_longer_training(begin, capsys):
    machine = Machine(0.5)
    sweep = begin(machine, "train.warmup=0", strict=True)
    asked = work(sweep, machine)
    assert asked[-1] == (5, 21)
    assert cut_from(PLAN, sweep) == CutOff(not_begun=0, ended_early=0)
    (model,) = (one for one in sweep.study.outcomes() if one.complete)
    model = replace(model, record=replace(model.record, epochs=20))
    early = [model] + [one for one in sweep.study.outcomes() if not one.complete]
    sweep.study.outcomes = lambda: early
    assert cut_from(PLAN, sweep) == CutOff(not_begun=0, ended_early=1)
    assert "1 of 6 ended after 20 of 21 epochs" in capsys.readouterr().out


def test_other_sweeps_ask_the_study_for_no_length(begin, monkeypatch):
    machine = Machine(1.0)
    sweep, keys = begin(machine), []
    get = sweep.study.get
    monkeypatch.setattr(sweep.study, "get", lambda key: keys.append(key) or get(key))
    assert sweep.epochs_of({}, 4) is None
    sweep.pace = replace(sweep.pace, rungs=())  # of Hyperband
    assert sweep.epochs_of({}, 5) is None
    sweep.pace = Pace()
    assert sweep.epochs_of({}, 5) is None
    assert keys == []
