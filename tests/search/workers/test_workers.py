"""Processes of a sweep: what each is given, and what their ends mean."""

import os
from functools import partial
from itertools import count
from multiprocessing import get_context
from types import SimpleNamespace

import pytest

from fibsem.config import Configuration, SearchConfig, compose
from fibsem.errors import UserError
from fibsem.search.workers import shares, workers
from fibsem.search.workers.pace import Pace
from tests.search import idle_worker


@pytest.mark.parametrize(
    ("visible", "workers", "at_once"),
    [("", 4, 1), ("-1", 2, 1), ("0", 4, 1), ("0,1", 1, 1), ("0,1", 4, 2), ("0,1,2", 2, 2)],
)
def test_workers_train_as_fast_beside_one_another_as_there_are_accelerators(
    monkeypatch, visible, workers, at_once
):
    """Without any they share the cores, all of which one training uses."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert shares.abreast(workers) == at_once


def plain_shares(count):
    """Shares that need no libraries either."""
    return [SimpleNamespace(**vars(one)) for one in shares.shares(count)]


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Function (exit code, count) that runs workers which do nothing."""
    monkeypatch.setattr(workers, "_worker", idle_worker.work)
    monkeypatch.setattr(workers, "fresh", partial(get_context, "spawn"))  # which need no libraries
    monkeypatch.setattr(workers, "shares", plain_shares)
    monkeypatch.setattr(workers, "POLL_S", 0.05)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    looks, told, checked = count(), [], []
    study = SimpleNamespace(outcomes=lambda: [SimpleNamespace(slot=next(looks), state="failed")])

    def best_so_far(now):
        told.append(now)
        return ""

    sweep = SimpleNamespace(
        folder=tmp_path, search=SearchConfig(), study=study,
        best_so_far=best_so_far, check_failures=checked.extend, is_full=lambda now: False,
    )  # fmt: skip

    def go(code, number, *, over=False):
        sweep.configuration, sweep.pace = code, idle_worker.Time(over)
        try:
            workers.run_workers(sweep, number, lambda *_: None)
        finally:  # failures are those of a look behind the end of the worker
            assert checked not in told

    return go


def starts(folder):
    """Accelerators of all starts."""
    return sorted(path.read_text() for path in folder.iterdir())


def test_accelerators_are_dealt_out(run, tmp_path):
    run(0, 3)
    assert starts(tmp_path) == ["4", "4", "7"]


def test_who_dies_again_and_again_is_not_started_for_ever(run, tmp_path, capsys):
    message = r"`search\.workers` died 7 times .*with exit code 1; search\.workers=1 shows why"
    with pytest.raises(UserError, match=message):
        run(1, 1)
    assert len(starts(tmp_path)) == 7
    assert capsys.readouterr().err.count("worker 0 died (1); starting it again") == 6


def test_a_worker_that_ends_when_the_time_is_over_is_not_started_again(run, tmp_path):
    run(1, 2, over=True)
    assert len(starts(tmp_path)) == 2


def test_what_the_user_can_mend_is_not_tried_again(run, tmp_path):
    with pytest.raises(UserError, match="worker 0 stopped; what it said is above"):
        run(workers.MISTAKE, 1)
    assert len(starts(tmp_path)) == 1


def test_who_has_lost_its_accelerator_is_not_started_again(run, tmp_path):
    with pytest.raises(UserError, match=r"worker \d stopped; what it said is above"):
        run(workers.NO_DEVICE, 2)
    assert starts(tmp_path) == ["4", "7"]


def test_a_worker_tells_what_the_user_can_mend(monkeypatch, tmp_path, capsys):
    """In this process, which shall live on: what ends it with its parent is left out."""
    for name in ("die_with_parent", "guard_output", "end_cleanly"):
        monkeypatch.setattr(shares, name, lambda *_, **__: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    given = Configuration(compose("sweep", [f"data.path={tmp_path / 'nowhere'}"]))
    share = shares.Share(frozenset(os.sched_getaffinity(0)), "7")
    with pytest.raises(SystemExit) as end:
        workers._worker(given, tmp_path, Pace(), share)
    assert end.value.code == workers.MISTAKE
    assert "nowhere is not there" in capsys.readouterr().err
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"
