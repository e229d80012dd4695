"""What a store says now; and that nothing is made, or waited for, where there is none."""

import base64
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import mlflow
import pytest

from fibsem.config import TrackingConfig
from fibsem.errors import UserError
from fibsem.tracking.aliases import aliases_now, history_now, require_store
from fibsem.tracking.runs import Tracking


@pytest.fixture(scope="module")
def store(new_store, tmp_path_factory):
    """A store with two registered versions, the second of which is champion."""
    folder = tmp_path_factory.mktemp("store")
    new_store(folder)
    config = TrackingConfig(f"sqlite:///{folder / 'ml.db'}", str(folder / "artifacts"))
    tracking = Tracking.open(config, "film")
    client = tracking.client
    assert history_now(config.uri) is None  # nothing was ever registered
    client.create_registered_model("fibsem")
    runs = []
    for k in range(2):
        runs.append(tracking.start(f"run {k}", tags={}))
        tags = {"fibsem.gate": "passed", "fibsem.data": "c8d2", "fibsem.test_all_miou": "0.5"}
        client.create_model_version("fibsem", str(folder), runs[k], tags=tags)
    client.set_registered_model_alias("fibsem", "previous", "1")
    client.set_registered_model_alias("fibsem", "champion", "2")
    yield config.uri, runs
    mlflow.set_tracking_uri(None)


def test_aliases_of_the_versions_that_a_store_knows(store):
    uri, runs = store
    known = {"fibsem/1": runs[0], "fibsem/2": runs[1]}
    assert aliases_now(uri, known) == {"fibsem/1": ["previous"], "fibsem/2": ["champion"]}
    assert aliases_now(uri, {"fibsem/2": "a run of another store"}) == {}
    assert aliases_now(uri, {"fibsem/7": runs[0]}) == {}


def test_history_of_the_versions(store):
    table = history_now(store[0])
    assert list(table["version"]) == ["1", "2"]
    assert list(table["alias"]) == ["previous", "champion"]


def test_without_a_store_nothing_is_told_and_nothing_is_made(tmp_path):
    uri = f"sqlite:///{tmp_path / 'ml.db'}"
    assert aliases_now(uri, {"fibsem/1": "a"}) == {}
    assert history_now(uri) is None
    assert list(tmp_path.iterdir()) == []


class Guarded(BaseHTTPRequestHandler):
    """A server behind a proxy that lets in whoever has the password, as nothing but MLflow's."""

    def do_GET(self):
        """Ask for the name and the password, or say that there is no such page."""
        login = base64.b64encode(b"me:p@ss").decode()
        self.send_response(404 if self.headers["Authorization"] == f"Basic {login}" else 401)
        self.end_headers()

    def do_POST(self):
        """As any other question."""
        self.do_GET()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def guarded():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("login", ["", "me:p@ss@", "me:wrong@"])
def test_a_server_that_wants_a_password_is_there(guarded, login, capsys):
    """A promotion's history was refused, and a report had no champions, without a word."""
    uri = f"http://{login}{guarded}"
    require_store(uri)
    for answer in (lambda: aliases_now(uri, {"fibsem/1": "a"}) == {}, lambda: not history_now(uri)):
        assert answer()
        said = capsys.readouterr().err
        assert "warning: champions are left out, because http://" in said
        assert "p@ss" not in said


@pytest.mark.parametrize("uri", ["http://me:p@ss@127.0.0.1", "http://127.0.0.1:abc", "http://["])
def test_an_address_where_nobody_is_has_one_line(uri, capsys):
    with pytest.raises(UserError, match=r"that is there .* nothing answers at http://") as raised:
        require_store(uri)
    assert "p@ss" not in str(raised.value)
    assert history_now(uri) is None
    assert "was not asked: nothing answers there" in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_not_waited_for():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    assert aliases_now(f"http://127.0.0.1:{port}", {"fibsem/1": "a"}) == {}
    assert time.perf_counter() - started < 10  # MLflow itself would try for minutes
