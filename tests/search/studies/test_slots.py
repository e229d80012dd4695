"""The budget as slots: exact with many workers, with kills, in every storage."""

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.study import StudyDirection

from fibsem.errors import LostError, UserError
from fibsem.search.studies.optuna_study import open_storage
from fibsem.search.studies.owner import Beat
from fibsem.search.studies.slots import Attempt, filled, next_attempt, slots_needed, to_open
from fibsem.search.studies.trial_record import TrialRecord
from tests.processes import Command
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
def started():
    """Processes that are ended with the test."""
    workers = []
    yield workers
    for worker in workers:
        worker.kill()
        worker.wait()


def test_one_worker_fills_the_budget(storage, tmp_path):
    study = slot_worker.open_study(storage, tmp_path, 5)
    slot_worker.work(study, 0)
    slot_worker.check(study, 5)
    more = slot_worker.open_study(storage, tmp_path, 8)
    slot_worker.work(more, 0)
    slot_worker.check(more, 8)


@pytest.mark.slow
def test_three_workers_and_kills_fill_the_budget_exactly(storage, started, tmp_path):
    """Workers on one storage; some are killed at random moments, others take their place."""
    random.seed(7)
    trials, sampler = 14, "tpe"
    study = slot_worker.open_study(storage, tmp_path, trials, sampler=sampler)

    def start():
        line = ["tests.search.slot_worker", storage, str(tmp_path), str(trials), "0.6", sampler]
        started.append(Command(line, tmp_path, tmp_path / f"worker-{len(started)}.log"))
        return started[-1]

    workers = [start() for _ in range(3)]
    for done in (1, 4, 7):
        while filled(study.attempts()) < done:
            assert any(worker.poll() is None for worker in workers), workers[0].log.read_text()
            time.sleep(0.05)
        time.sleep(0.5 * random.random())
        victim = random.choice(workers)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        workers.remove(victim)
        workers.append(start())
    for worker in workers:
        assert worker.wait(timeout=120) == 0
    slot_worker.work(study, 0)
    slot_worker.check(study, trials)


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
    study.complete(second, [1.0], TrialRecord())
    assert [one.reason for one in study.outcomes()] == ["out of memory", ""]


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


@pytest.mark.slow
def test_an_attempt_whose_process_is_gone_is_found_at_once(started, tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    slot_worker.open_study(storage, tmp_path, 1)
    how = [storage, tmp_path, "1", "1e7", "enumerated"]  # it waits a part of that drawn at random
    worker = subprocess.Popen([sys.executable, "-m", "tests.search.slot_worker", *how])
    started.append(worker)
    study = slot_worker.open_study(storage, tmp_path, 1)
    while not any(a.state == "running" for a in study.attempts()):
        time.sleep(0.02)
    time.sleep(0.05)
    study.recover()
    assert [a.state for a in study.attempts()] == ["running"]
    worker.kill()
    worker.wait()
    study.recover()
    assert [a.state for a in study.attempts()] == ["failed", "waiting"]


def test_a_silent_worker_elsewhere_is_given_up_after_the_grace(tmp_path, clock):
    study = slot_worker.open_study(None, tmp_path, 1)
    study.me = replace(study.me, host="elsewhere")
    study.open_slots()
    attempt = study.claim()
    observer = slot_worker.open_study(None, tmp_path, 1)

    def looked(seconds):
        """What an observer says that looks all the time."""
        until = clock.now + seconds
        while clock.now < until:
            for given_up, why in observer.recover():
                return given_up.number, why
            clock.now += 0.1
        return None

    for count in range(4):  # it beats: alive, however long
        study.beat(attempt, Beat(count, 0, 600))
        assert looked(0.7) is None
    assert [a.state for a in observer.attempts()] == ["running"]
    assert looked(1) is None  # two seconds since the last beat are not over
    assert looked(1) == (attempt.number, "killed")
    assert [a.state for a in observer.attempts()] == ["failed", "waiting"]
    for late in (
        lambda: study.complete(attempt, [0.5], TrialRecord()),
        lambda: study.prune(attempt, TrialRecord()),
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
        study._open(opening, study._points.of_slot(opening.slot))
    slot_worker.work(study, 0)
    study.recover()
    slot_worker.check(study, 2)


@pytest.mark.parametrize(
    ("url", "words"),
    [("postgresql://nobody:secret@127.0.0.1:9/none", "refused"),
     ("sqlite:////nowhere/at/all.db", "unable to open database file"), ("oracle://x", "oracle"),
     ("journal:redis://me:secret@host/0", "a file of this machine")],
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
    needed = slots_needed(known, budget, retries)
    opened = list(to_open(known, needed, retries))
    places = [(o.slot, o.attempt) for o in opened]
    assert len(places) == len(set(places))
    alive = {a.slot for a in known if not a.duplicate and a.state not in ("failed",)}
    possible = {slot for slot in alive if slot < needed} | {o.slot for o in opened}
    assert len(possible) == budget
    following = [Attempt(2000 + k, o.slot, o.attempt, o.strikes, 0, "waiting", {})
                 for k, o in enumerate(opened)]  # fmt: skip
    assert slots_needed([*known, *following], budget, retries) == needed
    assert not list(to_open([*known, *following], needed, retries))


def test_strikes_are_capped_and_interruptions_are_free():
    failed = Attempt(0, 3, 1, 2, 0, "failed", {"a": 1})
    assert next_attempt(failed, retries=2).values == {"a": 1}
    assert next_attempt(replace(failed, strikes=3), retries=2) is None
    assert next_attempt(replace(failed, final=True), retries=2) is None
