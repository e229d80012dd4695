"""Stores and folders by addresses of every kind: no address is a folder, no driver a traceback."""

import contextlib
import os
from pathlib import Path

from films import place
from kinds.addresses import open_storage
from kinds.samples import Tracking, TrackingConfig

from fibsem.config import compose, output_folder

ELSEWHERE = [
    "s3://bucket/runs", "s3://key:secret@bucket/runs", "gs://bucket/runs", "file:///runs",
    "https://me:secret@host/runs", "sftp://host/runs", "dbfs:///runs", "mlflow-artifacts:///runs",
    "hdfs://host/runs", "smb://host/share", "abfss://c@a.dfs.core.windows.net/runs",
]  # fmt: skip
HERE = ["runs", "a:b", "12:30", "C:\\runs", "50 %", "x//y", "s3:", "~", "a:/b"]
NO_STORES = [
    "mysql://me:secret@127.0.0.1:9/x", "mssql://127.0.0.1:9/x", "oracle://127.0.0.1:9/x",
    "nosuch://127.0.0.1:9/x", "postgresql+nosuch://127.0.0.1:9/x", "http://127.0.0.1:9]'",
    "http://127.0.0.1:9", "http://[::1", "postgresql://127.0.0.1:port/x", "sqlite+nosuch:///x.db",
    "redis://:secret@127.0.0.1:9/0", "mongodb://127.0.0.1:9", "http://", "://", "databricks://x",
]  # fmt: skip


def inside(act):
    """Return a check that a call leaves no file or folder that is named like an address."""

    def right():
        home = place()
        home.mkdir()
        before = Path.cwd()
        os.chdir(home)
        try:
            with contextlib.suppress(FileExistsError):
                act()
            return not any(":" in path.name for path in home.iterdir())
        finally:
            os.chdir(before)

    return right


def stored(artifacts):
    def act():
        store = Tracking.open(TrackingConfig("sqlite:///ml.db", artifacts), "film")
        run = store.start("a run", tags={})
        store.log_json(run, {"a": 1}, "a.json")

    return act


def written(output):
    return lambda: output_folder("train", compose("train", [f"output={output}"]), "film").mkdir(
        parents=True
    )


def inputs():
    for address in ELSEWHERE:
        yield f"output={address}", inside(written(address))
        yield f"artifacts={address}", inside(stored(address))
        yield f"journal={address}", inside(lambda a=address: open_storage(f"journal:{a}", place()))
    for name in HERE:
        path = place() / name
        yield (
            f"output={name}",
            lambda p=path: output_folder("train", compose("train", [f"output={p}"]), "x") == p,
        )
    for address in NO_STORES:
        yield f"tracking {address}", lambda a=address: Tracking.open(TrackingConfig(a), "x") is None
        yield f"storage {address}", lambda a=address: open_storage(a, place()) is None
