"""Write a phantom to disk as a dataset, atomically, and replacing nothing but a phantom.

Slices are made one by one from the last to the first (what a pore shows lies below it), so that
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

#: Kind of a phantom in its ``identity.json``.
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
        Output folder; written under a temporary name and renamed when complete.
    layout
        ``manifest`` (dataset.yaml, slices, region tables, exact truth) or ``archive``, the layout
        of the published data, where x indexes rows.
    overwrite
        Replace a folder that is not empty, if it holds nothing but a phantom.
    progress
        Called with (sample, slices done, number of slices).

    Returns
    -------
    dict
        ``{sample: {"porosity", "mean", "std"}}``: exact porosity of the whole volume, and mean and
        standard deviation of its grey values in [0, 1]; also written to ``truth.json``.

    Raises
    ------
    UserError
        If the folder is not empty and ``overwrite`` is false, if it holds anything that is not of
        a phantom, or if it is a mount point.

    Examples
    --------
    ```python
    recipe = PhantomRecipe(shape=(20, 256, 256), squares=6, square_px=64)
    simulate(recipe, Path("phantom"))["HPC22"]["porosity"]  # exact
    ```
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
    """Return the identity of a phantom: its recipe and layout."""
    return Identity(KIND, {**asdict(recipe), "layout": layout}, {})


def unlike(folder: Path, recipe: PhantomRecipe) -> str:
    """List the differences of a recipe from that of the phantom in a folder, if it is known."""
    before = Identity.beside(folder)
    return ", ".join(differences(before, identity_of(recipe))) if before else ""


def replaceable(folder: Path) -> Path:
    """Resolve links to the folder, so that it is renamed on its own disk and the link is kept.

    Raises
    ------
    UserError
        If the folder is a mount point, which cannot be renamed.
    """
    target = folder.resolve()
    if target.is_mount():
        raise UserError(
            f"`output` must be a folder that can be renamed, but {target} is a mount; the choices "
            "are a folder in it or another output."
        )
    return target


def lock_of(folder: Path) -> Path:
    """Return the lock for simulating into a folder; a file beside it, as the folder is replaced."""
    target = replaceable(folder)
    return target.with_name(f".{target.name}.lock")


#: Files of a phantom, next to the folders of its films or to ``data``.
OWN = ("dataset.yaml", "truth.json", "summary.json", FILE)


def _check_free(folder: Path, entries: Sequence[Path], overwrite: bool) -> None:
    """Raise UserError unless ``overwrite`` is true and the folder holds only a phantom."""
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
    """Name something in a folder that is not of a phantom, or return None."""
    films = _films_in(folder)
    if films is None:
        return "what `simulate` did not make"
    expected = {*OWN, *films}
    if not (folder / "dataset.yaml").exists():  # the layout of the archive
        expected.add("data")
    for entry in entries:
        if entry.name not in expected:
            return entry.name
        if entry.name not in OWN and (stranger := _put_into(entry, is_archive="data" not in films)):
            return f"{entry.name}/{stranger}"
    return None


def _put_into(folder: Path, *, is_archive: bool) -> str | None:
    """Return a file in the folder of a film or of the archive that `simulate` did not write."""
    made = OF_ARCHIVE if is_archive and folder.name == "data" else OF_FILM
    files = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
    names = (path.relative_to(folder).as_posix() for path in files)
    return next((name for name in names if not made.fullmatch(name)), None)


@dataclass(frozen=True)
class _ExactFilm:
    """The entry of a film in ``truth.json``."""

    porosity: float
    mean: float
    std: float


def _films_in(folder: Path) -> set[str] | None:
    """Return the names of a phantom's films, or None if the folder is not known to hold a phantom.

    Earlier versions kept no identity, but the exact truth.
    """
    identity = Identity.beside(folder)
    if identity is None:
        exact = known_json(folder / "truth.json", partial(typed, dict[str, _ExactFilm]))
        return None if exact is None else set(exact)
    return set(identity.settings.get("samples", ())) if identity.kind == KIND else None


def _manifest(recipe: PhantomRecipe) -> str:
    """Return the ``dataset.yaml`` of the phantom."""
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
