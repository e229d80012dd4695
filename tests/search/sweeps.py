"""Sweeps as a command makes them, and with outcomes instead of trainings."""

import json
from dataclasses import dataclass

import mlflow

from fibsem import sweep
from fibsem.config import Configuration, compose
from fibsem.search.sweep import Sweep
from fibsem.search.workers.pace import cut_of
from fibsem.tracking.runs import Tracking
from fibsem.training.material.datasets import obtain
from fibsem.training.material.material import Material
from fibsem.training.results import Epoch, TrialResult


class Runs:
    """Sweeps in one folder and one store."""

    def __init__(self, folder, store, always):
        self.folder, self.store, self.always = folder, store, always
        self.uri = store[0].partition("=")[2]

    def __call__(self, *overrides, trials=2, folder="sweep"):
        """Summary of a sweep with more overrides."""
        here = [f"search.trials={trials}", f"output={self.folder / folder}", *self.store]
        sweep.main(compose("sweep", [*self.always, *here, *overrides]))
        return json.loads((self.folder / folder / "summary.json").read_text())

    def table(self, folder="sweep"):
        """Rows of all trials of the sweep in a folder."""
        return json.loads((self.folder / folder / "trials.json").read_text())


@dataclass
class Machine:
    """A clock that trainings turn, and so many seconds of it for an epoch."""

    epoch_s: float
    now: float = 0.0

    def __call__(self):
        return self.now


def children(run, parent):
    client = mlflow.MlflowClient(run.uri)
    experiment = client.get_experiment_by_name("phantom")
    return client, client.search_runs(
        [experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'"
    )


def opened(*overrides, tiny, store, folder):
    """A sweep of small networks that nobody works on yet, its study in a journal where it may be.

    Every storage keeps a study as every other one (``studies/test_slots.py``); a journal is read
    and written several times as fast as a database. Sweeps that train (``Runs``) have databases.
    """
    given = [f"data.path={tiny}", "nbhd=11x11x3", "space=smoke", f"output={folder}", *store]
    if "search=keras_tuner" not in overrides:
        given.append(f"search.storage={journal_in(folder)}")
    return opened_of(Configuration(compose("sweep", [*given, *overrides])), folder)


def journal_in(folder):
    """Address of the study of a folder."""
    return f"journal:{folder / 'study.log'}"


def opened_of(given, folder):
    """The sweep of a configuration, opened or continued in a folder."""
    dataset = obtain(given.data, given.split)
    tracking = Tracking.open(given.tracking, dataset.name)
    return Sweep.open(given, Material(dataset, given.run), folder, tracking)


def epoch(number, loss, miou=None):
    """What an unfinished training tells; without another mIoU, small losses are good."""
    miou = 1 - loss if miou is None else miou
    val = {"loss": loss, "miou": miou, "accuracy": 0.5}
    return Epoch(number, 0.01, loss, val, 1.0, 0.1, {"miou": miou})


def finished(loss, miou=None, cost=1.0):
    """What a training that is over leaves; without another mIoU, small losses are good."""
    miou = 1 - loss if miou is None else miou
    return TrialResult(
        run_id=f"run {loss} {miou} {cost}",
        val={"loss": loss, "miou": miou, "accuracy": 0.5},
        val_all={"miou": miou},
        history=(),
        best_epoch=0,
        train_seconds=1.0,
        parameters=1,
        field=1,
        cost={"seconds_per_gigapixel": cost},
    )


def cut_from(plan, sweep):
    """What a hard budget has cut off from the plan of a sweep."""
    now = sweep.study.outcomes()
    return cut_of(plan, now, sweep.wanted_epochs(now))


def worked(sweep, outcomes):
    """Work a sweep off with these outcomes of its trainings; returns the jobs."""
    jobs = []

    def execute(job, on_epoch):
        outcome = outcomes[len(jobs)]
        jobs.append(job)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    sweep.work(execute, lambda *_: None)
    return jobs
