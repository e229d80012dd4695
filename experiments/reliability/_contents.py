"""What files say, as digests: without clocks, ids and the order of bytes that no reader sees."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

#: Keys and columns whose values depend on the clock, the machine or chance, or count attempts.
NOT_COMPARED = re.compile(
    r".*(seconds|_s|run_id|per_second|per_gigapixel|rss_gib|_ids?|created|ended|when|command|code"
    r"|number|resumed|done|time|stages|token)$"
)
#: Columns of tables for readers that hold times.
TIMED = re.compile(rf"({NOT_COMPARED.pattern})|.*(\(s\)|s per gigapixel)$")
#: Ids, dates, and the time of a training on the card of its model.
CHANCE = re.compile(r"[0-9a-f]{32}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d[^\s\"<]*|(?<=Time \(s\): )[\d.e-]+")
#: Figures whose horizontal axis is the time of day.
AGAINST_TIME = ("history.png", "history.svg")
#: Figures that name trials by the numbers of their attempts.
NUMBERED = ("validation_squares.png", "validation_squares.svg")


def without_clock(record: Any) -> Any:
    """Return a record without values that differ in every run."""
    if isinstance(record, dict):
        kept = {key: value for key, value in record.items() if not NOT_COMPARED.match(key)}
        return {key: without_clock(value) for key, value in sorted(kept.items())}
    if isinstance(record, list):
        return [without_clock(item) for item in record]
    return CHANCE.sub("ID", record) if isinstance(record, str) else record


def _record(content: bytes) -> Iterable[bytes]:
    yield json.dumps(without_clock(json.loads(content)), sort_keys=True).encode()


def _array(name: str, values: Any) -> Iterable[bytes]:
    """An array; a text may be the id of a run, and ``record`` is JSON with times."""
    yield name.encode()
    if name == "record":
        yield from _record(values.tobytes())
    elif values.dtype.kind == "U":
        yield CHANCE.sub("ID", str(values.tolist())).encode()
    else:
        yield f"{values.shape} {values.dtype}".encode()
        yield np.ascontiguousarray(values).tobytes()


def _cells(rows: list[list[str]]) -> Iterable[bytes]:
    """The cells of a table, but for columns of times; its first row of cells has their names."""
    names = next((row for row in rows if len(row) > 1), [])
    timed = {k for k, name in enumerate(names) if TIMED.match(name.strip(" \\"))}
    for row in rows:
        kept = [cell for k, cell in enumerate(row) if len(row) != len(names) or k not in timed]
        yield json.dumps([CHANCE.sub("ID", cell) for cell in kept]).encode()


def _csv(content: bytes) -> Iterable[bytes]:
    yield from _cells(list(csv.reader(io.StringIO(content.decode()))))


def _markdown(content: bytes) -> Iterable[bytes]:
    yield from _cells([line.split("|") for line in content.decode().splitlines()])


def _latex(content: bytes) -> Iterable[bytes]:
    yield from _cells([line.split(" & ") for line in content.decode().splitlines()])


def _text(content: bytes) -> Iterable[bytes]:
    yield CHANCE.sub("ID", content.decode()).encode()


def _picture(content: bytes) -> Iterable[bytes]:
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    yield f"{pixels.shape} {pixels.dtype}".encode()
    yield pixels.tobytes()


def _arrays(content: bytes) -> Iterable[bytes]:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for name in sorted(arrays):
            yield from _array(name, arrays[name])


def _network(content: bytes) -> Iterable[bytes]:
    """Its layers and weights; the archive tells the time, and ids of objects are addresses."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield re.sub(rb'"shared_object_id": \d+', b"", archive.read("config.json"))
        weights = io.BytesIO(archive.read("model.weights.h5"))
    found: list[tuple[str, bytes]] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append((name, np.asarray(item[()]).tobytes()))

    with h5py.File(weights) as file:
        file.visititems(visit)
    for name, values in sorted(found):
        yield name.encode()
        yield values


#: How files are read, by the ends of their names; others have no digest.
READERS: dict[str, Callable[[bytes], Iterable[bytes]]] = {
    ".json": _record, ".csv": _csv, ".md": _markdown, ".tex": _latex, ".html": _text, ".svg": _text,
    ".txt": _text, ".yaml": _text, ".py": _text, ".png": _picture, ".npz": _arrays,
    ".keras": _network,
}  # fmt: skip


def digest(path: Path) -> str | None:
    """Return a digest of what a file says; None if only its name can be compared."""
    reader = READERS.get(path.suffix)
    if reader is None or path.name in (*AGAINST_TIME, *NUMBERED):
        return None
    found = hashlib.sha256()
    for part in reader(path.read_bytes()):
        found.update(part)
    return found.hexdigest()[:12]
