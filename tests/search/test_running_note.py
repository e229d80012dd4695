"""The list of trials on the page of a parent run while its sweep runs."""

import pytest

from fibsem.search.running_note import EVERY_S, RunningNote
from fibsem.search.workers import workers
from fibsem.tracking import names
from fibsem.tracking.runs import Tracking
from tests.search.sweeps import finished, opened


@pytest.fixture
def sweep(here):
    """A sweep with room for three trials."""
    sweep = opened("search.trials=3", **here)
    yield sweep
    sweep.study.close()


def note_of(sweep):
    return sweep.tracking.find(sweep.parent).data.tags.get(names.NOTE, "")


def train(sweep, monkeypatch, losses, after):
    """Run a sweep whose trainings end with these losses; calls ``after`` each but the last."""
    losses = iter(losses)
    monkeypatch.setattr(
        type(sweep), "executor", lambda self: lambda job, on_epoch: finished(next(losses))
    )
    seen = RunningNote.update

    def update(self, done):
        seen(self, done)
        after(done)

    monkeypatch.setattr(RunningNote, "update", update)
    workers.run_trials(sweep, 1)


def test_it_is_written_when_a_trial_has_ended(sweep, monkeypatch):
    monkeypatch.setattr("fibsem.search.running_note.EVERY_S", 0)
    notes = []
    train(sweep, monkeypatch, (0.5, 0.25, 0.75), lambda done: notes.append(note_of(sweep)))
    assert [note.count("](#/") for note in notes] == [0, 1, 2, 3]
    assert notes[-1].startswith("Complete trials so far by ")


def test_it_is_not_written_for_every_trial_of_a_quick_sweep(sweep, monkeypatch):
    notes = []
    train(sweep, monkeypatch, (0.5, 0.25, 0.75), lambda done: notes.append(note_of(sweep)))
    assert [note.count("](#/") for note in notes] == [0, 1, 1, 1]


def test_a_store_that_does_not_answer_costs_no_trial_and_is_asked_again_later(sweep, monkeypatch):
    asked = []

    def describe(self, run_id, text):
        asked.append(text)
        raise OSError("no route to host")

    now = {"s": 0.0}
    note = RunningNote(sweep, clock=lambda: now["s"])
    with monkeypatch.context() as away:
        away.setattr(Tracking, "describe", describe)
        train(sweep, monkeypatch, (0.5, 0.25, 0.75), lambda done: None)
        assert sweep.summary(0).trials.complete == 3
        assert len(asked) == 1
        note.update(3)
        note.update(3)
        assert len(asked) == 2
    now["s"] = EVERY_S
    note.update(3)
    assert note_of(sweep).count("](#/") == 3
