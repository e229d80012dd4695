"""Journal file of an Optuna study that survives a line cut off by a kill or a full disk.

Optuna's own backend can no longer read a journal if another line follows an incomplete one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from optuna.storages.journal import BaseJournalBackend

from fibsem.system.locks import alone

END = b"\n"


class Journal(BaseJournalBackend):
    """File with one JSON record per line, in the format of Optuna's ``JournalFileBackend``.

    Records are only appended, each by one write. An incomplete line comes from a writer that was
    killed before its write returned: it is skipped, and the next record begins a new line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._lock = path.with_name(f".{path.name}.lock")
        self._read = 0, 0  # records that were read, and where the next one begins
        self._damaged: set[int] = set()

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the records of the file from a record number on."""
        number, offset = self._read if self._read[0] <= log_number_from else (0, 0)
        with self.path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(END):  # cut off, or being written
                    return
                offset += len(line)
                record = self._record(line, offset)
                if record is None:
                    continue
                number += 1
                self._read = number, offset
                if number > log_number_from:
                    yield record

    def _record(self, line: bytes, offset: int) -> dict[str, Any] | None:
        try:
            record = json.loads(line)
        except ValueError:  # a UnicodeDecodeError is one, too
            record = None
        if isinstance(record, dict):
            return record
        if line.strip() and offset not in self._damaged:
            self._damaged.add(offset)
            print(f"{self.path}: a damaged line of {len(line)} bytes is left out", file=sys.stderr)
        return None

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records; they are on the disk when this returns."""
        data = b"".join(json.dumps(log, separators=(",", ":")).encode() + END for log in logs)
        with alone(self._lock), self.path.open("a+b", buffering=0) as file:
            if file.tell() and _last_byte(file) != END:
                data = END + data
            while data:
                data = data[file.write(data) or 0 :]  # whole, unless the disk is full
            os.fsync(file.fileno())


def _last_byte(file: IO[bytes]) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)
