"""The time that is left follows from what this start did, stage by stage."""

import pytest

from fibsem.system import progress
from fibsem.system.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand: clock.now = 30.0."""

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    return made


def test_a_run_from_its_beginning(clock, capsys):
    show = Progress("segmenting")
    clock.now = 40.0
    show("slices", 1, 200)
    assert capsys.readouterr().err == "segmenting slices: 1 of 200, 7960 s left\n"
    clock.now = 50.0
    show("slices", 2, 200)
    assert capsys.readouterr().err == ""  # a line now and then
    clock.now = 80.0
    show("slices", 2, 200)
    assert capsys.readouterr().err == "segmenting slices: 2 of 200, 7920 s left\n"


def test_an_end_that_comes_before_all_is_done_is_what_is_left(clock, capsys):
    show = Progress("trials", 300.0)
    clock.now = 40.0
    show("best", 1, 1000)
    clock.now = 310.0
    show("best", 8, 1000)
    told = "trials best: 1 of 1000, 260 s left\ntrials best: 8 of 1000, 0 s left\n"
    assert capsys.readouterr().err == told


def test_what_takes_longer_than_what_was_done_is_more_of_what_is_left(clock, capsys):
    """Nine of two, three of four, one of twelve: 18 of 42 are done, at a second each."""
    show = Progress("trials", amount=lambda trials: 2 * trials if trials < 10 else 42)
    show("best", 1, 13)
    clock.now = 40.0
    show("best", 9, 13)
    assert capsys.readouterr().err == "trials best: 9 of 13, 53 s left\n"


def test_what_an_earlier_run_did_took_no_time_of_this_one(clock, capsys):
    show = Progress("segmenting")
    show("slices", 100, 200)
    clock.now = 30.0
    show("slices", 105, 200)
    assert capsys.readouterr().err == "segmenting slices: 105 of 200, 570 s left\n"


def test_nothing_is_said_of_time_before_there_is_a_pace(clock, capsys):
    show = Progress("segmenting")
    clock.now = 60.0
    show("slabs", 26, 50)
    assert capsys.readouterr().err == "segmenting slabs: 26 of 50\n"


def test_every_stage_has_a_pace_of_its_own(clock, capsys):
    show = Progress("segmenting")
    clock.now = 1000.0
    show("slices", 200, 200)
    show("components", 4, 200)
    clock.now = 1030.0
    show("components", 104, 200)
    assert "104 of 200, 29 s left" in capsys.readouterr().err


def test_a_text_that_changes_is_the_same_stage(clock, capsys):
    show = Progress("epochs")
    for epoch in (1, 2, 3):
        clock.now = 20.0 * epoch
        show(f"mIoU 0.{epoch}", epoch, 10)
    assert capsys.readouterr().err == "epochs mIoU 0.2: 2 of 10, 160 s left\n"


def test_on_a_terminal_the_bar_begins_anew(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    show = Progress("segmenting")
    show("slices", 200, 200)
    show("components", 4, 200)
    show("components", 8, 200)
    (task,) = show._bar.tasks
    assert (task.completed, task.description) == (8, "segmenting components")
    assert len(task._progress) == 1  # paces are taken from the samples since the stage began


def test_a_name_is_no_markup(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress("segmenting [/bold] a[b]") as progress:
        progress("slices", 1, 2)
        (column, *_) = progress._bar.columns
        assert column.render(progress._bar.tasks[0]).plain == "segmenting [/bold] a[b] slices"
