"""Digests of slices: whether grey values are still those that a result was computed from.

A digest is of the values, whatever file they lie in. It is kept in the user's cache under what the
system says of the file (path, size, times, inode), so that a film is read whole only once.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

import fibsem
from fibsem.data.volumes import Volume
from fibsem.data.volumes.source import Place
from fibsem.data.volumes.writers import Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.system.files import known_json, user_cache, write_json
from fibsem.system.progress import Progress

#: Of a slice that cannot be read.
UNREADABLE = "unreadable"
#: A file that was changed so shortly before it was read may be changed again unnoticed: clocks of
#: file systems tick as slowly as this.
TICK_NS = 2_000_000_000
#: Bytes of a volume from which on its digests are worth keeping, and reading it worth a bar.
WORTH_KEEPING = 16 * 2**20
#: Slices that are read at a time.
READERS = 4


@dataclass(frozen=True)
class Stamp:
    """What the system says of files: equal as long as nobody has written to them.

    Attributes
    ----------
    key
        Hash of path, size, times of content and of inode, and inode of each.
    latest
        When the last one of them was changed, by its file system; nanoseconds since 1970.
    """

    key: str
    latest: int

    @classmethod
    def of(cls, places: Iterable[Place]) -> Stamp:
        said: list[object] = [fibsem.__version__]  # another one may read a file in another way
        latest = 0
        for file, inside in places:
            path = Path(str(file.root.filename) if isinstance(file, zipfile.Path) else file)
            said += [str(file), inside]
            try:
                status = path.stat()
            except OSError as error:
                said.append(error.errno)
                continue
            said += [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
            latest = max(latest, status.st_ctime_ns)
        return cls(digest_of(said), latest)


def stamp_of(volume: Volume) -> Stamp:
    """That of all files of a volume."""
    places = (place for z in range(volume.shape[0]) for place in volume.source.places(z))
    files = {str(file): (file, "") for file, _ in places}
    return Stamp.of(files.values())


def slice_digest(voxels: Voxels) -> str:
    """Sixteen hex digits of the values and the shape of a slice, whatever its byte order."""
    plain = np.ascontiguousarray(voxels, voxels.dtype.newbyteorder("<"))
    digest = hashlib.blake2b(str((plain.dtype.str, plain.shape)).encode(), digest_size=8)
    digest.update(plain.data)
    return digest.hexdigest()


def slice_digests(volume: Volume, slices: Iterable[int] | None = None) -> dict[int, str]:
    """Digest of every slice, or of some; those that are known are not read again.

    Returns
    -------
    dict
        By number of the slice; `UNREADABLE` for one that cannot be read.

    Notes
    -----
    Memory is that of a few slices. Shows its progress where there is much to read.
    """
    slices = list(range(volume.shape[0]) if slices is None else slices)
    size = prod(volume.shape) * volume.dtype.itemsize
    worth = size >= WORTH_KEEPING and bool(volume.source.places(0))
    cache = user_cache() / "digests" / f"{digest_of(str(volume.path.absolute()))}.json"
    kept: dict[str, dict[str, str]] = {}
    if worth and isinstance(read := known_json(cache), dict):
        kept = {z: entry for z, entry in read.items() if isinstance(entry, dict)}
    stamps = {z: Stamp.of(volume.source.places(z)) for z in slices} if worth else {}
    found = {
        z: kept[str(z)][stamp.key]
        for z, stamp in stamps.items()
        if stamp.key in kept.get(str(z), {})
    }
    missing = [z for z in slices if z not in found]
    with Progress(f"reading {volume.path}") if worth and missing else nullcontext() as progress:
        fresh: dict[str, dict[str, str]] = {}
        for done, (z, digest, when) in enumerate(_read(volume, missing), start=1):
            found[z] = digest
            if worth and digest != UNREADABLE and _settled(volume, z, stamps[z], when):
                fresh[str(z)] = {stamps[z].key: digest}
            if progress:
                progress("for its digests", done, len(missing))
    if fresh:
        with suppress(OSError, UserError):  # a cache that cannot be written stops nothing
            write_json(cache, {**kept, **fresh})
    return {z: found[z] for z in slices}


def _settled(volume: Volume, z: int, before: Stamp, when: int) -> bool:
    """Whether a slice was not changed while it was read, nor so shortly before that it may be."""
    return when - before.latest > TICK_NS and Stamp.of(volume.source.places(z)) == before


def _read(volume: Volume, slices: list[int]) -> Iterator[tuple[int, str, int]]:
    """Number, digest and time of reading of slices, in order."""
    # a layer of chunks with several slices is decoded once, where they are read in turn
    readers = 1 if volume.kept_bytes else min(READERS, os.cpu_count() or 1)

    def read(z: int) -> tuple[int, str, int]:
        when = time.time_ns()
        try:
            voxels = volume.source.read(Box((z, 0, 0), (z + 1, *volume.shape[1:])))[0]
        except UserError:
            return z, UNREADABLE, when
        return z, slice_digest(voxels), when

    with ThreadPoolExecutor(readers) as pool:
        yield from pool.map(read, slices)


def digest_of(parts: object, digits: int = 16) -> str:
    """Hex digits of anything that JSON knows."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:digits]
