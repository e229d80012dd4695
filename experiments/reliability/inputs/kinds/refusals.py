"""What the system refuses: one line, where it is no bug."""

import os
import sqlite3
from pathlib import Path

from films import place
from mlflow import MlflowClient
from sqlalchemy import create_engine

from fibsem import errors

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"


def loop():
    one, other = place(), place()
    one.symlink_to(other)
    other.symlink_to(one)
    one.read_text()


def open_many():
    held = []
    try:
        while True:
            held.append(Path("/dev/null").open())  # noqa: SIM115
    finally:
        for file in held:
            file.close()


def below_a_file():
    path = place()
    path.touch()
    (path / "x").mkdir()


ACTS = {
    "a file that is not there": lambda: place().read_text(),
    "a folder that is read": lambda: Path("/etc").read_text(),
    "a folder below a file": below_a_file,
    "a name of 300 letters": lambda: place("x" * 300).touch(),
    "links in a circle": loop,
    "a full disk": lambda: Path("/dev/full").write_text("a"),
    "a place for reading": lambda: Path("/proc/version").write_text("a"),
    "too many open files": open_many,
    "a broken pipe": lambda: (_ for _ in ()).throw(BrokenPipeError(32, "Broken pipe")),
    "no shared memory": lambda: (_ for _ in ()).throw(OSError(38, "Function not implemented")),
    "bytes that are no text": lambda: b"\xff\xfe".decode(),
    "a text that is not ASCII": lambda: "ü".encode("ascii"),
    "no memory": lambda: bytearray(2**62),
    "a database that is not there": lambda: sqlite3.connect(place() / "x.db"),
    "an engine without a place": lambda: create_engine(f"sqlite:///{place()}/x.db").connect(),
    "a store that is away": lambda: MlflowClient("http://127.0.0.1:9").get_experiment("0"),
}


def said(act):
    """Return a check of how a command reports an error: in one line, or with its traceback."""

    def right():
        try:
            act()
        except (errors.UserError, MemoryError) as error:
            raise errors.UserError(str(error)) from error
        except Exception as error:
            line = errors.one_line(error) if hasattr(errors, "one_line") else None
            if line is None:
                raise
            raise errors.UserError(line) from error
        return False

    return right


def inputs():
    for name, act in ACTS.items():
        yield name, said(act)
