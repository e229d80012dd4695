"""Commands that are killed with SIGKILL, started again, and end as if nothing had happened."""

import json
import os
import signal
import time

import numpy as np
import pytest

from fibsem.system.threads import STOPS
from fibsem.training.planning.plan import Plan
from tests.conftest import labels
from tests.processes import Command

pytestmark = pytest.mark.slow

#: What is done after the first epoch's checkpoint takes longer than it takes to see that.
TRAINING = [
    "nbhd=11x11x3", "model.blocks=1", "model.filters=4", "model.dropout=0.2", "train.epochs=8",
    "train.steps=4", "train.min_steps=0",
]  # fmt: skip
SWEEP = [*TRAINING, "space=smoke", "space.axes.model.blocks=[1]"]


@pytest.fixture
def command(tiny, new_store, tmp_path):
    """Function (name, output, *overrides) -> a running command in a folder of its own."""

    store = new_store(tmp_path)

    def start(name, output, *overrides):
        line = [f"fibsem.{name}", f"output={tmp_path / output}", *store, *overrides]
        return Command(line, tmp_path, tmp_path / f"{output}.log")

    start.folder = tmp_path
    return start


def finish(process, command, output):
    code = process.wait(timeout=300)
    log = (command.folder / f"{output}.log").read_text()
    assert code == 0, log[-3000:]
    return json.loads((command.folder / output / "summary.json").read_text())


def refused(process, command, output):
    """The one line with which it ends, before it has computed anything."""
    code = process.wait(timeout=300)
    log = (command.folder / f"{output}.log").read_text()
    assert code == 2, log[-3000:]
    return [line for line in log.splitlines() if "was made with another" in line][-1]


def send_when(process, ready, sign, timeout=120):
    """Send a signal as soon as a condition holds; the process must still be at work. Its code."""
    until = time.monotonic() + timeout
    while not ready():
        assert process.poll() is None, "it ended before it could be told to"
        assert time.monotonic() < until, "it never got so far"
        time.sleep(0.01)
    os.kill(process.pid, sign)
    return process.wait(60)


def kill_when(process, ready):
    """SIGKILL as soon as a condition holds."""
    assert send_when(process, ready, signal.SIGKILL) == -signal.SIGKILL


def without_times(record):
    """A record without what a clock or MLflow gave it."""
    if isinstance(record, list):
        return [without_times(item) for item in record]
    if not isinstance(record, dict):
        return record
    return {
        key: without_times(value)
        for key, value in record.items()
        if not key.endswith(("seconds", "seconds_per_gigapixel", "run_id"))
    }


def test_a_killed_training_with_a_budget_tells_the_time_of_both_starts(command, tiny, material):
    """And none of the time between them; its plan is made once."""
    how = [f"data.path={tiny}", *TRAINING[:4]]
    plan = Plan(60.0, material().dataset.hash, 1, 5, 10, 0.1, 0.2, 5.0)
    (command.folder / "plan.json").write_text(json.dumps(plan.to_json()))
    how += [f"plan={command.folder / 'plan.json'}"]
    began = time.monotonic()
    killed = command("train", "cut", *how)
    kill_when(killed, (command.folder / "cut" / "checkpoint.npz").exists)
    first_s = time.monotonic() - began
    (note,) = (command.folder / "cut" / "worked").iterdir()
    start = json.loads(note.read_text())
    note.write_text(json.dumps(start | {"began": start["began"] - 3600}))  # an hour earlier
    began = time.monotonic()
    found = finish(command("train", "cut", *how), command, "cut")
    second_s = time.monotonic() - began
    assert found["epochs"] == 5
    assert start["seconds"] < found["seconds"] <= found["budget"]["used_s"] < first_s + second_s


def test_a_hard_budget_counts_what_a_kill_has_lost(command, tiny, material):
    """Work of the first start that is in no checkpoint; it was trained to the end of its plan."""
    how = [f"data.path={tiny}", *TRAINING[:4], "budget_is=hard"]
    plan = Plan(600.0, material().dataset.hash, 1, 4, 2000, 0.07, 2.0, 5.0)
    (command.folder / "plan.json").write_text(json.dumps(plan.to_json()))
    how += [f"plan={command.folder / 'plan.json'}"]
    killed = command("train", "cut", *how)
    kill_when(killed, (command.folder / "cut" / "run.json").exists)
    (note,) = (command.folder / "cut" / "worked").iterdir()
    start = json.loads(note.read_text())
    lost = {"began": start["began"] - 3600, "seconds": 599.0}
    note.write_text(json.dumps(start | lost))
    found = finish(command("train", "cut", *how), command, "cut")
    assert sum(epoch["steps"] for epoch in found["history"]) < plan.steps
    assert found["budget"]["cut"]["ended_early"] == 1
    log = (command.folder / "cut.log").read_text()
    assert "budget_is=hard cut off what was late: the training ended after 0 of 4 epochs" in log


def test_a_killed_training_ends_as_the_whole_one(command, tiny):
    how = [f"data.path={tiny}", *TRAINING]
    whole = finish(command("train", "whole", *how), command, "whole")
    killed = command("train", "cut", *how)
    kill_when(killed, (command.folder / "cut" / "checkpoint.npz").exists)
    assert not (command.folder / "cut" / "summary.json").exists()
    other = command("train", "cut", *how, "train.learning_rate=0.1")
    assert "another train.learning_rate (0.01, now 0.1);" in refused(other, command, "cut")
    cut = finish(command("train", "cut", *how), command, "cut")
    assert without_times(cut) == without_times(whole)
    assert not list(command.folder.rglob(".tmp-*"))


def runs_of(command, filters):
    """Runs of the store that a filter lets through."""
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{command.folder / 'ml.db'}")
    experiment = client.get_experiment_by_name("phantom").experiment_id
    return client.search_runs([experiment], filters)


def test_a_sweep_killed_in_a_trial_ends_as_the_whole_one(command, tiny):
    how = [f"data.path={tiny}", *SWEEP, "search.trials=2"]
    whole = finish(command("sweep", "whole", *how), command, "whole")
    trials = command.folder / "cut" / "trials"
    killed = command("sweep", "cut", *how)
    kill_when(killed, (trials / "0001" / "checkpoint.npz").exists)
    cut = finish(command("sweep", "cut", *how), command, "cut")
    assert cut["trials"]["complete"] == 2
    assert cut["best"]["value"] == whole["best"]["value"]
    assert cut["best"]["params"] == whole["best"]["params"]

    def complete(folder):
        table = json.loads((command.folder / folder / "trials.json").read_text())
        kept = [t for t in table if t["state"] == "complete"]
        return sorted(({**t, "number": 0, "reason": ""} for t in kept), key=str)

    assert complete("cut") == complete("whole")
    table = json.loads((command.folder / "cut" / "trials.json").read_text())
    assert [t["reason"] for t in table if t["state"] == "failed"] == ["killed"]
    runs = runs_of(command, f"tags.`mlflow.parentRunId` = '{cut['parent_run_id']}'")
    # every attempt has a run of its own; only what the study counts is finished
    assert sorted(run.info.status for run in runs) == ["FINISHED"] * 2 + ["KILLED"]


def has_trained(trial):
    """Whether a trial has a checkpoint of its own, not only that of the attempt before."""
    run, checkpoint = trial / "run.json", trial / "checkpoint.npz"
    there = run.exists() and checkpoint.exists()
    return there and checkpoint.stat().st_mtime_ns > run.stat().st_mtime_ns


def test_a_sweep_that_is_interrupted_ends_its_trial_and_goes_on(command, tiny):
    """By one signal after the other, each some epochs further."""
    how = [f"data.path={tiny}", *SWEEP, "train.epochs=16", "search.trials=1"]
    trials, log = command.folder / "stopped" / "trials", command.folder / "stopped.log"
    for attempt, sign in enumerate(STOPS):
        trial = trials / (f"0000-{attempt}" if attempt else "0000")
        stopped = command("sweep", "stopped", *how)
        code = send_when(stopped, lambda trial=trial: has_trained(trial), sign)
        assert code == 130, log.read_text()[-3000:]
        said = log.read_text()
        assert said.count("stopped; the same command goes on from here") == attempt + 1
        assert "Traceback" not in said
        runs = runs_of(command, "tags.`fibsem.command` = 'trial'")
        assert [run.info.status for run in runs] == ["KILLED"] * (attempt + 1)
    summary = finish(command("sweep", "stopped", *how), command, "stopped")
    assert summary["trials"]["complete"] == 1
    runs = runs_of(command, "tags.`fibsem.command` = 'trial'")
    assert sorted(run.info.status for run in runs) == ["FINISHED"] + ["KILLED"] * len(STOPS)
    table = json.loads((command.folder / "stopped" / "trials.json").read_text())
    assert [row["state"] for row in table] == ["stopped"] * len(STOPS) + ["complete"]
    assert summary["trials"]["failed"] == 0  # to be stopped is no failure


def test_a_segmentation_killed_in_a_slab_ends_as_the_whole_one(command, tmp_path, trained):
    from fibsem.analysis.postprocessing import PostProcessing
    from fibsem.data.preprocessing import Recipe
    from fibsem.data.volumes.writers import create_volume
    from fibsem.inference.volume.segmentation import Segmenter
    from fibsem.tracking.bundle import Bundle

    spec, model = trained(11, filters=4)
    segmenter = Segmenter.of(spec, model, Recipe(), PostProcessing(1.0, 0.5), "")
    Bundle(segmenter, (50.0, 10.0, 10.0)).save(tmp_path / "bundle")
    rng = np.random.default_rng(0)
    shape = (24, 240, 240)
    with create_volume(tmp_path / "stack", shape, np.uint8, format="tiff") as writer:
        writer.write(0, rng.integers(0, 255, shape).astype(np.uint8))
    how = [f"volume={tmp_path / 'stack'}", f"weights={tmp_path / 'bundle'}", "slab=2"]

    whole = finish(command("segment", "whole", *how), command, "whole")
    ledger = command.folder / "cut" / "ledger.json"

    def slabs():
        return len(json.loads(ledger.read_text())["slabs"]) if ledger.exists() else 0

    for so_far in (2, 5):  # twice, in different slabs
        killed = command("segment", "cut", *how)
        kill_when(killed, lambda so_far=so_far: slabs() >= so_far)
    cut = finish(command("segment", "cut", *how), command, "cut")
    assert cut["slabs"]["resumed"] >= 5
    assert cut["porosity"] == whole["porosity"]
    assert cut["porosity_ci"] == whole["porosity_ci"]

    cut, whole = (labels(command.folder / name / "labels.ome.zarr") for name in ("cut", "whole"))
    np.testing.assert_array_equal(cut, whole)
