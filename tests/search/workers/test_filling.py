"""Whole trainings at the end of a budget are as long as there is time for, once for each slot."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.slots import Attempt
from fibsem.search.workers.filling import (
    LEAST,
    LEFT_OUT,
    MOST,
    has_room,
    lacks_steps,
    settle_steps,
    settled_steps,
)
from fibsem.search.workers.pace import KEPT_BACK, budget_pace, settle_plan
from fibsem.search.workers.worker import Worker
from fibsem.training.failures import TrialFailedError
from fibsem.training.planning.growth import Growth
from fibsem.training.planning.plan import Plan
from tests.search.sweeps import Machine, finished, opened

#: Four trainings of 25 s: 5 s once for each, and two epochs of 100 steps.
PLAN = Plan(
    101.0, "abc", 4, 2, 100, 0.1, 0.0, 5.0, fills=True, lengthens=True,
    growth=Growth(1.0, {"2dcnn": 1.0}),
)  # fmt: skip


class Working:
    """A sweep by a plan on a machine whose networks take so many times the average, in turn."""

    def __init__(self, sweep, machine, times, plan=PLAN, worked_s=0.0, strict=False):
        self.sweep, self.machine, self.times = sweep, machine, list(times)
        self.taken, self.trained = {}, []
        pace = budget_pace(plan, plan.budget_s, worked_s, None, strict=strict)
        moved_s = machine.now - pace.clock()
        sweep.pace = replace(
            pace, clock=machine, until=pace.until + moved_s, ends=pace.ends + moved_s
        )
        rates, outcomes = {}, sweep.study.outcomes
        sweep.times_of = lambda values: rates.setdefault(
            values["train.learning_rate"], self.times[len(rates) % len(self.times)]
        )
        self.sweep.study.outcomes = lambda: [
            replace(one, started=begin, ended=end)
            for one in outcomes()
            for begin, end in [self.taken.get(one.number, (None, None))]
        ]

    def work(self, spoil=lambda slot: None):
        """Work it off; returns slots and steps of the trainings that came to their end."""
        begun = len(self.trained)

        def execute(job, on_epoch):
            began, number = self.machine.now, int(job.tags["fibsem.attempt"])
            steps, slot = job.tree["train"]["steps"], int(job.folder.name[:4])
            times = self.sweep.times_of({"train.learning_rate": job.tree["train"]["learning_rate"]})
            self.machine.now += self.machine.epoch_s * PLAN.seconds_of(steps, times)
            spoil(slot)
            self.taken[number] = (began + 1, self.machine.now + 1)
            self.trained.append((slot, steps))
            return replace(finished(0.5), run_id=f"run {slot}")

        self.sweep.work(execute, lambda *_: None)
        return self.trained[begun:]


@pytest.fixture
def begin(here):
    """Function (machine, times, *overrides, folder, ...) -> a sweep that nobody works on yet."""
    begun = []

    def begin_one(machine, times, *overrides, folder="sweep", **how):
        begun.append(opened(
            "search.trials=12", "train.epochs=2", "train.steps=100", *overrides,
            **{**here, "folder": here["folder"] / folder},
        ))  # fmt: skip
        return Working(begun[-1], machine, times, **how)

    yield begin_one
    for one in begun:
        one.study.close()


@pytest.mark.parametrize(
    ("times", "trained"),
    [
        # 25 s each: there are 23 for the last one, which is planned
        ((1, 1, 1, 1), [(0, 100), (1, 100), (2, 100), (3, 100)]),
        # 15 s each: 38 are left behind four, for one as planned and a longer one
        ((0.5,), [(0, 100), (1, 100), (2, 100), (3, 100), (4, 100), (5, 150)]),
        # 21 s each but the last: it takes the 35 that are left
        ((0.8, 0.8, 0.8, 1), [(0, 100), (1, 100), (2, 100), (3, 149)]),
        # 20 s each: a network of 45 s has no half of its steps in 18, the one behind it has
        ((0.75, 0.75, 0.75, 0.75, 2, 1), [(0, 100), (1, 100), (2, 100), (3, 100), (5, 64)]),
    ],
    ids=["as planned", "small", "longer", "left out"],
)
def test_a_budget_is_filled_by_networks_that_fit_into_it(begin, times, trained):
    """The time is 98 s, without what is kept back."""
    machine = Machine(1.0)
    working = begin(machine, times)
    assert working.work() == trained
    assert 0.9 <= machine.now / PLAN.budget_s <= 1.1
    assert working.sweep.is_over()


def test_a_network_too_large_is_left_out_and_said_to_be(begin):
    working = begin(Machine(1.0), (0.75, 0.75, 0.75, 0.75, 2, 1))
    working.work()
    (out,) = (one for one in working.sweep.study.outcomes() if one.slot == 4)
    assert (out.state, out.reason) == ("stopped", LEFT_OUT)
    assert working.sweep.summary(0).trials.complete == 5


@given(st.lists(st.floats(0.3, 3.0), min_size=12, max_size=12), st.floats(0.5, 1.1))
def test_no_training_is_begun_that_ends_late_and_no_time_is_left_for_one(times, machine_s):
    """The rule alone: four planned of any size, and then what the clock allows."""
    left_s, steps = trained_by_rule(times, machine_s)
    planned, behind = steps[:4], steps[4:]
    assert all(100 <= one <= MOST * 100 for one in planned)
    assert all(one == 0 or LEAST * 100 <= one <= MOST * 100 for one in behind)
    if behind:
        assert left_s >= -1e-6
    if len(steps) < len(times):
        assert left_s < machine_s * PLAN.seconds_of(LEAST * PLAN.steps)


def trained_by_rule(times, machine_s):
    """Seconds left of 98, and steps, on a machine that is as much slower from the first one on."""
    machine, notes, outcomes = Machine(1.0), {}, []
    study = SimpleNamespace(get=notes.get, set=notes.__setitem__, outcomes=lambda: outcomes)
    pace = replace(budget_pace(PLAN, 101.0, 0.0, None), clock=machine, until=101.0, ends=101.0)
    for slot, each in enumerate(times):
        if not has_room(pace, study):
            break
        assert lacks_steps(pace, study, slot)
        settle_steps(pace, study, slot, each, workers=1)
        assert not lacks_steps(pace, study, slot)
        trained, began = settled_steps(PLAN, study, slot), machine.now
        if trained:
            machine.now += machine_s * notes[f"steps/{slot}"][1]
        state = "complete" if trained else "stopped"
        attempt = Attempt(slot, slot, 0, 0, 0, state, {})
        ended = Outcome(attempt, started=1 + began, ended=1 + machine.now)
        outcomes.append(ended)
    left_s = PLAN.budget_s * (1 - KEPT_BACK) - machine.now
    return left_s, [steps for steps, _ in notes.values()]


@pytest.mark.parametrize(("epoch_s", "steps"), [(0.6, 150), (1.2, 100)])
def test_what_trainings_took_tells_what_the_next_one_takes(begin, epoch_s, steps):
    """A machine that is quicker than its probe has time for longer ones; planned steps stay."""
    machine = Machine(epoch_s)
    trained = begin(machine, (1,)).work()
    assert [some for _, some in trained[:4]] == [100] * 4
    assert trained[-1][1] == steps
    assert 0.9 <= machine.now / PLAN.budget_s <= 1.2


def test_a_plan_of_a_version_before_is_repeated_as_it_was(begin, tmp_path):
    """Others begin until half of a training is left, whatever their size."""
    plan, machine = replace(PLAN, lengthens=False, growth=None), Machine(1.0)
    working = begin(machine, (0.75, 0.75, 0.75, 0.75, 2), plan=plan)
    assert working.work() == [(slot, 100) for slot in range(5)]
    assert machine.now == 125
    assert working.sweep.study.get("steps/0") is None
    settled = settle_plan(plan, working.sweep.pace, working.sweep.study, tmp_path)
    assert settled == replace(plan, filled=5)


def test_a_hard_budget_cuts_what_is_late_and_looks_at_no_size(begin):
    working = begin(Machine(1.0), (0.75, 0.75, 0.75, 0.75, 2), strict=True)
    assert working.work()[-1] == (4, 100)
    assert working.sweep.study.get("steps/0") is None


@pytest.mark.parametrize("times", [(0.75, 0.75, 0.75, 0.75, 2, 1), (0.8, 0.8, 0.8, 1)])
def test_a_sweep_is_repeated_by_its_plan_whatever_the_clock_says(begin, tmp_path, times):
    """Who was left out is so again, and who was longer."""
    first = begin(Machine(1.0), times)
    trained = first.work()
    plan = settle_plan(PLAN, first.sweep.pace, first.sweep.study, tmp_path)
    assert plan == Plan.from_json(json.loads((tmp_path / "plan.json").read_text()))
    assert (plan.as_made, plan.filled) == (PLAN, len(trained))
    others = [one for one in trained if one[1] != 100] + [(4, 0)] * (2 in times)
    assert plan.lengths == tuple(sorted(others))
    again = f"search.trials={plan.filled}"
    second = begin(Machine(50.0), times, again, plan=plan, folder="again", worked_s=1e9)
    assert second.work() == trained
    assert second.sweep.table() == first.sweep.table()[: len(second.sweep.table())]
    assert second.sweep.study.get("steps/0") is None  # the plan has it
    assert settle_plan(plan, second.sweep.pace, second.sweep.study, tmp_path) == plan


def interrupt(slot):
    if slot == 4:
        raise KeyboardInterrupt


def fail(slot):
    if slot == 4:
        raise TrialFailedError("no memory", "trace", final=False, of_training=True)


def test_a_training_that_was_interrupted_goes_on_with_the_steps_that_it_had(begin):
    """Though it is too late by then to begin another one."""
    machine, times = Machine(1.0), (0.75, 0.75, 0.75, 0.75, 1)
    working = begin(machine, times)
    with pytest.raises(KeyboardInterrupt):
        working.work(interrupt)
    assert working.sweep.study.get("steps/4")[0] == 64
    resumed = begin(machine, times, worked_s=98.0)
    assert resumed.work() == [(4, 64)]
    assert resumed.work() == []


def test_one_that_failed_is_not_begun_again_where_there_is_no_time(begin):
    machine = Machine(1.0)
    working = begin(machine, (0.75, 0.75, 0.75, 0.75, 1), "search.max_failures=99")
    assert working.work(fail) == [(slot, 100) for slot in range(4)]
    assert 0.9 <= machine.now / PLAN.budget_s <= 1.0


def test_the_last_that_are_planned_are_looked_at_by_every_worker(begin):
    """One that others are at counts: none is begun in its place, unless it fails."""
    working = begin(Machine(1.0), (1.2,), "search.workers=2")
    sweep = working.sweep
    sweep.study.open_slots()
    others = sweep.study.claim()
    working.machine.now = 5.0
    waited = []

    def wait(worker):
        waited.append(len(working.trained))
        sweep.study.fail(others, "gone", "own", final=True)
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "_wait_for_others", wait)
        trained = working.work()
    assert waited == [3]
    assert [slot for slot, _ in trained] == [1, 2, 3, 4]
