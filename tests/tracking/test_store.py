"""A store is the one that an address means where it is used."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from fibsem.config import TrackingConfig
from fibsem.errors import UserError
from fibsem.search.studies.storage import open_storage
from fibsem.tracking.runs import Tracking
from fibsem.tracking.store import client_of, experiment_of


def test_a_relative_address_is_of_the_folder_that_a_process_works_in(
    new_store, tmp_path, monkeypatch
):
    """A notebook that changes its folder is not given the store of the one before."""
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        new_store(folder)
        monkeypatch.chdir(folder)
        client = client_of("sqlite:///ml.db")
        client.create_experiment(name)
        found = {experiment.name for experiment in client.search_experiments()}
        assert found == {"Default", name}


@pytest.mark.parametrize(
    "address",
    ["mysql://me:secret@127.0.0.1:9/x", "nosuch://me:secret@host/x", "http://127.0.0.1:9]'"],
)
def test_an_address_that_nobody_understands_is_said_in_one_line(address):
    with pytest.raises(
        UserError, match=r"must be a reachable MLflow store, but .* answers"
    ) as said:
        Tracking.open(TrackingConfig(address), "film")
    assert "secret" not in str(said.value)


@pytest.mark.parametrize(
    ("instead", "said"),
    [("SELECT RAISE(ABORT, 'it is full')", "it is full"),
     ("INSERT INTO nowhere VALUES (1)", "no such table: main.nowhere")],
    ids=["forbidden", "broken"],
)  # fmt: skip
def test_a_store_that_takes_no_new_experiment_says_so_in_one_line(
    new_store, tmp_path, instead, said
):
    """It was taken for another process that had made it: an AttributeError of None."""
    new_store(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ml.db")) as database, database:
        database.execute(f"CREATE TRIGGER no BEFORE INSERT ON experiments BEGIN {instead}; END")
    uri = f"sqlite:///{tmp_path}/ml.db"
    with pytest.raises(UserError, match=rf"must take a new experiment, .*{said}; the choices"):
        Tracking.open(TrackingConfig(uri), "film")
    assert experiment_of(uri, "Default", tmp_path) == "0"  # which is there


def test_artifacts_go_where_the_experiment_has_them_and_that_is_said(
    new_store, tmp_path, monkeypatch, capsys
):
    """MLflow takes a place once; a copy of a project would write into the original."""
    original, copy = tmp_path / "original", tmp_path / "copy"
    (original / "mlruns").mkdir(parents=True)
    new_store(original)
    shutil.move(original / "ml.db", original / "mlruns" / "mlflow.db")
    monkeypatch.chdir(original)
    Tracking.open(TrackingConfig(), "film")
    Tracking.open(TrackingConfig(artifacts="mlruns/../mlruns/artifacts"), "film")
    with pytest.raises(UserError, match=r"has its artifacts, .*original/mlruns/artifacts, but got"):
        Tracking.open(TrackingConfig(artifacts=str(tmp_path / "scratch")), "film")
    assert capsys.readouterr().err == ""
    shutil.copytree(original, copy)
    monkeypatch.chdir(copy)
    tracking = Tracking.open(TrackingConfig(), "film")
    said = capsys.readouterr().err
    assert f"go to {original}/mlruns/artifacts" in said
    assert f"repoint={original} here" in said
    assert f"not to {copy}/mlruns/artifacts" in said
    run = tracking.client.get_run(tracking.start("run", tags={}))
    assert run.info.artifact_uri.startswith(original.as_uri())  # what is said is so


def test_a_store_of_elsewhere_has_its_artifacts_beside_it(new_store, tmp_path, monkeypatch, capsys):
    """Nobody who works in another folder is told what goes without saying."""
    store, here = tmp_path / "store", tmp_path / "here"
    store.mkdir(), here.mkdir()
    new_store(store)
    Tracking.open(TrackingConfig(f"sqlite:///{store}/ml.db", str(store / "artifacts")), "film")
    monkeypatch.chdir(here)
    Tracking.open(TrackingConfig(f"sqlite:///{store}/ml.db"), "film")
    assert capsys.readouterr().err == ""


def test_home_in_an_address_is_home(tmp_path, monkeypatch):
    """No folder is named ~ where somebody works."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir(), here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    Tracking.open(TrackingConfig("sqlite:///~/ml.db", "~/artifacts"), "film")
    open_storage("journal:~/study.log", here)
    open_storage("sqlite:///~/study.db", here)
    assert {"ml.db", "study.log", "study.db"} <= {path.name for path in home.iterdir()}
    assert list(here.iterdir()) == []


@pytest.mark.slow  # MLflow lays out a whole database
def test_artifacts_of_a_store_in_postgresql_lie_where_they_are_asked_for(
    new_database, tmp_path, monkeypatch
):
    """They went into the folder of whoever had begun the experiment, as for a server."""
    monkeypatch.chdir(tmp_path)
    uri = new_database.replace("postgresql:", "postgresql+psycopg:")
    asked = TrackingConfig(uri, str(tmp_path / "all"), "film")
    tracking = Tracking.open(asked, "film")
    experiment = tracking.client.get_experiment(tracking.experiment_id)
    assert experiment.artifact_location == (tmp_path / "all").as_uri()
    assert Tracking.open(asked, "film").experiment_id == tracking.experiment_id
    with pytest.raises(UserError, match=r"tracking\.artifacts` must be where the experiment film"):
        Tracking.open(TrackingConfig(uri, str(tmp_path / "other"), "film"), "film")
    Tracking.open(TrackingConfig(uri, experiment="film"), "film")  # nobody has asked for a place
