"""The budget as slots: exact with many workers, with kills, in every storage."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.study import StudyDirection

from fibsem.config import SearchConfig
from fibsem.errors import LostError, UserError
from fibsem.search.optuna_study import OptunaStudy, open_storage
from fibsem.search.owner import Beat
from fibsem.search.samplers import objectives
from fibsem.search.slots import Attempt, filled, next_attempt, slots_needed, to_open
from fibsem.search.space import Choice, Space
from tests.search import slot_worker


@pytest.fixture(autouse=True)
def _closed(closed):
    """Connections are let go, whatever happened."""


def test_processes_that_lay_out_one_database_at_once_do_not_trip_over_each_other(storage, tmp_path):
    """Here as threads, which meet more often."""

    def look(_):
        opened = open_storage(storage, tmp_path)
        found = opened.get_all_studies()
        if hasattr(opened, "engine"):
            opened.remove_session()
            opened.engine.dispose()
        return found

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(look, range(6))) == [[]] * 6


@pytest.fixture
def start(tmp_path):
    """Function (storage, trials, pause, sampler) -> a worker process."""
    started = []

    def make(storage, trials, pause=0.1, sampler="enumerated"):
        command = [sys.executable, "-m", "tests.search.slot_worker", storage, str(tmp_path)]
        with (tmp_path / f"worker-{len(started)}.log").open("w") as log:
            worker = subprocess.Popen(
                [*command, str(trials), str(pause), sampler], stderr=log, stdout=log
            )
        started.append(worker)
        return worker

    yield make
    for worker in started:
        worker.kill()
        worker.wait()


def check(study, trials):
    """Exactly the budget, one filled attempt a slot, nothing left open."""
    attempts = [a for a in study.attempts() if not a.duplicate]
    complete = [a for a in attempts if a.state == "complete"]
    assert len(complete) == trials
    assert Counter(a.slot for a in complete) == Counter(range(trials))
    assert not any(a.state in ("running", "waiting") for a in attempts)
    for row in study.rows():
        if row["state"] == "complete":
            assert row["objectives"][0] == pytest.approx(slot_worker.value_of(row["values"]))


def test_one_worker_fills_the_budget(storage, tmp_path):
    study = slot_worker.open_study(storage, tmp_path, 5)
    slot_worker.work(study, 0)
    check(study, 5)
    more = slot_worker.open_study(storage, tmp_path, 8)
    slot_worker.work(more, 0)
    check(more, 8)


@pytest.mark.slow
def test_three_workers_and_kills_fill_the_budget_exactly(storage, start, tmp_path):
    """Workers on one storage; some are killed at random moments, others take their place."""
    random.seed(7)
    trials, sampler = 14, "tpe"
    slot_worker.open_study(storage, tmp_path, trials)  # a fresh database is laid out by one
    workers = [start(storage, trials, 0.3, sampler) for _ in range(3)]
    for _ in range(3):
        time.sleep(1 + random.random())
        victim = random.choice(workers)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        workers.remove(victim)
        workers.append(start(storage, trials, 0.3, sampler))
    for worker in workers:
        assert worker.wait(timeout=120) == 0
    study = slot_worker.open_study(storage, tmp_path, trials, sampler=sampler)
    slot_worker.work(study, 0)
    check(study, trials)


def test_a_smaller_budget_leaves_open_slots_alone(tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    study = slot_worker.open_study(storage, tmp_path, 6)
    study.open_slots()
    small = slot_worker.open_study(storage, tmp_path, 2)
    slot_worker.work(small, 0)
    assert filled(small.attempts()) == 2
    assert small.claim() is None


def test_the_same_hyperparameters_are_tried_again(storage, tmp_path):
    study = slot_worker.open_study(storage, tmp_path, 1, sampler="tpe")
    study.open_slots()
    first = study.claim()
    assert study.fail(first, "out of memory", "own")
    second = study.claim()
    assert (second.slot, second.attempt, second.failures, second.strikes) == (0, 1, 1, 1)
    assert second.values == first.values
    study.complete(second, [1.0], {})
    assert [row["reason"] for row in study.rows()] == ["out of memory", ""]


def test_a_hopeless_slot_is_given_up_for_another_one(tmp_path):
    study = slot_worker.open_study(None, tmp_path, 1)
    study.open_slots()
    first = study.claim()
    assert not study.fail(first, "impossible", "own", final=True)
    assert study.claim() is None
    study.open_slots()
    second = study.claim()
    assert second.slot == 1
    assert second.values != first.values


def test_an_attempt_whose_process_is_gone_is_found_at_once(start, tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    slot_worker.open_study(storage, tmp_path, 1)
    worker = start(storage, 1, 60)
    study = slot_worker.open_study(storage, tmp_path, 1)
    while not any(a.state == "running" for a in study.attempts()):
        time.sleep(0.1)
    time.sleep(0.3)
    study.recover()
    assert [a.state for a in study.attempts()] == ["running"]
    worker.kill()
    worker.wait()
    study.recover()
    assert [a.state for a in study.attempts()] == ["failed", "waiting"]


def test_a_silent_worker_elsewhere_is_given_up_after_the_grace(tmp_path):
    study = slot_worker.open_study(None, tmp_path, 1)
    study.me = replace(study.me, host="elsewhere")
    study.open_slots()
    attempt = study.claim()
    observer = slot_worker.open_study(None, tmp_path, 1)

    def looked(seconds):
        """What an observer says that looks all the time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for given_up, why in observer.recover():
                return given_up.number, why
            time.sleep(0.1)
        return None

    for count in range(4):  # it beats: alive, however long
        study.beat(attempt, Beat(count, 0, 600))
        assert looked(0.7) is None
    assert [a.state for a in observer.attempts()] == ["running"]
    assert looked(3) == (attempt.number, "killed")
    assert [a.state for a in observer.attempts()] == ["failed", "waiting"]
    for late in (
        lambda: study.complete(attempt, [0.5], {}),
        lambda: study.prune(attempt, {}),
        lambda: study.beat(attempt, Beat(9, 9, 600)),
    ):
        with pytest.raises(LostError):  # another one has the slot
            late()
    assert study.fail(attempt, "its own", "own")
    assert [a.state for a in observer.attempts()] == ["failed", "waiting"]
    assert [a.failures for a in observer.attempts()] == [0, 0]


def test_an_attempt_opened_twice_runs_once(tmp_path):
    study = slot_worker.open_study(None, tmp_path, 2)
    other = slot_worker.open_study(None, tmp_path, 2)
    mine, theirs = list(to_open(study.attempts(), 2, 2)), list(to_open(other.attempts(), 2, 2))
    for opening in [*mine, *theirs]:  # both saw an empty study
        study._open(opening, study._planned(opening.slot))
    slot_worker.work(study, 0)
    study.recover()
    check(study, 2)


@pytest.mark.parametrize(
    ("url", "words"),
    [("postgresql://nobody:secret@127.0.0.1:9/none", "refused"),
     ("sqlite:////nowhere/at/all.db", "unable to open database file"), ("oracle://x", "oracle")],
)  # fmt: skip
def test_unreachable_storages_are_one_line(tmp_path, url, words):
    with pytest.raises(UserError, match="storage") as caught:
        open_storage(url, tmp_path)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert words in str(caught.value)


def test_a_journal_is_named_by_its_path_with_or_without_slashes(tmp_path):
    for address in (f"journal:{tmp_path / 'a' / 'study.log'}", f"journal://{tmp_path}/b/study.log"):
        open_storage(address, tmp_path).create_new_study([StudyDirection.MINIMIZE], "s")
    assert (tmp_path / "a" / "study.log").is_file()
    assert (tmp_path / "b" / "study.log").is_file()


SAMPLED = {"grid": {"grid_points": 4}, "random": {}, "cmaes": {"startup_trials": 2},
           "tpe": {"startup_trials": 2}, "nsga2": {"population": 4}}  # fmt: skip


@pytest.mark.parametrize("sampler", SAMPLED)
def test_every_sampler_fills_the_budget_and_continues(tmp_path, sampler):
    given = {"sampler": sampler, **SAMPLED[sampler]}
    slot_worker.work(slot_worker.open_study(None, tmp_path, 5, **given), 0)
    study = slot_worker.open_study(None, tmp_path, 9, **given)
    slot_worker.work(study, 0)
    check(study, 9)
    for row in study.rows():
        assert row["values"]["model.blocks"] in (1, 2, 3)
        assert 0.001 <= row["values"]["train.learning_rate"] <= 0.1


def test_a_grid_ends_with_its_last_point(tmp_path):
    study = slot_worker.open_study(None, tmp_path, 50, sampler="grid", grid_points=4)
    slot_worker.work(study, 0)
    values = [tuple(row["values"].values()) for row in study.rows()]
    assert len(values) == len(set(values)) == 12


def test_an_attempt_that_another_worker_takes_in_that_moment_is_passed_over(tmp_path, monkeypatch):
    study = slot_worker.open_study(None, tmp_path, 2)
    other = slot_worker.open_study(None, tmp_path, 2)
    study.open_slots()
    take, theirs = study._take, []

    def too_late(frozen):
        if not theirs:
            theirs.append(other.claim())
        return take(frozen)

    monkeypatch.setattr(study, "_take", too_late)
    mine = study.claim()
    assert (theirs[0].slot, mine.slot) == (0, 1)


def test_own_attempts_do_not_hide_those_whose_process_is_gone(tmp_path):
    study = slot_worker.open_study(None, tmp_path, 2)
    study.open_slots()
    mine = study.claim()
    me, study.me = study.me, replace(study.me, started=study.me.started - 1)
    theirs = study.claim()
    study.me = me
    study._running.pop(theirs.number)
    assert [attempt.number for attempt, _ in study.recover()] == [theirs.number]
    states = {a.number: a.state for a in study.attempts()}
    assert (states[mine.number], states[theirs.number]) == ("running", "failed")


def narrowed(folder, sampler):
    """A study of a space in which the depth forbids wide kernels."""
    search = SearchConfig(trials=14, sampler=sampler, startup_trials=2)
    axes = {"model.blocks": Choice((1, 2, 3)), "model.kernel": Choice((3, 5, 7))}
    space = Space("deep", axes, (), 2, lambda v: v["model.blocks"] * v["model.kernel"] <= 10)
    study = OptunaStudy("deep", folder, search, space, objectives(search))
    slot_worker.OPENED.append(study)
    study.open_slots()
    return study


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_a_sampler_that_learns_draws_what_is_possible_and_all_of_it(tmp_path, sampler):
    study = narrowed(tmp_path, sampler)
    for _ in range(14):
        attempt = study.claim()
        study.complete(attempt, [sum(attempt.values.values())], {})
    drawn = [row["values"] for row in study.rows()]
    assert all(v["model.blocks"] * v["model.kernel"] <= 10 for v in drawn)
    assert {v["model.blocks"] for v in drawn} == {1, 2, 3}
    assert {v["model.kernel"] for v in drawn} >= {3, 5}


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "nsga2", "random"])
def test_every_sampler_tries_the_same_hyperparameters_again(tmp_path, sampler):
    """In a space whose choices are narrowed by what is given before."""
    study = narrowed(tmp_path, sampler)
    failed = [study.claim() for _ in range(4)]
    for attempt in failed:
        assert study.fail(attempt, "diverged", "own")
    again = [study.claim() for _ in range(4)]
    assert [(a.slot, a.attempt, a.values) for a in again] == [(a.slot, 1, a.values) for a in failed]


def test_several_objectives_have_directions(tmp_path):
    search = SearchConfig(trials=3, sampler="nsga2", population=2,
                          objectives=("val/miou", "cost/seconds_per_gigapixel"))  # fmt: skip
    study = OptunaStudy("two", tmp_path, search, slot_worker.space(), objectives(search))
    slot_worker.OPENED.append(study)
    assert [direction.name for direction in study.study.directions] == ["MAXIMIZE", "MINIMIZE"]
    study.open_slots()
    attempt = study.claim()
    assert not study.report(attempt, 0, 1.0)
    study.complete(attempt, [0.8, 100.0], {})
    assert study.rows()[0]["objectives"] == [0.8, 100.0]
    for wrong in ({"pruner": "median"}, {"sampler": "cmaes"}):
        with pytest.raises(UserError, match=r"search\."):
            objectives(replace(search, **wrong))


@pytest.mark.parametrize("pruner", ["median", "halving", "hyperband", "patient"])
def test_every_pruner_ends_a_hopeless_trial(tmp_path, pruner):
    study = slot_worker.open_study(
        None, tmp_path, 6, pruner=pruner, startup_trials=1, pruner_warmup=1, pruner_patience=1
    )
    study.open_slots()
    pruned = 0
    for k in range(6):
        attempt = study.claim()
        for epoch in range(12):
            loss = 1 / (epoch + 1) if k == 0 else 1 + 0.1 * epoch + k
            if study.report(attempt, epoch, loss):
                study.prune(attempt, {"epochs": epoch + 1})
                pruned += 1
                break
        else:
            study.complete(attempt, [loss], {})
    assert pruned >= 1
    assert [row["state"] for row in study.rows()].count("pruned") == pruned
    assert filled(study.attempts()) == 6


# laws of the slots themselves

attempts = st.builds(
    Attempt, number=st.integers(0, 1000), slot=st.integers(0, 5), attempt=st.integers(0, 4),
    strikes=st.integers(0, 4), failures=st.just(0),
    state=st.sampled_from(["waiting", "running", "complete", "pruned", "failed"]),
    values=st.just({}), final=st.booleans(), duplicate=st.booleans(),
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(attempts, max_size=12, unique_by=lambda a: a.number), st.integers(1, 5),
       st.integers(0, 3))  # fmt: skip
def test_what_is_opened_makes_the_budget_possible_and_no_more(known, budget, retries):
    opened = list(to_open(known, budget, retries))
    places = [(o.slot, o.attempt) for o in opened]
    assert len(places) == len(set(places))
    needed = slots_needed(known, budget, retries)
    alive = {a.slot for a in known if not a.duplicate and a.state not in ("failed",)}
    possible = {slot for slot in alive if slot < needed} | {o.slot for o in opened}
    assert len(possible) == budget
    following = [Attempt(2000 + k, o.slot, o.attempt, o.strikes, 0, "waiting", {})
                 for k, o in enumerate(opened)]  # fmt: skip
    assert not list(to_open([*known, *following], budget, retries))


def test_strikes_are_capped_and_interruptions_are_free():
    failed = Attempt(0, 3, 1, 2, 0, "failed", {"a": 1})
    assert next_attempt(failed, retries=2).values == {"a": 1}
    assert next_attempt(replace(failed, strikes=3), retries=2) is None
    assert next_attempt(replace(failed, final=True), retries=2) is None
