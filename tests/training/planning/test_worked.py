"""Worked time: what a killed start had worked counts, what passed after the kill does not."""

import multiprocessing
import time

import pytest

from fibsem.errors import UserError
from fibsem.system.files import read_json, write_json
from fibsem.system.identity import Identity
from fibsem.training.planning import worked as module
from fibsem.training.planning.worked import FOLDER, worked_on


def working(folder, before_s=0.0, **how):
    """Work on a folder under a budget; ``before_s`` of it are over already."""
    began = time.perf_counter() - before_s
    return worked_on(folder, began, **{"budgeted": True, "anew": False, **how})


def work(folder, before_s):
    """Work until killed, with a note every fifth of a second."""
    module.EVERY_S = 0.2
    with working(folder, before_s):
        time.sleep(60)


def noted(folder):
    """Seconds of the only start, as it has noted them so far."""
    return max(
        (read_json(path)["seconds"] for path in folder.glob(f"{FOLDER}/[0-9]*.json")), default=0
    )


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # the child uses no library
def test_a_killed_start_counts_up_to_the_kill(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=work, args=(tmp_path, 40.0))
    process.start()
    while noted(tmp_path) < 40.2:  # the second note, at least
        time.sleep(0.01)
    process.kill()
    process.join()
    killed = noted(tmp_path)
    time.sleep(0.5)
    with working(tmp_path) as worked:
        assert worked.seconds == pytest.approx(killed, abs=0.3)
        assert worked.began == pytest.approx(time.perf_counter() - worked.seconds, abs=0.1)


def starts(folder, *spans):
    """Notes of starts: when each began, seconds ago, and how long it worked."""
    for ago, seconds in spans:
        began = time.time() - ago
        note = {"began": began, "seconds": float(seconds)}
        write_json(folder / FOLDER / f"{began:.3f}-1.json", note)


@pytest.mark.parametrize(
    ("spans", "worked_s"),
    [([], 5), ([(100, 30)], 35), ([(100, 30), (60, 20)], 55), ([(100, 30), (90, 30)], 45)],
)
def test_starts_add_up_where_they_do_not_overlap(tmp_path, spans, worked_s):
    starts(tmp_path, *spans)
    with working(tmp_path, 5.0) as worked:
        assert worked.seconds == pytest.approx(worked_s, abs=0.5)


def test_a_look_at_finished_results_is_no_work(tmp_path):
    with working(tmp_path, 30.0) as worked:
        used_s = worked.finish()
    with working(tmp_path, 30.0) as worked:
        assert worked.finish() == used_s == pytest.approx(30.0, abs=0.5)


def test_a_start_counts_to_its_end(tmp_path):
    """A start shorter than the time between two notes had counted for nothing."""
    with working(tmp_path) as worked:
        time.sleep(0.3)
    assert worked.seconds > 0.3
    assert 0.3 <= noted(tmp_path) <= worked.seconds


def test_who_reads_a_result_finds_its_seconds(tmp_path):
    """What a start did after its result was written is in no note; it had been, by chance."""
    summary = tmp_path / "summary.json"
    with working(tmp_path, 3.0) as worked:
        seconds = worked.seconds_with(summary, worked=True)
        time.sleep(0.05)
        worked.note()
    with working(tmp_path) as reading:
        assert reading.seconds_with(summary, worked=False) == pytest.approx(seconds, abs=1e-6)


def test_overwritten_results_took_no_time(tmp_path):
    starts(tmp_path, (100, 30))
    with working(tmp_path, anew=True) as worked:
        assert worked.seconds < 1


def test_all_starts_count_without_a_budget_too(tmp_path):
    """The time of a sweep was that of the last look at it; what was refused has left nothing."""
    with pytest.raises(UserError), working(tmp_path, before_s=40.0, budgeted=False):
        raise UserError("`output` must be another folder.")
    assert not list(tmp_path.iterdir())
    Identity("training", {}, {}).write(tmp_path)
    with working(tmp_path, before_s=40.0, budgeted=False):
        pass
    with working(tmp_path, budgeted=False) as again:
        assert 40 < again.seconds < 80


@pytest.mark.parametrize(("planned", "counts"), [(False, False), (True, True)])
def test_a_start_that_was_refused_a_plan_does_not_count(tmp_path, planned, counts):
    """Else the shortest budget that the refusal names would be too short for the next start."""
    if planned:
        write_json(tmp_path / "plan.json", {})
    with pytest.raises(UserError), working(tmp_path, before_s=40.0):
        raise UserError("`budget` must be at least 60s, but got 40s.")
    with working(tmp_path) as again:
        assert (again.seconds > 40) == counts
