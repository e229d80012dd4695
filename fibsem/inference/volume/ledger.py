"""Which slabs of a segmentation are done, under a key of everything that determines the result.

A slab counts once its entry is written, after its slices. A different volume, model or option
refuses to go on in the same folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fibsem.errors import UserError
from fibsem.inference.options import Options
from fibsem.inference.volume.outputs import paths_of
from fibsem.system.files import read_json, write_json


@dataclass(frozen=True)
class SliceRecord:
    """What is known of a slice that was labelled.

    Attributes
    ----------
    pores
        Pore pixels; None for a slice that is missing.
    beside_missing
        Whether a missing slice was replaced in its neighbourhood.
    uncertainty
        Mean over the slice of the standard deviation between members; None where nobody asked.
    why_missing
        What is wrong with a slice that is missing.
    """

    pores: int | None
    beside_missing: bool = False
    uncertainty: float | None = None
    why_missing: str | None = None

    def to_json(self) -> list[Any]:
        told = [self.pores, self.beside_missing, self.uncertainty]
        return told if self.why_missing is None else [*told, self.why_missing]


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
    """

    def __init__(self, path: Path, key: dict[str, Any], slab: int) -> None:
        self.path, self.key, self.slab = path, key, slab
        self.decided: dict[str, Any] = {}
        self.slabs: dict[int, list[SliceRecord]] = {}

    @classmethod
    def open(cls, folder: Path, key: dict[str, Any], options: Options) -> Ledger:
        """Continue the ledger of a folder, or begin one.

        ``overwrite`` removes what the ledger that is there tells of, and nothing else.

        Raises
        ------
        UserError
            If the folder holds another segmentation, or what no ledger tells of, or cannot be
            written to.
        """
        ledger = cls(folder / "ledger.json", key, options.slab)
        try:
            if options.overwrite and ledger.path.exists():
                _remove(ledger.path)
            if ledger.path.exists():
                ledger._load()
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
            raise _unwritable(folder, error) from error
        return ledger

    def _load(self) -> None:
        record = read_json(self.path)
        before = {**Options().key, **record["key"]}  # it may be older than an option
        differing = [
            _difference(name, before.get(name), value)
            for name, value in self.key.items()
            if name in before and before[name] != value
        ]
        if differing:
            raise UserError(
                f"`output` must be a new folder or hold the same segmentation, but "
                f"{self.path.parent} was made with another {' and '.join(differing)}; "
                "the choices are another output or overwrite=true."
            )
        self.slab, self.decided = record["slab"], record["decided"]
        self.slabs = {
            int(start): [SliceRecord(*entry) for entry in entries]
            for start, entries in record["slabs"].items()
        }

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
        for name in ("pores_3d", "exported"):
            self.decided.pop(name, None)
        self.write()

    def decide(self, **decisions: Any) -> None:
        """Keep what holds for all slabs: a continued segmentation does not decide again."""
        self.decided |= decisions
        self.write()

    def finish(self, start: int, slices: Sequence[SliceRecord]) -> None:
        """Enter a slab whose slices are written."""
        self.slabs[start] = list(slices)
        self.write()

    def write(self) -> None:
        slabs = {start: [entry.to_json() for entry in slab] for start, slab in self.slabs.items()}
        write_json(
            self.path,
            {"key": self.key, "slab": self.slab, "decided": self.decided, "slabs": slabs},
        )

    def slices(self) -> list[SliceRecord]:
        """Every slice that is done, in order."""
        return [entry for start in sorted(self.slabs) for entry in self.slabs[start]]


def make_folder(folder: Path) -> None:
    """Make the folder of the results, where it is not there.

    Raises
    ------
    UserError
        If it is a file, or a folder of someone else.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"`output` must be a folder that can be written to, but {folder} is not ({error.strerror})."
    )


def _remove(ledger: Path) -> None:
    """Remove a segmentation: what its options made it write, then its ledger."""
    record = read_json(ledger)
    write_json(ledger, {**record, "slabs": {}, "decided": {}})  # killed from here on, none counts
    before = Options(**{name: record["key"].get(name, now) for name, now in Options().key.items()})
    for path in paths_of(ledger.parent, before):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    ledger.unlink()


def _difference(name: str, before: object, now: object) -> str:
    """Name what differs, with its values where they are short."""
    if isinstance(before, dict) and isinstance(now, dict):
        parts = [key for key in now if before.get(key) != now[key]]
        return f"{name} ({', '.join(parts)})"
    if name == "model":
        return name
    return f"{name} ({before}, now {now})"
