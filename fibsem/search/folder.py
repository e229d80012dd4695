"""What a sweep was begun with: held by its folder and its study, which may lie elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

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

#: Seconds to wait for another process to do what one of them does for all, and between two looks.
PATIENCE_S, LOOK_S = 30.0, 0.5
#: Figures that it may draw, and what is a figure and a table: the trials that no other one beats.
FIGURES, FRONT = ("history", "parallel_coordinates", "importance"), "pareto"
#: Everything that a sweep leaves in its folder.
OWN = (
    "summary.json", "trials.json", *each((*FIGURES, FRONT), FIGURE, "figures/"),
    *each([FRONT], TABLE, "figures/"), "figures/",
    *(f"trials/**/{name}" for name in (*training.OWN, identity.FILE, "error.txt")), "trials/**/",
    "plan.json", "study.db*", ".study.db.lock", "tuner/slots.json", "tuner/.lock",
    "tuner/oracle/**/*.json", "tuner/**/",
)  # fmt: skip


def study_name(given: str | None, folder: Path) -> str:
    """Name of the study of a sweep: as given, or that of its folder."""
    return str(given or folder.name)


def check_folder(folder: Path, now: Identity) -> None:
    """Refuse a folder that holds something else; names what differs."""
    folder.mkdir(parents=True, exist_ok=True)
    check_others(folder, now.kind)
    if (before := Identity.beside(folder)) is not None:
        now.check(before, folder, defaults=lambda: _defaults(now))


def check_database(storage: str | None, folder: Path) -> None:
    """Refuse a damaged database of studies before anybody writes to it."""
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
    """Make a study that of one sweep; whether this process is the one that begins it.

    Parameters
    ----------
    study, now
        Which, and what the sweep is computed from.
    settings
        Hash of them all, which a version before knew a study by.
    folder, tracking
        Of the sweep.
    storage
        Address of the study where it lies elsewhere: it may be somebody else's.

    Raises
    ------
    UserError
        If it is that of another sweep; names what differs.
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
    """Function that refuses a study which was begun with another identity.

    Where the study lies elsewhere, it is its name that somebody else has taken: the folder is new,
    or that of this sweep.
    """
    defaults = partial(_defaults, now)
    if storage is None:
        return partial(now.check, where=folder, defaults=defaults)
    remedy = "another name, study=NAME, or the former settings"
    return partial(now.check, where=_place(study.name, storage), defaults=defaults, remedy=remedy)


def _set(study: Study, now: Identity, settings: str) -> None:
    if study.get("identity") != now.to_json():
        study.set("identity", now.to_json())
        study.set("settings", settings)


def _former(
    study: Study, now: Identity, settings: str, folder: Path, tracking: Tracking
) -> Identity:
    """The identity of a study that a version before began: that kept a hash of all settings."""
    parent = study.get("parent_run_id")
    if parent is None:  # killed before its first trial
        return Identity("sweep", now.settings, now.data)
    if study.get("settings") == settings and (run := tracking.find(parent)):
        return Identity("sweep", now.settings, {"hash": run.data.tags.get(names.DATA)})
    former = former_identity("sweep", "sweep", parent, folder, tracking)
    return Identity("sweep", {**former.settings, "study": study.name}, former.data)


def _defaults(now: Identity) -> dict[str, Any]:
    return defaults_of("sweep", now.settings)


def wait_for(study: Study, key: str) -> Any:
    """A property of the study that another process is about to set; None if it died over it."""
    deadline = time.monotonic() + PATIENCE_S
    while study.get(key) is None and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return study.get(key)


def begin_anew(study: str, storage: str | None, folder: Path, tracking: Tracking) -> None:
    """Remove a sweep: its trials and figures, its study, and no other file.

    The runs stay in MLflow; those that are still running on paper are ended.

    Raises
    ------
    UserError
        If the folder holds something else, or the study is not the one that the folder began.
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
    """The run of a study, as the first of its trials that is in the store tells it."""
    for run_id in runs:
        if (run := tracking.find(run_id)) is not None:
            parent: str | None = run.data.tags.get(names.PARENT)
            return parent
    return None


def _own_parent(study: str, storage: str, folder: Path) -> str | None:
    """The run of a study that this folder has begun, where it has one.

    It is refused to remove what may be somebody else's: a storage is shared, and names are chosen.
    """
    from fibsem.search.studies.storage import notes_in

    notes = notes_in(study, storage, folder)
    if notes is not None and not _is_own(notes, folder):
        raise UserError(
            f"`study` must be one that {folder} has begun where overwrite=true removes it, but it "
            f"does not say so of {_place(study, storage)}; the choices are another name, "
            "study=NAME, or the settings of that study without overwrite=true."
        )
    return (notes or {}).get("parent_run_id")


def _is_own(notes: Mapping[str, Any], folder: Path) -> bool:
    """Whether a study is that of the sweep in a folder, by what both keep of how it was begun."""
    here, kept = Identity.beside(folder), notes.get("identity")
    if here is None or kept is None:
        return False
    begun = Identity.from_json(kept)
    return not any(differences(here, begun, lambda: _defaults(begun)))


def _place(study: str, storage: str) -> str:
    """Name and address of a study, without a password."""
    return f"the study {study} in {hidden(storage)}"
