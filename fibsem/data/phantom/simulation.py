"""A phantom as a dataset on disk: whole or not at all, in the place of nothing but a phantom.

Slices are made one by one, from the last to the first (what is seen in a pore lies below), so that
memory does not grow with the stack.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import yaml

from fibsem.data.phantom.annotator import SOLID
from fibsem.data.phantom.layouts import (
    OF_ARCHIVE,
    OF_FILM,
    Tell,
    write_archive_sample,
    write_sample,
)
from fibsem.data.phantom.recipe import PhantomRecipe
from fibsem.errors import UserError
from fibsem.system.files import folder_beside, known_json, remove_leftovers, replace_folder
from fibsem.system.identity import FILE, Identity, differences
from fibsem.system.records import typed

Layout = Literal["manifest", "archive"]

#: What a phantom calls itself in ``identity.json``.
KIND = "phantom"


def simulate(
    recipe: PhantomRecipe,
    folder: Path,
    *,
    layout: Layout = "manifest",
    overwrite: bool = False,
    progress: Tell | None = None,
) -> dict[str, dict[str, float]]:
    """Simulate every film of a recipe and write it; the same recipe gives the same bytes.

    Parameters
    ----------
    recipe
        Size, structure, optics, annotator and seed.
    folder
        Appears whole or not at all: everything is written beside and renamed.
    layout
        ``manifest`` (dataset.yaml, slices, region tables, exact truth) or ``archive``, the layout
        of the published data, where x indexes rows.
    overwrite
        Replace a folder that is not empty, if there is nothing in it but a phantom.
    progress
        Called with (sample, slices done, slices).

    Returns
    -------
    dict
        ``{sample: {"porosity", "mean", "std"}}``: exact porosity of the whole volume, grey values
        in [0, 1]; also in ``truth.json``.

    Raises
    ------
    UserError
        If the folder is not empty and ``overwrite`` is false, anything in it is of no phantom, or
        it is a mount.
    """
    folder = replaceable(folder)
    if folder.exists() and (entries := sorted(folder.iterdir())):
        _check_free(folder, entries, overwrite)
    remove_leftovers(folder.parent, deep=False)
    write = write_sample if layout == "manifest" else write_archive_sample
    with folder_beside(folder) as hidden:
        truth = {name: write(recipe, name, hidden, progress) for name in recipe.samples}
        (hidden / "truth.json").write_text(json.dumps(truth, indent=2) + "\n", "utf-8")
        identity_of(recipe, layout).write(hidden)
        if layout == "manifest":
            (hidden / "dataset.yaml").write_text(_manifest(recipe), "utf-8")
        replace_folder(folder, hidden)
    return truth


def identity_of(recipe: PhantomRecipe, layout: Layout = "manifest") -> Identity:
    """What a phantom is made from."""
    return Identity(KIND, {**asdict(recipe), "layout": layout}, {})


def unlike(folder: Path, recipe: PhantomRecipe) -> str:
    """What differs between the recipe of the phantom in a folder, if it is known, and another."""
    before = Identity.beside(folder)
    return ", ".join(differences(before, identity_of(recipe))) if before else ""


def replaceable(folder: Path) -> Path:
    """The folder that a link leads to: it is renamed, on its own disk, and the link stays.

    Raises
    ------
    UserError
        If it is a mount, which cannot be renamed.
    """
    place = folder.resolve()
    if place.is_mount():
        raise UserError(
            f"`output` must be a folder that can be renamed, but {place} is a mount; the choices "
            "are a folder in it or another output."
        )
    return place


def lock_of(folder: Path) -> Path:
    """The lock of those who simulate into a folder; beside it, for the folder appears whole."""
    place = replaceable(folder)
    return place.with_name(f".{place.name}.lock")


#: Files of a phantom, beside the folders of its films or their ``data``.
OWN = ("dataset.yaml", "truth.json", "summary.json", FILE)


def _check_free(folder: Path, entries: Sequence[Path], overwrite: bool) -> None:
    """Refuse to replace a folder without being asked to, or with anything but a phantom in it."""
    stranger = _stranger(folder, entries)
    if not overwrite:
        choice = "overwrite=true" if stranger is None else "to move away what is in it"
        raise UserError(
            f"`output` must be a new or empty folder, but {folder} is not empty; "
            f"the choices are another output or {choice}."
        )
    if stranger is not None:
        raise UserError(
            "`overwrite=true` replaces a folder with nothing but a phantom in it, but "
            f"{folder} holds {stranger}; the choices are another output or to move it away."
        )


def _stranger(folder: Path, entries: Sequence[Path]) -> str | None:
    """What a folder holds beside a phantom, or instead of one; None where there is nothing else."""
    films = _films_in(folder)
    if films is None:
        return "what `simulate` did not make"
    own = {*OWN, *films}
    if not (folder / "dataset.yaml").exists():  # in the layout of the archive
        own.add("data")
    for entry in entries:
        if entry.name not in own:
            return entry.name
        if entry.name not in OWN and (other := _put_into(entry, is_archive="data" not in films)):
            return f"{entry.name}/{other}"
    return None


def _put_into(folder: Path, *, is_archive: bool) -> str | None:
    """A file in the folder of a film, or of the archive, that `simulate` has not written."""
    made = OF_ARCHIVE if is_archive and folder.name == "data" else OF_FILM
    files = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
    names = (path.relative_to(folder).as_posix() for path in files)
    return next((name for name in names if not made.fullmatch(name)), None)


@dataclass(frozen=True)
class _ExactFilm:
    """What ``truth.json`` says of every film."""

    porosity: float
    mean: float
    std: float


def _films_in(folder: Path) -> set[str] | None:
    """Names of the films of a phantom; None where nothing proves that one lies in the folder.

    Versions before kept no identity, but the exact truth.
    """
    identity = Identity.beside(folder)
    if identity is None:
        exact = known_json(folder / "truth.json", partial(typed, dict[str, _ExactFilm]))
        return None if exact is None else set(exact)
    return set(identity.settings.get("samples", ())) if identity.kind == KIND else None


def _manifest(recipe: PhantomRecipe) -> str:
    """``dataset.yaml`` of the phantom."""
    z, y, x = recipe.voxel_nm
    record = {
        "name": "phantom",
        "voxel_nm": {"z": z, "y": y, "x": x},
        "classes": {"pore": 0, "solid": SOLID},
        "ignore": None,
        "samples": [
            {
                "name": name,
                "volume": f"{name}/slices",
                "regions": f"{name}/regions.csv",
                "expected_porosity": film.porosity,
            }
            for name, film in recipe.samples.items()
        ],
    }
    return yaml.safe_dump(record, sort_keys=False)
