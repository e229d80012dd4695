"""What makes a change last, and a kill beside it: renames, commits of databases, calls of MLflow.

It is installed only in processes of the experiment; the package itself is unchanged.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import mlflow
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

#: Prefixes of calls that only read from a store.
ASKING = ("get_", "search_", "list_", "load_", "download_", "_", "parse_")
#: Parts of names that differ in every run: ids of runs, temporary files, records of starts.
CHANGING = re.compile(r"[0-9a-f]{32}|tmp-[0-9a-f]{12}|tmp[0-9a-z_]{8}|\d+\.\d+-\d+(?=\.json)")


class Points:
    """The commit points that a process reaches, in order; it may be killed at one of them.

    Parameters
    ----------
    folder
        Only files in this folder count.
    kill
        Name of a point, number of earlier points of that name, and ``before`` or ``after`` it; None
        for no kill.
    """

    def __init__(self, folder: Path, kill: tuple[str, int, str] | None = None) -> None:
        self.folder, self.kill = folder, kill
        self.reached: list[str] = []
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def at(self, what: str, do: Callable[[], Any]) -> Any:
        """Record a commit point, and carry it out between the two possible kills."""
        name = f"{what} in {site()}"
        with self._lock:
            self.reached.append(name)
            place = name, self._counts[name]
            self._counts[name] += 1
        self._perhaps((*place, "before"))
        result = do()
        self._perhaps((*place, "after"))
        return result

    def _perhaps(self, place: tuple[str, int, str]) -> None:
        if place == self.kill:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Intercept all commit points of this process."""
        for name in ("replace", "rename", "link"):
            setattr(os, name, self._renaming(name, getattr(os, name)))
        self._watch_databases()
        within = threading.local()
        for name, member in vars(mlflow.MlflowClient).items():
            if callable(member) and not name.startswith(ASKING):
                setattr(mlflow.MlflowClient, name, self._calling(name, member, within))

    def _renaming(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(source: Any, target: Any, **how: Any) -> Any:
            place = Path(os.fsdecode(target)).absolute()
            if not place.is_relative_to(self.folder):
                return function(source, target, **how)
            to = CHANGING.sub("ID", str(place.relative_to(self.folder)))
            return self.at(f"{name} to {to}", lambda: function(source, target, **how))

        return call

    def _calling(
        self, name: str, method: Callable[..., Any], within: threading.local
    ) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            if getattr(within, "one", False):
                return method(*args, **kwargs)
            within.one = True
            try:
                return self.at(f"MLflow {name}", lambda: method(*args, **kwargs))
            finally:
                within.one = False

        return call

    def _watch_databases(self) -> None:
        changes: dict[int, int] = {}
        commit = DefaultDialect.do_commit

        def do_commit(dialect: DefaultDialect, connection: Any) -> None:
            driver = getattr(connection, "driver_connection", connection)  # of a pooled one
            if driver.total_changes in (0, changes.get(id(driver))):
                commit(dialect, connection)  # nothing was written
                return
            changes[id(driver)] = driver.total_changes
            self.at(f"commit {database(connection)}", lambda: commit(dialect, connection))

        DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]

        @event.listens_for(Engine, "before_cursor_execute")
        def lay_out(connection: Any, cursor: Any, statement: str, *others: Any) -> None:
            if statement.lstrip().startswith(("CREATE", "ALTER", "DROP")):
                self.at(f"{' '.join(statement.split()[:3])}", lambda: None)


def database(connection: Any) -> str:
    """Return the file name of an SQLite database."""
    rows = connection.execute("PRAGMA database_list").fetchall()
    return Path(rows[0][2]).name


def site() -> str:
    """Return the two innermost functions of the package on the call stack."""
    frame, found = sys._getframe(1), []
    while frame is not None and len(found) < 2:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("fibsem.") and not module.startswith("fibsem.system"):
            found.append(f"{module.removeprefix('fibsem.')}.{frame.f_code.co_name}")
        frame = frame.f_back  # type: ignore[assignment]
    return " < ".join(found) or "a thread"
