"""A store that was moved with its folder shows its artifacts again."""

import re
import shutil
from pathlib import Path

import mlflow
import pytest

from fibsem import api, report
from fibsem.config import TrackingConfig, compose
from fibsem.errors import UserError
from fibsem.tracking.repointing import repoint
from fibsem.tracking.runs import Tracking


@pytest.fixture
def moved(tmp_path, new_store, monkeypatch):
    """(former folder, that of now, which is worked in, ids of a run and of its experiment)."""
    old, new = tmp_path / "old 50 %, ü", tmp_path / "new #1"
    old.mkdir()
    new_store(old)
    uri = f"sqlite:///{old / 'ml.db'}"
    tracking = Tracking.open(TrackingConfig(uri, str(old / "artifacts")), "film")
    run = tracking.start("run", tags={})
    tracking.log_json(run, {"a": 1}, "config.json")
    tracking.client.create_registered_model("fibsem")
    tracking.client.create_model_version("fibsem", str(old / "artifacts"), run)
    shutil.move(old, new)
    monkeypatch.chdir(new)
    yield old, new, run, tracking.experiment_id
    mlflow.set_tracking_uri(None)


def test_a_moved_store_shows_its_artifacts(moved, capsys):
    old, new, run, experiment = moved
    store = TrackingConfig(f"sqlite:///{new / 'ml.db'}", str(new / "artifacts"))
    with pytest.raises(UserError, match=re.escape(f"repoint={old} here.")):
        Tracking.open(store, "film")  # what is new would go to the former folder
    tracking = Tracking(store.uri, experiment)
    with pytest.raises(Exception, match=r"config\.json"):
        tracking.read_json(run, "config.json")
    report.main(compose("report", [f"repoint={old}", f"tracking.uri={store.uri}"]))
    assert f"begin with {new} instead of {old}; " in capsys.readouterr().out
    assert tracking.read_json(run, "config.json") == {"a": 1}
    with pytest.raises(UserError, match="none of its artifacts lie in"):  # they are moved already
        api.repoint(old, tracking={"uri": store.uri})
    assert tracking.client.get_model_version("fibsem", "1").source == str(new / "artifacts")
    again = Tracking.open(store, "film").start("another", tags={})  # new runs go there, too
    tracking.log_json(again, {"b": 2}, "config.json")
    assert str(tracking.client.get_run(again).info.artifact_uri).startswith(new.as_uri())


def test_the_folder_of_now_is_not_the_former_one(moved):
    """So many locations now began with a folder instead of the same one."""
    _, new, *_ = moved
    for folder in (new, "."):
        with pytest.raises(UserError, match="but got the one in which this command is given"):
            api.repoint(folder, tracking={"uri": f"sqlite:///{new / 'ml.db'}"})


def test_a_store_is_mended_from_python_as_well(moved):
    old, new, run, experiment = moved
    uri = f"sqlite:///{new / 'ml.db'}"
    mended = api.repoint(old, tracking={"uri": uri})
    assert 0 < mended.present <= mended.changed
    assert (mended.old, mended.new) == (old, new)
    assert str(mended) == (
        f"{mended.changed} artifact locations in {uri} now begin with {new} instead of {old}; "
        f"{mended.present} exist"
    )
    assert Tracking(uri, experiment).read_json(run, "config.json") == {"a": 1}


def test_what_was_not_moved_is_left_alone(moved):
    old, new, *_ = moved
    uri = f"sqlite:///{new / 'ml.db'}"
    before = (new / "ml.db").read_bytes()
    with pytest.raises(UserError, match="none of its artifacts lie in /elsewhere; they lie in"):
        repoint(uri, Path("/elsewhere"), new)
    with pytest.raises(UserError, match=r"none of .* is there; give it in the folder that was"):
        repoint(uri, old, new.parent / "nowhere")
    assert (new / "ml.db").read_bytes() == before


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://localhost:1", "needs a store that is a file"),
        ("sqlite:///nowhere.db", "must be an MLflow store that is there"),
        ("sqlite:///no.db", "must name a database of MLflow that is whole"),
    ],
)
def test_a_store_that_cannot_be_mended_is_one_line(uri, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no.db").write_text("no database, but longer than nothing" * 100)
    with pytest.raises(UserError, match=message):
        repoint(uri, tmp_path / "old", tmp_path)
