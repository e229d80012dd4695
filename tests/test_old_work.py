"""Work of a former version, begun and finished: this one goes on with it, or says why not.

What is opened was made by version 0.1.0 at a9864bc, see ``fixtures/make_old_work.py``. Its commands
are given again as they were, in the folder where the old work is unpacked.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.special import expit, logit, stdtrit

from fibsem.system.identity import same_data
from tests.fixtures.make_old_work import ROOT, digest, read_labels, relocate, unpack
from tests.processes import completed

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parent / "fixtures"
OLD = json.loads((FIXTURES / "expected.json").read_text())

#: What this version refuses to go on with, by name, and words of the way out that it says.
REFUSED: dict[str, str] = {}

#: Defaults that were others, by command: how networks were trained, and where thresholds ended.
FORMER = {
    **{command: ["train=sgd", "model.activation=elu"] for command in ("train", "sweep")},
    "promote": ["postprocessing.threshold_start=0.05", "postprocessing.threshold_stop=0.95"],
}

#: Share of the voxels that another processor may label otherwise, by rounding near the threshold.
ROUNDING = 1e-3


@pytest.fixture
def old_work(tmp_path):
    """Folder with the old work, in another place than where it was made."""
    unpack(FIXTURES / "old_work.tar.xz", tmp_path / "work")
    return tmp_path / "work"


#: As when the old work was made.
ENVIRONMENT = {
    "MLFLOW_TRACKING_URI": "sqlite:///mlruns/mlflow.db",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}


def call(folder, command, *overrides):
    """Give a command in a folder."""
    return completed([f"fibsem.{command}", *overrides], folder, **ENVIRONMENT)


def again(folder, name, *more):
    """Give a command of the old work again; its summary, a skipped test where it is refused."""
    command, *overrides = OLD["commands"][name]
    overrides += FORMER.get(command, [])
    done = call(folder, command, *overrides, *more)
    said = done.stdout[-2000:] + done.stderr[-4000:]
    if name in REFUSED:
        lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert done.returncode == 2, said
        assert len(lines) == 1, said
        assert "Traceback" not in done.stderr, said
        assert REFUSED[name] in lines[0]
        pytest.skip(lines[0])
    assert done.returncode == 0, said
    output = next(key for key in [*more, *overrides] if key.startswith("output="))
    return json.loads((folder / output.removeprefix("output=") / "summary.json").read_text())


def runs(folder, *ids):
    """Runs of the store by id."""
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlruns' / 'mlflow.db'}")
    return [client.get_run(run_id) for run_id in ids]


def by_students_t(old, squares):
    """The interval of a porosity, as wide to both sides, whose half was 1.96 standard errors."""
    low, high = old["porosity_low"], old["porosity_high"]
    middle, half = (low + high) / 2, stdtrit(squares - 1, 0.975) / 1.96 * (high - low) / 2
    at, by = logit(middle), half / (middle * (1 - middle))
    return {"porosity_low": expit(at - by), "porosity_high": expit(at + by)}


def assert_labels(found, expected):
    assert found.shape == expected.shape
    assert set(np.unique(found)) == {0, 255}
    assert np.mean(found != expected) <= ROUNDING


def test_the_old_work_is_whole_and_names_its_new_place_alone(old_work):
    assert digest(read_labels(old_work / "segment")) == OLD["segment"]["sha256"]
    assert relocate(old_work, str(ROOT), "/nowhere") == []
    database = "mlruns/mlflow.db: runs.artifact_uri"
    assert database in relocate(old_work, str(old_work), str(old_work))


def test_the_champion_labels_a_volume_as_it_did(old_work):
    summary = again(old_work, "segment", "output=anew")
    assert summary["slabs"] == {"done": 24, "resumed": 0}
    assert summary["versions"] == [OLD["promote"]["version"]]
    assert summary["model"] == OLD["segment"]["model"]  # else no segmentation could go on
    assert summary["porosity"] == pytest.approx(OLD["segment"]["porosity"], abs=ROUNDING)
    assert summary["porosity_ci"] == pytest.approx(OLD["segment"]["porosity_ci"], abs=ROUNDING)
    assert_labels(read_labels(old_work / "anew"), read_labels(old_work / "segment"))


def test_a_segmentation_that_was_killed_goes_on(old_work):
    folder = old_work / "segment-begun"
    ledger = json.loads((folder / "ledger.json").read_text())
    done = sorted(map(int, ledger["slabs"]))
    assert len(done) == OLD["segment-begun"]["slabs"]
    before = read_labels(folder)[done]
    summary = again(old_work, "segment-begun")
    assert summary["slabs"] == {"done": 24, "resumed": len(done)}
    assert summary["porosity"] == pytest.approx(OLD["segment"]["porosity"], abs=ROUNDING)
    labels = read_labels(folder)
    np.testing.assert_array_equal(labels[done], before)
    assert_labels(labels, read_labels(old_work / "segment"))


def test_a_segmentation_that_is_finished_stays(old_work):
    before = json.loads((old_work / "segment" / "summary.json").read_text())
    found = again(old_work, "segment")
    assert {key: found[key] for key in before} == before  # later versions tell more


def test_a_sweep_that_was_killed_goes_on(old_work):
    begun = OLD["sweep-begun"]
    # the machine of the trial that was killed is not this one: it is given up by its silence
    summary = again(old_work, "sweep-begun", "search.heartbeat_s=1", "search.grace_s=2")
    assert summary["trials"]["complete"] == begun["trials"]
    table = json.loads((old_work / "sweep-begun" / "trials.json").read_text())
    complete = {row["slot"]: row for row in table if row["state"] == "complete"}
    assert sorted(complete) == list(range(begun["trials"]))
    for trial in begun["complete"]:
        row = complete[trial["slot"]]
        assert (row["number"], row["val/loss"]) == (trial["number"], trial["value"])
        assert {key: row[key] for key in trial["values"]} == trial["values"]
    assert summary["best"]["value"] == min(row["val/loss"] for row in complete.values())
    assert [row["reason"] for row in table if row["state"] == "failed"] == ["killed"]
    cut_off = json.loads((old_work / "sweep-begun" / "trials" / "0002" / "run.json").read_text())
    ids = [summary["parent_run_id"], *(t["run_id"] for t in begun["complete"])]
    assert {run.info.status for run in runs(old_work, *ids)} == {"FINISHED"}
    assert [run.info.status for run in runs(old_work, cut_off["run_id"])] == ["KILLED"]


def test_a_sweep_that_is_finished_stays_and_can_be_enlarged(old_work):
    summary = again(old_work, "sweep", "search.trials=4")
    assert summary["trials"]["complete"] == 4
    assert summary["parent_run_id"] == OLD["sweep"]["parent_run_id"]
    assert summary["best"]["value"] <= OLD["sweep"]["best"]["value"]
    assert summary["dataset"] == OLD["sweep"]["dataset"]
    assert same_data(summary["data"], OLD["sweep"]["data"])


def test_a_training_that_is_finished_stays(old_work):
    summary = again(old_work, "train")
    assert {key: summary[key] for key in OLD["train"]} == OLD["train"]


def test_a_training_that_was_killed_goes_on(old_work):
    summary = again(old_work, "train-begun")
    assert summary["run_id"] == OLD["train-begun"]["run_id"]
    assert summary["epochs"] == OLD["train"]["epochs"]
    assert summary["parameters"] == OLD["train"]["parameters"]
    # one of the 204 pixels of the sample is half a point
    assert summary["val"] == pytest.approx(OLD["train"]["val"], abs=0.01)
    then = OLD["train"]["val_all"]
    now = {key: summary["val_all"][key] for key in then}
    assert now == pytest.approx(then, abs=0.01)
    assert [run.info.status for run in runs(old_work, summary["run_id"])] == ["FINISHED"]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("train", "train.momentum=0.9", r"another train\.momentum \(0\.95, now 0\.9\);"),
        ("train-begun", "seed=3", r"another seed \(0, now 3\);"),
        ("sweep", "train.steps=19", r"another train\.steps \(20, now 19\);"),
        ("promote", "final.epochs=5", r"another final\.epochs \(6, now 5\);"),
        ("segment", "missing=skip", r"another missing \(stop, now skip\);"),
    ],
)
def test_old_work_of_other_settings_is_refused(old_work, name, change, said):
    refuse(old_work, name, change, said)


def test_old_work_on_other_labels_is_refused(old_work):
    mask = old_work / "data" / "masks" / "00.tif"
    tifffile.imwrite(mask, 255 - tifffile.imread(mask))
    refuse(old_work, "train", "seed=0", rf"another data \({OLD['sweep']['data']}, now ")


def refuse(folder, name, change, said):
    """What a changed command says of the old work, in one line, before anything is computed."""
    command, *overrides = OLD["commands"][name]
    overrides += FORMER.get(command, [])
    done = call(folder, command, *overrides, change)
    assert done.returncode == 2, done.stderr[-4000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert re.search(said, lines[0]), lines[0]
    assert lines[0].endswith("overwrite=true.")


def test_a_promotion_that_is_finished_registers_nothing_anew(old_work):
    summary = again(old_work, "promote")
    assert summary["champion"]
    for key in ("version", "run_id", "parent_run_id", "winner", "postprocessing"):
        assert summary[key] == OLD["promote"][key]
    old = OLD["promote"]["test_all"]
    old |= by_students_t(old, squares=6)
    assert {key: summary["test_all"][key] for key in old} == pytest.approx(old)

    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{old_work / 'mlruns' / 'mlflow.db'}")
    assert [v.version for v in client.search_model_versions("name = 'fibsem'")] == [1]


def test_the_trials_of_an_old_sweep_can_be_promoted(old_work):
    """The old champion is the one that the gate compares with."""
    summary = again(old_work, "promote", "seed=1", "output=challenge")
    assert summary["version"] == "2"
    assert summary["winner"] == OLD["promote"]["winner"]
    tested = json.loads((old_work / "challenge" / "test.json").read_text())
    assert tested["against"] == OLD["promote"]["version"]
    assert "rows" in tested
    assert "champion" in tested["rows"]


PREDICT = """
import sys
import mlflow
import numpy as np
model = mlflow.pyfunc.load_model("models:/fibsem@champion")
import fibsem
print(fibsem.__file__)
np.save("labels.npy", model.predict(np.load("stack.npy")))
"""


@pytest.mark.parametrize("first", ["", "import fibsem.segment, fibsem.geometry"])
def test_mlflow_loads_the_champion(old_work, first, tmp_path, monkeypatch):
    """With the code that is stored with it, or where the package is imported already, with that."""
    slices = sorted((old_work / "data" / "slices").glob("*.tif"))
    np.save(old_work / "stack.npy", np.stack([tifffile.imread(path) for path in slices]))
    if first:  # of a process that has imported all of it and used nothing
        (tmp_path / "predict_champion.py").write_text(f"{first}{PREDICT}")
        monkeypatch.syspath_prepend(tmp_path)
        done = completed(["predict_champion"], old_work, **ENVIRONMENT)
    else:
        done = subprocess.run(
            [sys.executable, "-c", PREDICT], cwd=old_work, env={**os.environ, **ENVIRONMENT},
            timeout=300, text=True, capture_output=True,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    stored = old_work / "mlruns" / "artifacts" in Path(done.stdout.splitlines()[-1]).parents
    assert stored == (not first)
    assert_labels(255 * np.load(old_work / "labels.npy"), read_labels(old_work / "segment"))


def test_where_an_old_segmentation_comes_from_can_be_told(old_work):
    done = call(old_work, "report", "lineage=segment", "output=lineage")
    assert done.returncode == 0, done.stderr[-4000:]
    for known in (OLD["sweep"]["parent_run_id"], OLD["promote"]["winner"], "0.1.0+a9864bc"):
        assert known in done.stdout
