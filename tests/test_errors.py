"""What is no bug is one line; a bug keeps its traceback."""

import contextlib
import errno
import os
import pickle
import sqlite3
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from fibsem.errors import UserError, one_line


def raised(act):
    """What an act raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any
        act()
    return caught.value


def refused(number):
    raise OSError(number, os.strerror(number), "out/checkpoint.npz")


def loop(folder):
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda folder: (folder / "no").read_text(), "no must be usable, but: No such file"),
        (lambda folder: folder.read_text(), "must be usable, but: Is a directory"),
        (lambda folder: (folder / ("x" * 300)).touch(), "File name too long; give shorter names"),
        (lambda folder: loop(folder).read_text(), "symbolic links; mend the links"),
        (lambda folder: Path("/dev/full").write_text("a"), "make room"),
        (lambda folder: refused(errno.EDQUOT), "Disk quota exceeded; make room, the quota is"),
        (lambda folder: b"\xff".decode(), "a text must have the encoding"),
        (lambda folder: "ü".encode("ascii"), "a text must have the encoding"),
        (lambda folder: sqlite3.connect(folder / "no" / "x.db"), "unable to open database file"),
        (lambda folder: bytearray(2**62), "memory ran out"),
        (lambda folder: create_engine(f"sqlite:///{folder}/no/x.db").connect(), "unable to open"),
    ],
)
@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")
def test_what_the_system_refuses_is_one_line(tmp_path, act, said):
    line = one_line(raised(lambda: act(tmp_path)))
    assert said in line
    assert "\n" not in line


def test_what_a_user_can_mend_is_what_it_says():
    assert one_line(UserError("`a` must be b, but got c.")) == "`a` must be b, but got c."


def test_a_bug_is_none_of_them():
    assert one_line(ZeroDivisionError("division by zero")) is None
    assert one_line(ValueError("a")) is None


def test_what_was_handled_before_a_bug_is_no_part_of_it():
    def act():
        try:
            raise OSError(2, "No such file")
        except OSError:
            return 1 / 0

    assert one_line(raised(act)) is None


def test_what_an_error_was_raised_from_is_a_part_of_it(tmp_path):
    def act():
        try:
            (tmp_path / "no").read_text()
        except OSError as error:
            raise RuntimeError("the library says") from error

    assert "No such file" in one_line(raised(act))


def test_a_store_that_does_not_answer_is_one_line(monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    client = MlflowClient("http://127.0.0.1:9")
    line = one_line(raised(lambda: client.get_experiment("0")))
    assert "127.0.0.1" in line
    assert "\n" not in line


def test_a_database_that_refuses_is_one_line(tmp_path):
    database = tmp_path / "x.db"
    sqlite3.connect(database).close()
    engine = create_engine(f"sqlite:///file:{database}?mode=ro&uri=true")

    def write():
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE a (x INTEGER)"))

    assert "readonly database" in one_line(raised(write))
    engine.dispose()


def test_a_damaged_database_is_one_line_and_a_wrong_query_is_a_bug(tmp_path):
    database = tmp_path / "x.db"
    database.write_bytes(b"no database at all" * 100)

    def ask(query):
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute(query)

    assert "must answer, but says: file is not a database" in one_line(
        raised(lambda: ask("SELECT * FROM a"))
    )
    database.unlink()
    assert one_line(raised(lambda: ask("SELECT 1; SELECT 2"))) is None


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (psycopg.errors.ReadOnlySqlTransaction("a standby"), "a database must answer"),
        (psycopg.InterfaceError("the connection is closed"), "a database must answer"),
        (sqlalchemy.exc.TimeoutError("QueuePool limit of size 5"), "a database must answer"),
        (psycopg.errors.UndefinedTable("no table"), None),
        (psycopg.errors.UniqueViolation("twice"), None),
        (RuntimeError("can't start new thread"), "more threads, ulimit -u"),
        (RuntimeError("can't start the engine"), None),
        (RuntimeError("cannot schedule new futures after shutdown"), None),
    ],
)
def test_what_drivers_and_python_say_is_one_line_where_users_can_mend_it(error, line):
    said = one_line(error)
    assert said is None if line is None else line in said


@given(st.text())
def test_a_users_error_is_one_line_whatever_a_name_holds(name):
    error = UserError(f"`square` must be known, but is {name}.")
    assert str(error).isprintable()
    assert len(str(error).splitlines()) == 1
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
