"""Digests of slices, which tell whether grey values have changed since a result was computed.

A digest depends on the values only, not on the file format. Digests are kept in the user's cache
under the status of the file (path, size, times, inode), so that each volume is read fully only
once.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from imagecodecs import deflate_adler32, deflate_crc32

from fibsem.data import volumes
from fibsem.data.volumes import Volume
from fibsem.data.volumes.covered import stored
from fibsem.data.volumes.faults import File
from fibsem.data.volumes.layered import anew
from fibsem.data.volumes.source import InFile, Source
from fibsem.data.volumes.voxels import Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.system.cache import cache_json, cached_json, user_cache
from fibsem.system.progress import Progress
from fibsem.system.records import typed

#: How digests are made; part of the cache key, so that changing it invalidates cached digests.
MADE_OF = "crc32 adler32"
#: Distributions whose code turns the bytes of files into grey values.
DECODERS = ("tifffile", "imagecodecs", "zarr", "numcodecs")
#: Digest of a slice that cannot be read.
UNREADABLE = "unreadable"
#: A file changed less than this before it was read may change again without a new timestamp: the
#: clocks of some file systems tick every two seconds, and a server's clock may be behind ours.
SETTLED_NS = 60_000_000_000
#: Minimum size of a volume in bytes for caching its digests and for showing progress.
WORTH_KEEPING = 16 * 2**20
#: Number of slices that are read in parallel.
READERS = 4


@cache
def _readers() -> str:
    """Digest of the readers' source code and decoders, as a fix there may change what is read."""
    folder = Path(volumes.__file__).parent
    sources = ((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*.py"))
    code = [(name, zlib.crc32(path.read_bytes())) for name, path in sorted(sources)]
    return digest_of([code, [(name, metadata.version(name)) for name in DECODERS]])


@dataclass(frozen=True)
class Stamp:
    """File status of some files, equal as long as none of them has been written to.

    Attributes
    ----------
    key
        Hash of the path, size, modification time, inode change time and inode of each file.
    latest
        Latest inode change time of the files, in nanoseconds since 1970.
    """

    key: str
    latest: int

    @classmethod
    def of(cls, places: Iterable[InFile], statuses: Mapping[str, Status] | None = None) -> Stamp:
        """Return the stamp of some files, whose status may be known as one of ``statuses``."""
        record: list[object] = [_readers(), MADE_OF]
        latest = 0
        for file, inside in places:
            answer = statuses[str(file)] if statuses else _ask(file)
            record += [str(file), inside, *answer]
            latest = max(latest, answer[CHANGED] if len(answer) > CHANGED else 0)
        return cls(digest_of(record), latest)


#: Status of a file: size, modification time, inode change time, inode; or only an error number.
Status = tuple[int, ...]
#: Index of the inode change time in it.
CHANGED = 2


def _ask(file: File) -> Status:
    path = Path(str(file.root.filename) if isinstance(file, zipfile.Path) else file)
    try:
        status = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def stamps_of(source: Source, slices: Iterable[int] | None = None) -> dict[int, Stamp]:
    """Return the stamp of the files of each slice, or of ``slices``, asking once per file."""
    slices = range(source.shape[0]) if slices is None else slices
    places = {z: source.places(z) for z in slices}
    files = {str(file): file for of_slice in places.values() for file, _ in of_slice}
    statuses = {name: _ask(file) for name, file in files.items()}
    return {z: Stamp.of(of_slice, statuses) for z, of_slice in places.items()}


def stamp_of(stamps: Mapping[int, Stamp]) -> str:
    """Combine the stamps of all slices into one digest."""
    return digest_of([stamp.key for stamp in stamps.values()])


def slice_digest(voxels: Voxels) -> str:
    """Return 16 hex digits for the values and shape of a slice, independent of byte order.

    Two different checksums are combined. Both run at memory speed, so that digesting a volume takes
    no longer than reading it. They detect changes and mix-ups, not forgery.
    """
    plain: Any = np.ascontiguousarray(voxels, voxels.dtype.newbyteorder("<"))
    sums = int(deflate_crc32(plain)), int(deflate_adler32(plain))
    return digest_of([plain.dtype.str, plain.shape, *sums])


def slice_digests(volume: Volume, slices: Iterable[int] | None = None) -> dict[int, str]:
    """Return the digest of every slice, or of ``slices``; cached ones are not read again.

    Returns
    -------
    dict
        Digest by slice number; `UNREADABLE` for a slice that cannot be read.

    Notes
    -----
    Holds only a few slices in memory. Shows progress if there is much to read.
    """
    slices = list(range(volume.shape[0]) if slices is None else slices)
    source = anew(stored(volume.source))
    # a layer of chunks holds several slices and is decoded once if these are read in sequence
    readers = 1 if volume.kept_bytes else min(READERS, os.cpu_count() or 1)
    size = prod(volume.shape) * volume.dtype.itemsize
    if size < WORTH_KEEPING or not source.places(0):
        return {z: digest for z, digest, _ in _read(source, slices, readers)}
    path = user_cache() / "digests" / f"{digest_of(str(volume.path.absolute()))}.json"
    earlier, before = _cached(path), stamps_of(source, slices)
    cached = {z: earlier.get(str(z), {}).get(stamp.key) for z, stamp in before.items()}
    digests = {z: digest for z, digest in cached.items() if digest is not None}
    missing = [z for z in slices if z not in digests]
    if not missing:
        return digests
    when: dict[int, int] = {}
    with Progress(f"reading {volume.path}") as progress:
        read = _read(source, missing, readers)
        for done, (z, digest, began) in enumerate(read, start=1):
            digests[z], when[z] = digest, began
            progress("for its digests", done, len(missing))
    # a file written to during the read, or just before it, may have changed since: do not cache it
    settled = {
        str(z): {stamp.key: digests[z]}
        for z, stamp in stamps_of(source, missing).items()
        if stamp == before[z] and when[z] - stamp.latest > SETTLED_NS and digests[z] != UNREADABLE
    }
    if settled:
        cache_json(path, {**earlier, **settled})
    return {z: digests[z] for z in slices}


def _cached(path: Path) -> dict[str, dict[str, str]]:
    """Return the cached digests by slice and stamp."""
    return cached_json(path, partial(typed, dict[str, dict[str, str]])) or {}


def _read(source: Source, slices: list[int], readers: int) -> Iterator[tuple[int, str, int]]:
    """Yield number, digest and time of reading of each slice, in order."""

    def read(z: int) -> tuple[int, str, int]:
        when = time.time_ns()
        try:
            voxels = source.read(Box((z, 0, 0), (z + 1, *source.shape[1:])))[0]
        except UserError:
            return z, UNREADABLE, when
        return z, slice_digest(voxels), when

    with ThreadPoolExecutor(readers) as pool:
        yield from pool.map(read, slices)


def digest_of(parts: object, digits: int = 16) -> str:
    """Return the first ``digits`` hex digits of the SHA-256 of anything that JSON can encode."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:digits]
