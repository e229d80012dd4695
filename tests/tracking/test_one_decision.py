"""Who is champion is one decision: of two challengers of one champion one replaces it, at most."""

from contextlib import contextmanager, nullcontext
from threading import Barrier, Thread

import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModelTag
from sqlalchemy.orm import Session

from fibsem.config import TrackingConfig
from fibsem.errors import UserError
from fibsem.tracking import champions, registry, store
from fibsem.tracking.runs import Tracking
from fibsem.tracking.succession import CHAMPION
from fibsem.tracking.versions import champion_history
from tests.conftest import CutOffError
from tests.processes import FORKED

STORES = ["sqlite", pytest.param("server", marks=pytest.mark.slow)]


@contextmanager
def challenged(address, folder):
    """In a store are a champion, version 1, and the challengers 2 and 3."""
    config = TrackingConfig(uri=address, artifacts=str(folder / "artifacts"))
    tracking = Tracking.open(config, "decisions")
    run_id = tracking.start("a run", tags={})
    if champion_history(address):
        tracking.client.delete_registered_model(registry.REGISTERED)
    tracking.client.create_registered_model(registry.REGISTERED)
    source = tracking.client.get_run(run_id).info.artifact_uri
    for _ in range(3):
        tracking.client.create_model_version(registry.REGISTERED, source, run_id)
    champions.make_champion("1", address, "the first")
    yield
    tracking.client.delete_registered_model(registry.REGISTERED)


@pytest.fixture
def own_uri(new_store, tmp_path):
    """A file with a champion and its challengers."""
    new_store(tmp_path)
    address = f"sqlite:///{tmp_path / 'ml.db'}"
    with challenged(address, tmp_path):
        yield address


@pytest.fixture(params=STORES)
def uri(request, tmp_path):
    """A store of each kind with a champion and its challengers."""
    if request.param == "sqlite":
        yield request.getfixturevalue("own_uri")
        return
    address = request.getfixturevalue("mlflow_server")
    with challenged(address, tmp_path):
        yield address


def line(uri):
    return [row.version for row in champion_history(uri) if row.since]


def test_a_place_is_taken_by_whom_was_compared_with_its_holder(uri):
    champions.make_champion("2", uri, "better", instead_of=["1"])
    with pytest.raises(UserError, match=r"but that is version 2 by now; .*force=true") as caught:
        champions.make_champion("3", uri, "better", instead_of=["1"])
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="but that is version 2 by now"):
        champions.make_champion("3", uri, "there was none", instead_of=[])
    assert line(uri) == ["1", "2"]
    champions.make_champion("2", uri, "once more", instead_of=["1"])  # it is the champion already
    champions.make_champion("3", uri, "forced")
    assert line(uri) == ["1", "2", "3"]


def test_a_change_that_was_cut_off_counts(uri, monkeypatch):
    """Its alias is not moved yet, and a challenger of the one before comes too late."""
    real = champions.MlflowClient.set_registered_model_alias

    def killed(self, name, alias, version):
        if alias == CHAMPION:
            raise CutOffError
        real(self, name, alias, version)

    with monkeypatch.context() as patch:
        patch.setattr(champions.MlflowClient, "set_registered_model_alias", killed)
        with pytest.raises(CutOffError):
            champions.make_champion("2", uri, "better", instead_of=["1"])
    assert champions.champion_version(uri) == "2"
    with pytest.raises(UserError, match="but that is version 2 by now"):
        champions.make_champion("3", uri, "better", instead_of=["1"])
    champions.make_champion("2", uri, "better", instead_of=["1"])
    assert line(uri) == ["1", "2"]
    assert {row.version: row.aliases for row in champion_history(uri)}["2"] == ("champion",)


def at_once(uri):
    """Both challengers at once, each in a thread; what each is told."""
    told, start = {}, Barrier(2)

    def challenge(version):
        start.wait(20)
        try:
            champions.make_champion(version, uri, "better", instead_of=["1"])
        except UserError as error:
            told[version] = str(error)

    threads = [Thread(target=challenge, args=(version,)) for version in ("2", "3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return told


def test_of_two_at_once_the_second_is_refused(uri):
    told = at_once(uri)
    assert len(told) == 1
    (loser,) = told
    winner = {"2": "3", "3": "2"}[loser]
    assert f"but that is version {winner} by now" in told[loser]
    assert line(uri) == ["1", winner]
    assert champions.champion_version(uri) == winner


def test_machines_that_no_lock_joins_see_each_other(uri, monkeypatch):
    """Both have read that version 1 is the champion, before either writes."""
    both_have_read, real = Barrier(2), champions._write

    def write(*args):
        both_have_read.wait(20)
        real(*args)

    monkeypatch.setattr(champions, "_write", write)
    monkeypatch.setattr(champions, "one_decision", lambda _: nullcontext())
    told = at_once(uri)
    assert told  # at least one of them knows
    for version, text in told.items():
        other = {"2": "3", "3": "2"}[version]
        assert f"version {other} was made champion while version {version} was" in text
        assert "rollback=true" in text
        assert "\n" not in text
    assert sorted(line(uri)[:3]) == ["1", "2", "3"]


def test_a_row_that_another_machine_adds_meanwhile_is_no_failure(new_store, tmp_path, monkeypatch):
    """MLflow looks for the row, does not find it, and inserts one that is there by then."""
    new_store(tmp_path)
    address = f"sqlite:///{tmp_path / 'ml.db'}"
    client = champions.client_of(address)
    client.create_registered_model(registry.REGISTERED)
    look, looked = Session.merge, []

    def merge(session, row, **options):
        merged = look(session, row, **options)
        if isinstance(row, SqlRegisteredModelTag):
            looked.append(row.value)
            if len(looked) == 1:  # the other machine is faster
                client.set_registered_model_tag(registry.REGISTERED, row.key, "theirs")
        return merged

    monkeypatch.setattr(Session, "merge", merge)
    champions._insist(client.set_registered_model_tag, "place", "ours")
    assert looked == ["ours", "theirs", "ours"]
    assert client.get_registered_model(registry.REGISTERED).tags == {"place": "ours"}


def test_what_the_store_refuses_again_and_again_is_said(new_store, tmp_path):
    new_store(tmp_path)
    client = champions.client_of(f"sqlite:///{tmp_path / 'ml.db'}")
    with pytest.raises(MlflowException, match="not found"):
        champions._insist(client.set_registered_model_tag, "place", "of no model")


def challenge(uri, version, start, told):
    """Say what a challenger is told, in a process of its own that begins with the others."""
    start.wait(60)
    try:
        champions.make_champion(version, uri, "better", instead_of=["1"])
    except UserError as error:
        told.put((version, str(error)))


@pytest.mark.slow
def test_of_two_processes_the_second_is_refused(own_uri):
    start, told = FORKED.Barrier(2), FORKED.Queue()
    processes = [
        FORKED.Process(target=challenge, args=(own_uri, version, start, told))
        for version in ("2", "3")
    ]
    for process in processes:
        process.start()
    loser, said = told.get(timeout=120)
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert told.empty()
    winner = {"2": "3", "3": "2"}[loser]
    assert f"but that is version {winner} by now" in said
    assert line(own_uri) == ["1", winner]


@pytest.mark.parametrize("spelled", [
    ["http://localhost:5000", "HTTP://LocalHost:5000/", "http://127.0.0.1:5000", "http://[::1]:5000",
     "http://me:secret@127.0.1.1:5000"],
    ["https://runs.site/mlflow", "https://RUNS.site:443/mlflow/"],
    ["postgresql://me:p@host/db", "postgresql+psycopg2://you@HOST:5432/db?sslmode=require"],
])  # fmt: skip
def test_a_server_has_one_lock_however_it_is_spelled(spelled):
    locks = {store._lock_of(address) for address in spelled}
    assert len(locks) == 1
    assert locks.isdisjoint({store._lock_of("http://other:5000"), store._lock_of("http://[::1]:1")})
