"""Passwords of stores are in no file, run, message or table that a command leaves."""

import traceback
from pathlib import Path
from urllib.parse import quote

import pytest

from fibsem import api
from fibsem.api.sweeping import SweepResult
from fibsem.errors import UserError
from fibsem.system.summaries.sweep import Counts, SweepSummary
from fibsem.tracking.store import client_of
from tests.processes import completed

#: Every part of an address is in it.
PASSWORD = "s3/cr@t?x=1#ü:%"
FORMS = [part for form in (PASSWORD, quote(PASSWORD, safe="")) for part in (form, form[:6])]


def call(command, *overrides, cwd):
    retries = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}  # three take 13 s where nobody answers
    return completed([f"fibsem.{command}", *overrides], cwd, **retries)


@pytest.fixture(scope="module")
def threshold(tiny):
    """Overrides of what is trained in no time: passwords are kept, whatever learns."""
    return [f"data.path={tiny}", "data.name=tiny", "model=threshold", "nbhd=11x11x1"]


def told(text):
    """The forms of the password that a text tells."""
    return [form for form in FORMS if form in text]


@pytest.mark.slow
def test_a_sweep_leaves_no_password(threshold, postgres, mlflow_server, tmp_path, tmp_path_factory):
    storage = postgres.replace("fibsem@", f"fibsem:{PASSWORD}@")
    uri = mlflow_server.replace("http://", f"http://me:{PASSWORD}@")
    line = [*threshold, f"search.storage={storage}", f"tracking.uri={uri}", "study=secret",
            "tracking.experiment=secret", "space=threshold", "search.trials=2", "search.workers=2",
            "output=out"]  # fmt: skip
    done = call("sweep", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "http://me:***@127.0.0.1" in done.stdout
    assert told(done.stdout + done.stderr) == []
    experiment = client_of(mlflow_server).get_experiment_by_name("secret")
    runs = client_of(mlflow_server).search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    places = [tmp_path, *tmp_path_factory.getbasetemp().glob("mlflow*")]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert {"config.json", "summary.json", "server.db"} <= {path.name for path in files}
    assert "postgresql://fibsem:***@127.0.0.1" in (tmp_path / "out/summary.json").read_text()
    for path in files:
        content = path.read_bytes()
        assert [form for form in FORMS if form.encode() in content] == [], path


@pytest.mark.slow
def test_errors_tell_no_password(threshold, tmp_path):
    storage = f"search.storage=postgresql://me:{PASSWORD}@127.0.0.1:9/none"
    for overrides, said in (
        ([storage], "postgresql://me:***@127.0.0.1:9/none answers"),
        ([f"tracking.uri=http://me:{PASSWORD}@127.0.0.1:9"], "http://me:***@127.0.0.1:9"),
        ([storage, "train.epohcs=3"], "epohcs"),
        ([f"serach.storage=postgresql://me:{PASSWORD}@host/runs"], "serach"),
        (["search.storage=", storage.partition("=")[2]], "postgresql://me:***@"),
    ):  # fmt: skip
        done = call("sweep", *threshold, "space=threshold", *overrides, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert told(done.stdout + done.stderr) == []


@pytest.mark.slow
def test_a_notebook_is_told_no_password(threshold, tiny, mlflow_server, capfd, monkeypatch):
    """No output is guarded there: neither a line, nor an error, nor its cause, nor a result."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    uri = mlflow_server.replace("http://", f"http://me:{PASSWORD}@")
    given = dict(word.split("=", 1) for word in threshold if not word.startswith("data.path="))
    result = api.train(tiny, **given, tracking={"uri": uri, "experiment": "notebook"})
    assert result.run_id
    assert told("".join(capfd.readouterr()) + repr(result) + result._repr_html_()) == []
    with pytest.raises(UserError, match=r"a finished trial in http://me:\*\*\*@127") as raised:
        api.promote(tiny, tracking={"uri": uri, "experiment": "notebook"})
    assert told(str(raised.value)) == []
    with pytest.raises(UserError, match="must be a reachable MLflow store") as raised:
        api.train(tiny, tracking={"uri": f"http://me:{PASSWORD}@127.0.0.1:9"})
    assert told("".join(traceback.format_exception(raised.value))) == []
    summary = SweepSummary(
        study="any", trials=Counts(0, 0, 0), best=None, objectives=("val/miou",),
        parent_run_id=None, seconds=1.0,
    )  # fmt: skip
    found = SweepResult(summary, Path(), uri)
    assert "--backend-store-uri http://me:***@127.0.0.1" in found.text
    assert told(f"{found!r}{found._repr_html_()}") == []
