"""Worked time: what a killed start had worked counts, what passed after the kill does not."""

import time

import pytest

from fibsem.search.budget import cut_off
from fibsem.system.files import write_json
from fibsem.training.plan import Plan
from fibsem.training.worked import FOLDER, worked_on
from tests.processes import FORKED

TREE = {"budget": "1min", "budget_is": "soft", "plan": None, "overwrite": False}


def work(folder, before_s):
    """Work until killed; ``before_s`` of it are over already."""
    with worked_on(TREE, folder, time.perf_counter() - before_s):
        time.sleep(60)


def test_a_killed_start_counts_up_to_the_kill(tmp_path):
    process = FORKED.Process(target=work, args=(tmp_path, 40.0))
    process.start()
    while not any(tmp_path.glob(f"{FOLDER}/*.json")):
        time.sleep(0.01)
    time.sleep(2.5)  # one more note
    process.kill()
    process.join()
    time.sleep(3.0)
    with worked_on(TREE, tmp_path, time.perf_counter()) as worked:
        assert 42.0 <= worked.seconds < 40.0 + 2.5 + 3.0
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
    with worked_on(TREE, tmp_path, time.perf_counter() - 5.0) as worked:
        assert worked.seconds == pytest.approx(worked_s, abs=0.5)


def test_a_look_at_finished_results_is_no_work(tmp_path):
    with worked_on(TREE, tmp_path, time.perf_counter() - 30.0) as worked:
        used_s = worked.finish()
    with worked_on(TREE, tmp_path, time.perf_counter() - 30.0) as worked:
        assert worked.finish() == used_s == pytest.approx(30.0, abs=0.5)


def test_overwritten_results_took_no_time(tmp_path):
    starts(tmp_path, (100, 30))
    with worked_on({**TREE, "overwrite": True}, tmp_path, time.perf_counter()) as worked:
        assert worked.seconds < 1


def test_without_a_budget_nothing_is_noted(tmp_path):
    with worked_on({**TREE, "budget": None}, tmp_path, time.perf_counter()):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("how", "given", "most_s"),
    [("soft", None, None), ("hard", None, 20.0), ("hard", 5.0, 5.0), ("soft", 5.0, 5.0)],
)
def test_a_hard_sweep_that_goes_on_has_what_is_left(how, given, most_s):
    plan = Plan(60.0, "abc", 9, 2, 3, 0.1, 0.2, 5.0)
    tree = {**TREE, "budget_is": how, "search": {"max_seconds": given}}
    assert cut_off(tree, plan, 40.0)["search"]["max_seconds"] == most_s
    assert cut_off(tree, plan, 70.0)["search"]["max_seconds"] in (most_s, 1.0)
