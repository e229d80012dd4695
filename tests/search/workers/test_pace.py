"""The time of a sweep: what a hard budget keeps back, cuts and says."""

import time
from dataclasses import replace

import pytest

from fibsem.search.studies.rungs import read_rungs
from fibsem.search.workers.pace import CUT, Pace, budget_pace, settle_plan
from fibsem.system.summaries.budget import CutOff
from fibsem.system.summaries.sweep import Counts
from fibsem.training.failures import TrialFailedError
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.plan_file import read_plan
from fibsem.training.steps.checkpoint import continuation, save, trained_s
from fibsem.training.steps.learner import Learner
from fibsem.training.steps.state import TrainingState
from tests.search.sweeps import Machine, cut_from, epoch, finished, opened

#: Epochs of a second; 6 s for the first rung, 2.5 s for each of the others.
PLAN = Plan(11.0, "abc", 9, 4, 100, 0.01, 0.0, 0.0, ((6, 1), (2, 2), (1, 4)), schedule="wsd")


@pytest.fixture
def halving(here):
    """Function (machine, *overrides) -> a sweep by the plan on it, that nobody works on yet."""
    begun = []

    def begin(machine, *overrides):
        begun.append(opened(
            "search.rungs=[[6,1],[2,2],[1,4]]", "search.trials=9", "train.epochs=4",
            "space.axes.model.blocks=[1]", *overrides, **here,
        ))  # fmt: skip
        rungs = read_rungs(PLAN.rungs)
        begun[-1].pace = Pace(PLAN.budget_s, True, PLAN, rungs, machine)
        return begun[-1]

    yield begin
    for one in begun:
        one.study.close()


def work(sweep, machine, *, cut=False):
    """Work it off; returns the slots that were trained, and the limit of each training.

    With ``cut`` a training that has a limit ends within its last epoch.
    """
    slots, limits, reached = [], [], {}

    def execute(job, on_epoch):
        rate, limit_s = (job.tree["train"][key] for key in ("learning_rate", "max_seconds"))
        slots.append(int(job.folder.name))
        limits.append(limit_s)
        began, told = machine.now, []
        for number in range(4):
            if number >= reached.get(rate, 0):
                if limit_s is not None and machine.now - began >= limit_s:
                    break
                machine.now += machine.epoch_s
                reached[rate] = number + 1
            told.append(epoch(number, 0.1 + rate))
            on_epoch(told[-1])
        if cut and limit_s is not None:
            told[-1] = replace(told[-1], cut=True)
        return replace(finished(0.1 + rate), history=tuple(told))

    sweep.work(execute, lambda *_: None)
    return slots, limits


def test_a_machine_as_fast_as_planned_loses_nothing(halving, capsys):
    machine = Machine(1.0)
    sweep = halving(machine)
    slots, limits = work(sweep, machine)
    assert slots == list(range(9))
    assert limits == [None] * 8 + [3.0]  # of eleven seconds eight were used
    assert cut_from(PLAN, sweep) == CutOff(not_begun=0, ended_early=0)
    assert "cut off" not in capsys.readouterr().out


def test_more_trainings_than_were_planned_are_none_that_were_not_begun(here, capsys):
    """Small networks leave time for others: -2 of 2 trainings were "not begun"."""
    sweep = opened("search.trials=4", **here)
    for _ in range(4):
        sweep.work(lambda job, on_epoch: finished(0.5), lambda *_: None)
    plan = Plan(60.0, "abc", 2, 1, 100, 0.01, 0.0, 0.0, fills=True)
    assert cut_from(plan, sweep).not_begun == 0
    assert "not begun" not in capsys.readouterr().out
    sweep.study.close()


def test_a_limit_that_was_typed_is_no_longer_where_a_budget_has_more(halving):
    machine = Machine(1.0)
    _, limits = work(halving(machine, "train.max_seconds=2"), machine)
    assert limits == [2] * 9


def test_a_slow_machine_costs_trainings_of_the_first_rung_and_not_the_model(halving, capsys):
    """Half as fast: three of six begin, one goes on, and to the end as far as there is time."""
    machine = Machine(2.0)
    sweep = halving(machine)
    slots, limits = work(sweep, machine)
    assert slots == [0, 1, 2, 6, 8]
    assert limits == [None] * 4 + [3.0]
    assert sweep.summary(0).trials == Counts(1, 4, 0)
    reasons = {one.slot: one.reason for one in sweep.study.outcomes()}
    assert [slot for slot, reason in reasons.items() if reason == CUT] == [3, 4, 5, 7]
    assert cut_from(PLAN, sweep) == CutOff(not_begun=4, ended_early=0)
    said = "budget_is=hard cut off what was late: 4 of 9 trainings were not begun"
    assert said in capsys.readouterr().out
    assert work(sweep, machine) == ([], [])  # the time is used up


def test_a_training_that_ends_early_is_said(halving, capsys):
    machine = Machine(2.4)
    sweep = halving(machine)
    work(sweep, machine)
    assert cut_from(PLAN, sweep) == CutOff(not_begun=4, ended_early=1)
    assert "1 of 9 ended after 3 of 4 epochs" in capsys.readouterr().out


def test_a_training_that_ends_within_its_last_epoch_ended_early_too(halving, capsys):
    machine = Machine(1.0)
    sweep = halving(machine)
    work(sweep, machine, cut=True)
    assert cut_from(PLAN, sweep) == CutOff(not_begun=0, ended_early=1)
    assert "1 of 9 ended after 3 of 4 epochs" in capsys.readouterr().out


@pytest.mark.parametrize(("strict", "trained"), [(False, 1), (True, 0)])
def test_when_the_time_is_used_up_no_start_begins_another_trial(here, strict, trained):
    """But for the first one, where the time is no plan's and nothing has come of it yet."""
    sweep = opened("search.trials=3", **here)
    sweep.pace = Pace.of(None, -5.0, strict=strict)
    jobs = []

    def execute(job, on_epoch):
        jobs.append(job)
        return finished(0.5)

    for _ in range(3):
        sweep.work(execute, lambda *_: None)
    assert len(jobs) == trained
    sweep.study.close()


@pytest.mark.parametrize(
    ("trials", "most_s", "left_s"),
    [(5, None, 54), (2, None, 36), (1, None, 6), (5, 20, 20)],
)
def test_small_networks_leave_time_for_others_behind_all_that_are_planned(trials, most_s, left_s):
    """None that begins is expected to end a tenth of the 60 s too late."""
    plan = Plan(60.0, "abc", trials, 5, 100, 0.02, 0.0, 60 / trials - 10, fills=True)
    pace = budget_pace(plan, 60, 0, most_s)
    assert pace.left_s == pytest.approx(left_s, abs=0.5)
    late = replace(pace, clock=lambda: pace.until + 1)
    begin = trials - 1 if most_s is None else 0
    assert [late.over(done) for done in range(1, trials + 1)] == [
        done > begin for done in range(1, trials + 1)
    ]
    assert not pace.over(trials)
    assert budget_pace(replace(plan, filled=7), 60, 0, None).left_s == float("inf")


@pytest.mark.parametrize(
    ("seconds", "strict", "plan", "most_s", "left_s"),
    [(600, False, None, None, 500), (600, False, None, 50, 50), (600, True, PLAN, None, -89),
     (11, False, PLAN, None, None), (11, False, PLAN, 50, 50)],
)  # fmt: skip
def test_a_limit_is_what_starts_before_have_left_of_it(seconds, strict, plan, most_s, left_s):
    pace = budget_pace(plan, seconds, 100, most_s, strict=strict)
    left = float("inf") if left_s is None else left_s
    assert pace.left_s == pytest.approx(left, abs=1)
    assert pace.plan == plan
    ends = float("inf") if plan is None else PLAN.budget_s - 100
    assert pace.ends - pace.clock() == pytest.approx(ends, abs=1)
    first = replace(
        pace, until=pace.clock() - 1, rungs=read_rungs(PLAN.rungs)
    )  # of a soft budget all rungs are trained
    assert first.cuts(0) == (strict and plan is not None)
    assert (first.limit_s(8) is None) == (not strict or plan is None)


def test_a_pruner_leaves_time_for_others_which_begin_while_half_of_one_is_left(here, tmp_path):
    """Repeated, the plan has as many as there were."""
    plan = Plan(60.0, "abc", 4, 5, 100, 0.02, 0.0, 2.0, pruned=True)  # 12 s each
    assert budget_pace(plan, 60, 10, None).left_s == pytest.approx(44, abs=1)
    known = replace(plan, filled=7)
    assert budget_pace(known, 60, 10, None).left_s == float("inf")
    sweep = opened("search.trials=3", **here)
    sweep.work(lambda job, on_epoch: finished(0.5), lambda *_: None)
    assert settle_plan(plan, sweep.pace, sweep.study, tmp_path) == replace(plan, filled=3)
    assert read_plan(tmp_path / "plan.json", "abc").filled == 3
    assert settle_plan(known, sweep.pace, sweep.study, tmp_path) == known
    sweep.study.close()


def diverged(job, on_epoch):
    raise TrialFailedError("diverged: nan", "trace", final=False, diverged=True)


def test_a_limit_of_one_start_does_not_say_how_many_trainings_a_budget_comes_to(here, tmp_path):
    """The next start goes on; so does another machine, which has not ended by then."""
    plan = Plan(60.0, "abc", 4, 5, 100, 0.02, 0.0, 2.0, fills=True)
    sweep = opened("search.trials=8", **here)
    sweep.pace = budget_pace(plan, 60, 0, 1e-6)
    sweep.work(lambda job, on_epoch: finished(0.5), lambda *_: None)
    assert sweep.summary(0).trials.complete == 1
    assert not sweep.is_over()
    sweep.pace = budget_pace(plan, 60, 59, 1e6)
    sweep.work(lambda job, on_epoch: finished(0.5), lambda *_: None)
    sweep.study.open_slots()
    attempt = sweep.study.claim()
    assert not sweep.is_over()
    sweep.study.fail(attempt, "interrupted", "let_go")
    assert sweep.is_over()
    assert settle_plan(plan, sweep.pace, sweep.study, tmp_path) == replace(plan, filled=4)
    sweep.study.close()


@pytest.mark.parametrize("open_end", ["fills", "pruned"])
def test_a_budget_without_a_model_says_what_goes_on(here, tmp_path, capsys, open_end):
    plan = Plan(60.0, "abc", 4, 5, 100, 0.02, 0.0, 2.0, **{open_end: True})
    sweep, machine = opened("search.trials=8", **here), Machine(1.0)
    sweep.pace = Pace(60.0, True, plan, clock=machine)

    def late(job, on_epoch):
        machine.now = 100.0
        diverged(job, on_epoch)

    sweep.work(late, lambda *_: None)
    assert sweep.summary(0).trials == Counts(0, 1, 0)
    assert not sweep.is_over()
    cut_from(plan, sweep)
    said = "with budget_is=soft the same command goes on" in capsys.readouterr().out
    sweep.pace = budget_pace(plan, 60, 100, None)
    sweep.work(diverged, lambda *_: None)
    goes_on = sweep.summary(0).trials.pruned > 1
    assert said == goes_on == (open_end == "fills")
    sweep.study.close()


def test_all_processes_of_a_sweep_mean_the_same_end():
    assert Pace.of(5.0).until == pytest.approx(time.monotonic() + 5, abs=1)
    assert Pace(100.0, clock=Machine(1.0, 40.0)).left_s == 60


def test_who_goes_on_under_a_limit_has_its_time_before_besides(material, tmp_path):
    some = material()
    learner, state = Learner.of(some.config), TrainingState.of(some.config.train)
    state.lost_s, state.history = 3.0, [epoch(0, 0.5), epoch(1, 0.4)]
    state.best, state.best_weights = 1, learner.scored.get_weights()
    save(learner, state, tmp_path / "checkpoint.npz", continuation(some.identity))
    assert trained_s(tmp_path / "checkpoint.npz") == pytest.approx(3 + 2 * 1.1)
    assert trained_s(tmp_path / "none.npz") == 0
    assert continuation(material("train.max_seconds=9").identity) == continuation(some.identity)
