"""Identity of a sweep, stored in its folder and in its study, which may be in a database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem.config import defaults_of
from fibsem.errors import UserError
from fibsem.search.studies.slots import Study
from fibsem.system import identity
from fibsem.system.addresses import database_file, hidden
from fibsem.system.endings import FIGURE, TABLE, each
from fibsem.system.files import damage_of, remove_own
from fibsem.system.identity import Identity, check_others, differences, tell_removed
from fibsem.tracking import names
from fibsem.tracking.runs import Tracking
from fibsem.training import folder as training
from fibsem.training.former import former_identity

if TYPE_CHECKING:
    from fibsem.search.studies.storage import SweepNotes

#: Seconds to wait for a property that another process sets, and between two polls.
PATIENCE_S, LOOK_S = 30.0, 0.5
#: Figures that a sweep may draw; the Pareto front is a figure and a table.
FIGURES = ("history", "parallel_coordinates", "importance", "validation_squares")
FRONT = "pareto"
#: Tables of a sweep: its complete trials, best first, and all its attempts.
RANKED, ATTEMPTS = "trials.csv", "trials.json"
#: All files that a sweep leaves in its folder.
OWN = (
    "summary.json", ATTEMPTS, RANKED, *each((*FIGURES, FRONT), FIGURE, "figures/"),
    *each([FRONT], TABLE, "figures/"), "figures/",
    *(f"trials/**/{name}" for name in (*training.OWN, identity.FILE, "error.txt")), "trials/**/",
    "plan.json", ".plan.lock*", "study.db*", ".study.db.lock", "tuner/slots.json", "tuner/.lock",
    "tuner/oracle/**/*.json", "tuner/**/",
)  # fmt: skip


def study_name(name: str | None, folder: Path) -> str:
    """Return the name of a sweep's study: as given, or the name of its folder."""
    return str(name or folder.name)


def check_folder(folder: Path, now: Identity) -> None:
    """Refuse a folder with results of other settings or data; the error names what differs."""
    folder.mkdir(parents=True, exist_ok=True)
    check_others(folder, now.kind)
    if (before := Identity.beside(folder)) is not None:
        now.check(before, folder, defaults=lambda: _defaults(now))


def check_database(storage: str | None, folder: Path) -> None:
    """Refuse a damaged database of studies before it is written to."""
    file = database_file(storage) if storage else folder / "study.db"
    damage = None if file is None else damage_of(file)
    if damage is not None:
        remedy = "another one or a copy of it" if storage else "a copy of it or overwrite=true"
        raise UserError(
            f"`search.storage` must be a database that is whole, but {file} is damaged ({damage}); "
            f"the choices are {remedy}."
        )


def settle_study(
    study: Study,
    now: Identity,
    settings: str,
    folder: Path,
    tracking: Tracking,
    storage: str | None = None,
) -> bool:
    """Store a sweep's identity in its study; returns whether this process is its first.

    Parameters
    ----------
    study, now
        The study, and the identity of the sweep.
    settings
        Hash of all settings, which earlier versions stored instead of an identity.
    folder, tracking
        Folder and MLflow store of the sweep.
    storage
        Address of the database if ``search.storage`` names one, which other sweeps may share.

    Raises
    ------
    UserError
        If the study belongs to another sweep; the message names what differs.
    """
    if study.get("settings") is None and study.get("identity") is None:
        if study.elect():
            _set(study, now, settings)
            return True
        wait_for(study, "identity")
    check = _checking(study, now, folder, storage)
    before = study.get("identity")
    if before is not None:
        check(Identity.from_json(before))
    elif study.get("settings") is not None:
        check(_former(study, now, settings, folder, tracking))
    _set(study, now, settings)
    return False


def _checking(
    study: Study, now: Identity, folder: Path, storage: str | None
) -> Callable[[Identity], None]:
    """Make a function that refuses a study of another identity.

    In a shared database another sweep may have taken the name of the study, so the message asks
    for another name instead of another folder.
    """
    defaults = partial(_defaults, now)
    if storage is None:
        return partial(now.check, where=folder, defaults=defaults)
    remedy = "another name, study=NAME, or the former settings"
    return partial(
        now.check, where=_study_text(study.name, storage), defaults=defaults, remedy=remedy
    )


def _set(study: Study, now: Identity, settings: str) -> None:
    if study.get("identity") != now.to_json():
        study.set("identity", now.to_json())
        study.set("settings", settings)


def _former(
    study: Study, now: Identity, settings: str, folder: Path, tracking: Tracking
) -> Identity:
    """Return the identity of an earlier version's study, which has only a hash of settings."""
    parent = study.get("parent_run_id")
    if parent is None:  # killed before its first trial
        return Identity("sweep", now.settings, now.data)
    if study.get("settings") == settings and (run := tracking.find(parent)):
        return Identity("sweep", now.settings, {"hash": run.data.tags.get(names.DATA)})
    former = former_identity("sweep", "sweep", parent, folder, tracking)
    return Identity("sweep", {**former.settings, "study": study.name}, former.data)


def _defaults(now: Identity) -> dict[str, object]:
    return defaults_of("sweep", now.settings)


def wait_for(study: Study, key: str) -> Any:
    """Wait for a study's property that another process sets; None if it is not set in time."""
    deadline = time.monotonic() + PATIENCE_S
    while study.get(key) is None and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return study.get(key)


def begin_anew(study: str, storage: str | None, folder: Path, tracking: Tracking) -> None:
    """Remove the trials, figures and study of a sweep, and no other file.

    Its runs stay in MLflow; runs with the status RUNNING are ended as KILLED.

    Raises
    ------
    UserError
        If the folder holds something else, or the study was not begun from this folder.
    """
    check_others(folder, "sweep")
    if (before := Identity.beside(folder)) is not None:
        tell_removed(folder, before)
    runs = list(filter(None, map(training.run_of, sorted(folder.glob("trials/**/")))))
    parent = _own_parent(study, storage, folder) if storage else _parent_of(runs, tracking)
    for run_id in (*runs, parent):
        if run_id is not None:
            tracking.close(run_id, "KILLED")
    if storage is not None:
        from fibsem.search.studies.storage import delete_study

        delete_study(study, storage, folder)
    remove_own(folder, [*OWN, identity.FILE])


def _parent_of(runs: Iterable[str], tracking: Tracking) -> str | None:
    """Return the parent run of a sweep, read from its first trial that is in MLflow."""
    for run_id in runs:
        if (run := tracking.find(run_id)) is not None:
            parent: str | None = run.data.tags.get(names.PARENT)
            return parent
    return None


def _own_parent(study: str, storage: str, folder: Path) -> str | None:
    """Return the parent run of a study, after checking that it was begun from this folder.

    A database may be shared, and names of studies are chosen freely: the study of another sweep
    must not be removed.
    """
    from fibsem.search.studies.storage import notes_in

    notes = notes_in(study, storage, folder)
    if notes is not None and not _is_own(notes, folder):
        raise UserError(
            f"`study` must be one that {folder} has begun where overwrite=true removes it, but it "
            f"does not say so of {_study_text(study, storage)}; the choices are another name, "
            "study=NAME, or the settings of that study without overwrite=true."
        )
    return notes.parent_run_id if notes else None


def _is_own(notes: SweepNotes, folder: Path) -> bool:
    """Whether a study belongs to the sweep in a folder, by the identities stored in both."""
    here, begun = Identity.beside(folder), notes.identity
    if here is None or begun is None:
        return False
    return not any(differences(here, begun, lambda: _defaults(begun)))


def _study_text(study: str, storage: str) -> str:
    """Return name and address of a study, without a password."""
    return f"the study {study} in {hidden(storage)}"
