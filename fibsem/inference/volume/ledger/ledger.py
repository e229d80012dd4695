"""Which slabs of a segmentation are done, under a key of everything that determines the result.

A slab counts once its entry is written, after its slices. A different volume, model or option
refuses to go on in the same folder: of volume and mask counts what was read of them, wherever they
lie now.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from fibsem.data.dataset.digests import UNREADABLE, slice_digests, stamp_of, stamps_of
from fibsem.data.volumes import Format, Volume
from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.inference.options import Options, anew
from fibsem.inference.volume.ledger.decisions import Decisions
from fibsem.inference.volume.ledger.entries import SliceRecord, Written, check_possible
from fibsem.inference.volume.ledger.outputs import paths_of
from fibsem.inference.volume.ledger.witness import enter, listed, of_volume, plain
from fibsem.system.advice import VALID
from fibsem.system.files import known_json, read_json, remove, remove_own, write_json
from fibsem.system.identity import LEDGER, Identity, differences
from fibsem.system.locks import unwritable
from fibsem.system.records import fitting, typed


class Ledger:
    """Finished slabs, and what was decided before the first one.

    Parameters
    ----------
    path
        ``ledger.json`` in the output folder.
    key
        What determines the result, by name.
    slab
        Slices of a slab; a ledger that is continued keeps its own.

    Attributes
    ----------
    read
        Digest of every slice as it was read.
    stamp
        What the system said of the volume's files; None of an older ledger.
    """

    def __init__(self, path: Path, key: Mapping[str, object], slab: int, stamp: str | None) -> None:
        self.path, self.key, self.slab, self.stamp = path, key, slab, stamp
        self.decided = Decisions()
        self.slabs: dict[int, list[SliceRecord]] = {}
        self.read: dict[int, str] = {}

    @classmethod
    def open(
        cls,
        folder: Path,
        key: Mapping[str, object],
        options: Options,
        volume: Volume | None = None,
        say: Callable[[str], None] = print,
    ) -> Ledger:
        """Continue the ledger of a folder, or begin one.

        ``overwrite`` removes what the ledger that is there tells of, and nothing else; how much of
        it would have been gone on with is said.

        Raises
        ------
        UserError
            If the folder holds another segmentation, or what no ledger tells of, or cannot be
            written to, or the ledger is damaged.
        """
        stamp = None if volume is None else stamp_of(stamps_of(volume))
        ledger = cls(folder / LEDGER, key, options.slab, stamp)
        try:
            if options.overwrite:
                ledger._tell_removed(say)
                remove_segmentation(folder)
            if ledger.path.exists():
                written = read_json(ledger.path, partial(typed, Written), remedy=ledger._remedy)
                ledger._check(written, volume)
                ledger._load(written, volume.shape if volume else None)
                return ledger
            for path in paths_of(folder, options):
                if path.exists():
                    raise UserError(
                        f"`output` must be free for the results, but {path} is there and no "
                        "segmentation of this folder made it; the choices are another output or "
                        "to move it away."
                    )
            ledger.write()
        except OSError as error:
            raise unwritable(folder, error) from error
        return ledger

    def _tell_removed(self, say: Callable[[str], None]) -> None:
        """Say how much is removed of the same segmentation, which was stopped before its end."""
        before = known_json(self.path, partial(typed, Written))
        if before is None or (self.path.parent / "summary.json").exists():
            return
        if before.slabs and _identity(before.key) == _identity(self.key):
            many = len(before.slabs)
            say(
                f"warning: {anew()} removes the {many} slab{'s' if many > 1 else ''} of "
                f"{self.path.parent} that {'are' if many > 1 else 'is'} labelled; "
                "without it the same settings go on from there"
            )

    def _check(self, written: Written, volume: Volume | None) -> None:
        """Refuse another segmentation; the same one may have volume and mask elsewhere by now."""
        self.read = {int(z): digest for z, digest in (written.read or {}).items()}
        before, now = _identity(written.key), _identity(self.key)
        if volume is not None and self._may_be_moved(written.stamp, before, now):
            then = {**dict.fromkeys(_missing(written), UNREADABLE), **self.read}
            digests = slice_digests(plain(volume), sorted(then))
            changed = [z for z, digest in digests.items() if digest != then[z]]
            if changed:
                raise UserError(
                    f"`output` must be a new folder or hold the same segmentation, but "
                    f"{self.path.parent} was made with another slice {listed(changed)} of "
                    f"{volume.path}; the choices are another output or {anew()}."
                )
            before = replace(before, data=now.data)
        before = _with_mask_of(now, before, digested=written.decided.mask is not None)
        remedy, former = f"another output or {anew()}", {**now.settings, **Options().key}
        if _other_size_alone(before, now, former):
            stated = json.dumps(now.settings["voxel_nm"], separators=(",", ":"))
            remedy = f"quantify voxel_nm={stated} of these labels, {remedy}"
        now.check(before, self.path.parent, defaults=lambda: former, remedy=remedy)

    def _may_be_moved(self, stamp: str | None, before: Identity, now: Identity) -> bool:
        """Whether other files may hold what was read; else names, sizes and times of these say."""
        kind = ("dtype", "shape", "value_range")
        alike = all(before.data.get(f"volume {k}") == now.data.get(f"volume {k}") for k in kind)
        return alike and stamp != self.stamp and bool(self.read)

    def _load(self, written: Written, shape: Triple | None) -> None:
        """Take over what a record of this segmentation has."""
        try:
            self.slabs = {
                int(start): [SliceRecord.from_json(entry) for entry in entries]
                for start, entries in written.slabs.items()
            }
            self.slab, self.decided = written.slab, written.decided
            if shape is not None:
                check_possible(self.slab, self.slabs, self.decided, shape)
        except ValueError as error:
            raise UserError(
                f"a record must be whole, but {self.path} is damaged ({error}); {self._remedy}."
            ) from error

    @property
    def _remedy(self) -> str:
        """What can be done about one that is damaged."""
        return f"{anew()} labels the volume anew"

    def missing(self, depth: int) -> Iterator[tuple[int, int]]:
        """First and last + 1 slice of the slabs that are still to be done."""
        for z in range(0, depth, self.slab):
            if z not in self.slabs:
                yield z, min(z + self.slab, depth)

    def forget(self, slices: Container[int]) -> None:
        """Take out the slabs with one of these slices, and what was made of all slabs."""
        self.slabs = {
            start: entries
            for start, entries in self.slabs.items()
            if not any(z in slices for z in range(start, start + len(entries)))
        }
        self.decide(pores_3d=None, exported=())

    def decide(self, **decisions: Any) -> None:
        """Keep what holds for all slabs: a continued segmentation does not decide again.

        By the names of :class:`~fibsem.inference.volume.ledger.decisions.Decisions`.
        """
        self.decided = replace(self.decided, **decisions)
        self.write()

    def hold_mask(self, digest: str) -> None:
        """Keep the digest of the mask of material; names, sizes and times are not all of it.

        Raises
        ------
        UserError
            If slabs were labelled by another one.
        """
        before = self.decided.mask
        if before is None:
            self.decide(mask=digest)
        elif before != digest:
            raise UserError(
                f"`output` must be a new folder or hold the same segmentation, but "
                f"{self.path.parent} was made with another mask of `{VALID}`; the choices are "
                f"another output or {anew()}."
            )

    def finish(
        self, start: int, slices: Sequence[SliceRecord], read: Mapping[int, str] | None = None
    ) -> None:
        """Enter a slab whose slices are written, and the digests of what was read for it.

        Raises
        ------
        UserError
            If a slice is another one than it was for an earlier slab.
        """
        enter(read or {}, self.read, self.path.parent, of_volume())
        self.slabs[start] = list(slices)
        self.write()

    def write(self) -> None:
        slabs = {start: [entry.to_json() for entry in slab] for start, slab in self.slabs.items()}
        write_json(
            self.path,
            {
                "key": self.key,
                "slab": self.slab,
                "stamp": self.stamp,
                "decided": self.decided.to_json(),
                "read": dict(self.read),
                "slabs": slabs,
            },
        )

    def slices(self) -> list[SliceRecord]:
        """Every slice that is done, in order."""
        return [entry for start in sorted(self.slabs) for entry in self.slabs[start]]


def remove_segmentation(folder: Path) -> None:
    """Remove a segmentation: what its options made it write, then its ledger; nothing else."""
    ledger = folder / LEDGER
    if not ledger.exists():
        return
    try:
        record = read_json(ledger, fitting(Written))
    except UserError:  # damaged: it may have been made with any options
        for kind in get_args(Format):
            _remove_any(folder, kind)
    else:
        write_json(ledger, {**record, "slabs": {}, "decided": {}})  # killed now, none counts
        key = {name: record["key"].get(name, now) for name, now in Options().key.items()}
        for path in paths_of(folder, Options(**key)):
            remove(path)
    ledger.unlink()


def _remove_any(folder: Path, kind: Format) -> None:
    """Remove all that a segmentation of one format may have written; of series the slices alone."""
    options = Options(format=kind, probabilities=True, uncertainty=True, min_volume_nm3=1.0)
    for path in paths_of(folder, options):
        if path.suffix or not path.is_dir():
            remove(path)
        else:
            remove_own(folder, [f"{path.name}/slice_*.{end}" for end in ("tif", "png")])
            remove_own(folder, [f"{path.name}/"])


def _missing(written: Written) -> list[int]:
    """Slices that were missing when they were labelled; they may be there by now."""
    return [
        int(start) + k
        for start, entries in written.slabs.items()
        for k, (pores, *_) in enumerate(entries)
        if pores is None
    ]


def _with_mask_of(now: Identity, before: Identity, *, digested: bool) -> Identity:
    """The key before, without what differs where the same mask lies elsewhere by now.

    Where it was ``digested``, that is compared (:meth:`Ledger.hold_mask`), else its signature.
    """
    if "mask" not in before.settings or "mask" not in now.settings:
        return before
    place = {key: now.settings[key] for key in (("valid", "mask") if digested else ("valid",))}
    return replace(before, settings={**before.settings, **place})


def _other_size_alone(before: Identity, now: Identity, former: Mapping[str, Any]) -> bool:
    """Whether nothing but the voxel size differs, and no label depends on it."""
    differing = [one.partition(" ")[0] for one in differences(before, now, lambda: former)]
    return differing == ["voxel_nm"] and not now.settings["min_volume_nm3"]


def _identity(key: Mapping[str, Any]) -> Identity:
    """The key of a ledger as settings and data."""
    settings = {name: value for name, value in key.items() if name != "volume"}
    volume = key["volume"] if isinstance(key["volume"], dict) else {"digest": key["volume"]}
    data = {f"volume {name}": value for name, value in volume.items() if name != "digest"}
    return Identity("segmentation", settings, {"volume": volume["digest"], **data})
