"""The ledger: finished slabs of a segmentation, under a key of everything that affects the result.

A slab counts as finished once its entry is written, after its slices. A segmentation is not
continued with another volume, model or option. Volumes and masks are compared by the digests of
what was read, so that they may be moved.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from fibsem.data.dataset.digests import UNREADABLE, slice_digests
from fibsem.data.volumes import Format, Volume
from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.inference.options import Options, advised_overwrite
from fibsem.inference.volume.ledger.decisions import Decisions
from fibsem.inference.volume.ledger.entries import LedgerRecord, SliceRecord, check_possible
from fibsem.inference.volume.ledger.outputs import paths_of
from fibsem.inference.volume.ledger.witness import enter, listed, of_volume, plain
from fibsem.system.advice import VALID
from fibsem.system.files import known_json, read_json, remove, remove_own, write_json
from fibsem.system.identity import LEDGER, Identity, differences
from fibsem.system.locks import unwritable
from fibsem.system.records import fitting, typed


class Ledger:
    """The ledger of a segmentation: finished slabs, and decisions for all slabs.

    Parameters
    ----------
    path
        ``ledger.json`` in the output folder.
    key
        Everything that determines the result, by name.
    slab
        Number of slices in a slab; a continued ledger keeps its former number.

    Attributes
    ----------
    read
        Digest of every slice as it was read.
    stamp
        Digest of sizes and times of the volume's files; None in ledgers of earlier versions.
    moved
        Whether the volume may be the same in other files; :meth:`hold_slices` compares its slices.
    """

    def __init__(self, path: Path, key: Mapping[str, object], slab: int, stamp: str | None) -> None:
        self.path, self.key, self.slab, self.stamp = path, key, slab, stamp
        self.decided, self.moved = Decisions(), False
        self.slabs: dict[int, list[SliceRecord]] = {}
        self.read: dict[int, str] = {}

    @classmethod
    def open(
        cls,
        folder: Path,
        key: Mapping[str, object],
        options: Options,
        shape: Triple | None = None,
        stamp: str | None = None,
        say: Callable[[str], None] = print,
    ) -> Ledger:
        """Continue the ledger of a folder, or begin one.

        ``overwrite`` removes the segmentation of a ledger in the folder and nothing else, with a
        warning if it could have been continued.

        Raises
        ------
        UserError
            If the folder holds another segmentation or other files with the names of outputs, or
            cannot be written to, or if the ledger is damaged.
        """
        ledger = cls(folder / LEDGER, key, options.slab, stamp)
        try:
            if options.overwrite:
                ledger._tell_removed(say)
                remove_segmentation(folder)
            if ledger.path.exists():
                written = read_json(
                    ledger.path, partial(typed, LedgerRecord), remedy=ledger._remedy
                )
                ledger._check(written)
                ledger._load(written, shape)
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
        """Warn of the number of removed slabs if the segmentation could have been continued."""
        before = known_json(self.path, partial(typed, LedgerRecord))
        if before is None or (self.path.parent / "summary.json").exists():
            return
        if before.slabs and _identity(before.key) == _identity(self.key):
            many = len(before.slabs)
            say(
                f"warning: {advised_overwrite()} removes the {many} slab{'s' if many > 1 else ''} "
                f"of {self.path.parent} that {'are' if many > 1 else 'is'} labelled; "
                "without it the same settings go on from there"
            )

    def _check(self, written: LedgerRecord) -> None:
        """Refuse the ledger of another segmentation; volume and mask may have been moved."""
        self.read = {int(z): digest for z, digest in (written.read or {}).items()}
        before, now = _identity(written.key), _identity(self.key)
        self.moved = self._may_be_moved(written.stamp, before, now)
        if self.moved:
            before = replace(before, data=now.data)
        before = _with_mask_of(now, before, digested=written.decided.mask is not None)
        former = {**now.settings, **Options().key}
        remedy = f"another output or {advised_overwrite()}"
        if _other_size_alone(before, now, former):
            stated = json.dumps(now.settings["voxel_nm"], separators=(",", ":"))
            remedy = f"quantify voxel_nm={stated} of these labels, {remedy}"
        now.check(before, self.path.parent, defaults=lambda: former, remedy=remedy)

    def _may_be_moved(self, stamp: str | None, before: Identity, now: Identity) -> bool:
        """Whether the volume may be the same in other files, so that slices must be compared."""
        kind = ("dtype", "shape", "value_range")
        is_same = all(before.data.get(f"volume {k}") == now.data.get(f"volume {k}") for k in kind)
        return is_same and stamp != self.stamp and bool(self.read)

    @property
    def digests(self) -> dict[int, str]:
        """Digest of every slice that was read; of missing ones it is `UNREADABLE`."""
        missing = [
            start + k
            for start, entries in self.slabs.items()
            for k, entry in enumerate(entries)
            if entry.pores is None
        ]
        return {**dict.fromkeys(missing, UNREADABLE), **self.read}

    def hold_slices(self, volume: Volume) -> None:
        """Compare slices in moved or rewritten files with what was read earlier.

        Raises
        ------
        UserError
            If slabs were labelled with other slices.
        """
        then = self.digests if self.moved else {}
        now = slice_digests(plain(volume), sorted(then)) if then else {}
        changed = [z for z, digest in now.items() if digest != then[z]]
        if changed:
            raise UserError(
                f"`output` must be a new folder or hold the same segmentation, but "
                f"{self.path.parent} was made with another slice {listed(changed)} of "
                f"{volume.path}; the choices are another output or {advised_overwrite()}."
            )

    def _load(self, written: LedgerRecord, shape: Triple | None) -> None:
        """Load the entries and decisions of a record."""
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
        """Advice for a damaged ledger."""
        return f"{advised_overwrite()} labels the volume anew"

    def missing(self, depth: int) -> Iterator[tuple[int, int]]:
        """Yield the first and last + 1 slice of every unfinished slab."""
        for z in range(0, depth, self.slab):
            if z not in self.slabs:
                yield z, min(z + self.slab, depth)

    def forget(self, slices: Container[int]) -> None:
        """Remove entries of slabs with one of these slices, and results that need all slabs."""
        self.slabs = {
            start: entries
            for start, entries in self.slabs.items()
            if not any(z in slices for z in range(start, start + len(entries)))
        }
        self.decide(pores_3d=None, exported=())

    def decide(self, **decisions: Any) -> None:
        """Store decisions for all slabs, so that a continued segmentation uses the same.

        Names are fields of :class:`~fibsem.inference.volume.ledger.decisions.Decisions`.
        """
        self.decided = replace(self.decided, **decisions)
        self.write()

    def hold_mask(self, digest: str) -> None:
        """Store the digest of the mask of material, or compare it with the stored one.

        Raises
        ------
        UserError
            If slabs were labelled with another mask.
        """
        before = self.decided.mask
        if before is None:
            self.decide(mask=digest)
        elif before != digest:
            raise UserError(
                f"`output` must be a new folder or hold the same segmentation, but "
                f"{self.path.parent} was made with another mask of `{VALID}`; the choices are "
                f"another output or {advised_overwrite()}."
            )

    def finish(
        self, start: int, slices: Sequence[SliceRecord], read: Mapping[int, str] | None = None
    ) -> None:
        """Enter a slab whose slices are written, and the digests of the slices read for it.

        Raises
        ------
        UserError
            If a slice has changed since it was read for an earlier slab.
        """
        enter(read or {}, self.read, self.path.parent, of_volume())
        self.slabs[start] = list(slices)
        self.write()

    def write(self) -> None:
        """Write the ledger to its file, atomically."""
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
        """Return the entries of all finished slices, in order."""
        return [entry for start in sorted(self.slabs) for entry in self.slabs[start]]


def remove_segmentation(folder: Path) -> None:
    """Remove a segmentation: the outputs of its options, then the ledger, and nothing else."""
    ledger = folder / LEDGER
    if not ledger.exists():
        return
    try:
        record = read_json(ledger, fitting(LedgerRecord))
    except UserError:  # damaged: outputs of any options are removed
        for kind in get_args(Format):
            _remove_any(folder, kind)
    else:
        write_json(ledger, {**record, "slabs": {}, "decided": {}})  # after a kill no slab counts
        key = {name: record["key"].get(name, now) for name, now in Options().key.items()}
        for path in paths_of(folder, Options(**key)):
            remove(path)
    ledger.unlink()


def _remove_any(folder: Path, kind: Format) -> None:
    """Remove all outputs that a segmentation in a format may have; from folders, only slices."""
    options = Options(format=kind, probabilities=True, uncertainty=True, min_volume_nm3=1.0)
    for path in paths_of(folder, options):
        if path.suffix or not path.is_dir():
            remove(path)
        else:
            remove_own(folder, [f"{path.name}/slice_*.{end}" for end in ("tif", "png")])
            remove_own(folder, [f"{path.name}/"])


def _with_mask_of(now: Identity, before: Identity, *, digested: bool) -> Identity:
    """Return the former key with the present path of the mask, so that paths do not differ.

    If the mask's digest was stored, :meth:`Ledger.hold_mask` compares it; else its signature does.
    """
    if "mask" not in before.settings or "mask" not in now.settings:
        return before
    masks = {key: now.settings[key] for key in (("valid", "mask") if digested else ("valid",))}
    return replace(before, settings={**before.settings, **masks})


def _other_size_alone(before: Identity, now: Identity, former: Mapping[str, Any]) -> bool:
    """Return whether only the voxel size differs, and the labels do not depend on it."""
    differing = [text.partition(" ")[0] for text in differences(before, now, lambda: former)]
    return differing == ["voxel_nm"] and not now.settings["min_volume_nm3"]


def _identity(key: Mapping[str, Any]) -> Identity:
    """Convert the key of a ledger to an identity, with settings and data."""
    settings = {name: value for name, value in key.items() if name != "volume"}
    volume = key["volume"] if isinstance(key["volume"], dict) else {"digest": key["volume"]}
    data = {f"volume {name}": value for name, value in volume.items() if name != "digest"}
    return Identity("segmentation", settings, {"volume": volume["digest"], **data})
