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
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
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
from fibsem.data.volumes.source import InFile
from fibsem.data.volumes.voxels import Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.system.cache import cached_json, user_cache
from fibsem.system.files import write_json
from fibsem.system.progress import Progress
from fibsem.system.records import typed

#: What a digest is made of: another one says nothing of the same values.
MADE_OF = "crc32 adler32"
#: Digest of a slice that cannot be read.
UNREADABLE = "unreadable"
#: A file that was changed so shortly before it was read may be changed again unnoticed: clocks of
#: file systems tick as slowly as this.
TICK_NS = 2_000_000_000
#: Bytes of a volume from which on its digests are worth keeping, and reading it worth a bar.
WORTH_KEEPING = 16 * 2**20
#: Slices that are read at a time.
READERS = 4


@cache
def _readers() -> str:
    """Digest of what reads volumes: where that is mended, a file may be read in another way."""
    sources = sorted(Path(volumes.__file__).parent.glob("*.py"))
    return digest_of([(one.name, zlib.crc32(one.read_bytes())) for one in sources])


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
    def of(cls, places: Iterable[InFile], said: Mapping[str, Said] | None = None) -> Stamp:
        """The stamp of some files; what the system ``said`` of them may be known already."""
        record: list[object] = [_readers(), MADE_OF]
        latest = 0
        for file, inside in places:
            answer = said[str(file)] if said else _ask(file)
            record += [str(file), inside, *answer]
            latest = max(latest, answer[CHANGED] if len(answer) > CHANGED else 0)
        return cls(digest_of(record), latest)


#: What the disk says of a file: size, times of content and inode, inode; or an error's number.
Said = tuple[int, ...]
#: Place of the time of the inode in it.
CHANGED = 2


def _ask(file: File) -> Said:
    path = Path(str(file.root.filename) if isinstance(file, zipfile.Path) else file)
    try:
        status = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def stamps_of(volume: Volume, slices: Iterable[int] | None = None) -> dict[int, Stamp]:
    """The stamp of the files of each slice, or of some; the system is asked once for each file."""
    slices = range(volume.shape[0]) if slices is None else slices
    places = {z: volume.source.places(z) for z in slices}
    files = {str(file): file for some in places.values() for file, _ in some}
    said = {name: _ask(file) for name, file in files.items()}
    return {z: Stamp.of(some, said) for z, some in places.items()}


def stamp_of(stamps: Mapping[int, Stamp]) -> str:
    """One for the files of all slices."""
    return digest_of([stamp.key for stamp in stamps.values()])


def slice_digest(voxels: Voxels) -> str:
    """Sixteen hex digits of the values and the shape of a slice, whatever its byte order.

    Two checksums of different kinds, as fast as memory: a film is digested at the speed of its
    disk. They are to notice what was changed or mistaken, not what somebody forged.
    """
    plain: Any = np.ascontiguousarray(voxels, voxels.dtype.newbyteorder("<"))
    sums = int(deflate_crc32(plain)), int(deflate_adler32(plain))
    return digest_of([plain.dtype.str, plain.shape, *sums])


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
    if size < WORTH_KEEPING or not volume.source.places(0):
        return {z: digest for z, digest, _ in _read(volume, slices)}
    path = user_cache() / "digests" / f"{digest_of(str(volume.path.absolute()))}.json"
    kept, before = _kept(path), stamps_of(volume, slices)
    cached = {z: kept.get(str(z), {}).get(stamp.key) for z, stamp in before.items()}
    digests = {z: digest for z, digest in cached.items() if digest is not None}
    missing = [z for z in slices if z not in digests]
    if not missing:
        return digests
    when: dict[int, int] = {}
    with Progress(f"reading {volume.path}") as progress:
        for done, (z, digest, began) in enumerate(_read(volume, missing), start=1):
            digests[z], when[z] = digest, began
            progress("for its digests", done, len(missing))
    # a file that was written to while it was read, or just before, may hold something else by now
    settled = {
        str(z): {stamp.key: digests[z]}
        for z, stamp in stamps_of(volume, missing).items()
        if stamp == before[z] and when[z] - stamp.latest > TICK_NS and digests[z] != UNREADABLE
    }
    if settled:
        with suppress(OSError, UserError):  # a cache that cannot be written stops nothing
            write_json(path, {**kept, **settled})
    return {z: digests[z] for z in slices}


def _kept(path: Path) -> dict[str, dict[str, str]]:
    """Digests in the cache by slice and stamp."""
    return cached_json(path, partial(typed, dict[str, dict[str, str]])) or {}


def _read(volume: Volume, slices: list[int]) -> Iterator[tuple[int, str, int]]:
    """Number, digest and time of reading of slices, in order."""
    # a layer of chunks with several slices is decoded once, where they are read in turn
    readers = 1 if volume.kept_bytes else min(READERS, os.cpu_count() or 1)

    source = anew(stored(volume.source))

    def read(z: int) -> tuple[int, str, int]:
        when = time.time_ns()
        try:
            voxels = source.read(Box((z, 0, 0), (z + 1, *volume.shape[1:])))[0]
        except UserError:
            return z, UNREADABLE, when
        return z, slice_digest(voxels), when

    with ThreadPoolExecutor(readers) as pool:
        yield from pool.map(read, slices)


def digest_of(parts: object, digits: int = 16) -> str:
    """Hex digits of anything that JSON knows."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:digits]
