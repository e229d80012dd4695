"""Open a folder of TIFF slices, possibly in a zip archive, and check which files belong to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import tifffile

from fibsem.data.volumes.faults import File, SliceError, kind_of, reading
from fibsem.data.volumes.lengths import agreed_nm, stated_nm
from fibsem.data.volumes.series.names import natural_key
from fibsem.data.volumes.series.numbering import Slots, numbered
from fibsem.data.volumes.series.pattern import Pattern
from fibsem.data.volumes.source import Manner
from fibsem.data.volumes.tiff.pages import Absent, Page, alike, look, of_one_size, page_of
from fibsem.data.volumes.tiff.tags import tagged_nm
from fibsem.data.volumes.tiff.tiff import TiffSource, open_file, scene_of
from fibsem.data.volumes.voxels import UNKNOWN_NM, VoxelNm
from fibsem.errors import UserError
from fibsem.system.advice import PATTERN

TIFF = (".tif", ".tiff")
#: Extension of the hidden placeholder for a file that was moved to a cloud.
CLOUD = ".icloud"


def open_series(folder: File, manner: Manner) -> TiffSource:
    """Open a folder of slices: files of one slice each, a single file, or files of one set.

    With gaps, slices that are missing, unreadable or unlike most others are `Absent`.
    """
    files = _tiffs(folder)
    picked = [*files] if manner.pattern is None else Pattern(manner.pattern).choose(files)
    if film := _set([files[name] for name in sorted(picked, key=natural_key)], manner):
        return film
    slots = numbered(list(files), folder, manner.pattern)
    places = [files.get(name, folder / name) for name in slots.names]
    if len(places) == 1:
        return open_file(places[0], manner)
    if manner.pattern is None:
        _check_others(folder, slots)
        _check_further(folder, slots)
    if slots.lost and not manner.gaps:
        k = min(slots.lost)
        after = next(name for name in slots.order[k:] if name is not None)
        raise UserError(
            f"slices must be numbered without gaps, but {slots.names[k]} is missing between "
            f"{slots.names[k - 1]} and {after} in {folder}."
        )
    pages, voxel_nm = _headers(places, folder, manner)
    first, checked = alike(pages, [str(page.file) for page in pages], gaps=manner.gaps)
    named_nm = (slots.z_nm, None, None)
    return TiffSource(first, checked, agreed_nm(voxel_nm, named_nm))


def _listed(folder: File) -> list[File]:
    return reading(folder, lambda: [*folder.iterdir()], "a folder must be readable")


def _check_others(folder: File, slots: Slots) -> None:
    """Raise UserError for files numbered like further slices: compressed, or partially copied."""
    keys = {natural_key(_stem(name))[0] for name in slots.names}
    skeletons = {key[::2] for key in keys}
    series = [name for name in slots.order if name is not None]
    for name in sorted(entry.name for entry in _listed(folder)):
        if name.startswith(".") and not name.endswith(CLOUD):
            continue  # not finished by a writer
        stem = _stem(name)
        key = natural_key(stem)[0]
        if key in keys or key[::2] not in skeletons or _is_other_folder(folder / name):
            continue
        if _is_series([*series, stem + Path(series[0]).suffix], folder):
            raise UserError(
                f"the slices of a film must be TIFF files, but {name} in {folder} is named like a "
                f"further one and is none: cut short, packed, or of another format; `{PATTERN}` "
                "picks the slices without it."
            )


def _check_further(folder: File, slots: Slots) -> None:
    """Raise UserError for a folder inside whose slices continue those next to it.

    Copies have the same names as the slices here; masks have other names.
    """
    series = [name for name in slots.order if name is not None]
    for inner in sorted(_listed(folder), key=lambda entry: natural_key(entry.name)):
        names = _names_inside(inner)
        if names and not {*names} & {*slots.names} and _is_series([*series, *names], folder):
            raise UserError(
                f"the slices of a film must lie in one folder, but {inner} holds {len(names)} "
                f"whose numbers go on from the {len(series)} in {folder}, such as {names[0]}; move "
                f"them together, or `{PATTERN}` picks the slices without them."
            )


def _names_inside(inner: File) -> list[str]:
    """Return the names of TIFF files in a folder; none if it is hidden, unreadable or no folder."""
    if inner.name.startswith(".") or inner.name.lower().endswith(TIFF):
        return []
    try:
        return [*_tiffs_in(inner)] if kind_of(inner) == "folder" else []
    except UserError:
        return []


def _is_other_folder(entry: File) -> bool:
    return not entry.name.lower().endswith(TIFF) and kind_of(entry) == "folder"


def _is_series(names: Sequence[str], folder: File) -> bool:
    try:
        return bool(numbered(names, folder).names)
    except UserError:
        return False


def _stem(name: str) -> str:
    """Return the name of a slice without its ending: ``.tif``, ``.png``, ``.tif.part``.

    >>> _stem("slice_0012.tif"), _stem(".slice_0012.tif.part"), _stem("slice_0012.png")
    ('slice_0012', 'slice_0012', 'slice_0012')
    """
    bare = name.removeprefix(".")
    before, ending, _ = bare.lower().partition(".tif")
    return bare[: len(before)] if ending else Path(bare).stem


def _tiffs(folder: File) -> dict[str, File]:
    """Return the TIFF files of a folder by name, including broken links; at least one."""
    files = _tiffs_in(folder)
    if not files:
        entries = [entry for entry in _listed(folder) if not entry.name.startswith(".")]
        endings = Counter(Path(entry.name).suffix for entry in entries).most_common(1)
        most = f", most {endings[0][0]}" if endings and endings[0][0] else ""
        holds = f"none among its {len(entries)} entries{most}" if entries else "nothing"
        pictures = most and endings[0][0].lower() not in TIFF
        advice = "; docs/data.md has lines that save other pictures as TIFF" if pictures else ""
        inside = sorted(entry.name for entry in entries if _names_inside(entry))
        advice += f"; there are some in {', '.join(inside[:3])}" if inside else ""
        raise UserError(
            "a folder must hold TIFF slices (.tif, .tiff) or an OME-Zarr, "
            f"but {folder} holds {holds}{advice}."
        )
    return files


def _tiffs_in(folder: File) -> dict[str, File]:
    """Return the TIFF files of a folder by name, in the order of their numbers; may be empty."""
    return {
        entry.name: entry
        for entry in sorted(_listed(folder), key=lambda entry: natural_key(entry.name))
        if entry.name.lower().endswith(TIFF)
        and not entry.name.startswith(".")
        and kind_of(entry) != "folder"
    }


def _headers(
    places: Sequence[File], folder: File, manner: Manner
) -> tuple[list[Page | Absent], VoxelNm]:
    """Read the header of every slice; those in an archive are assumed to be like the first."""
    pages: list[Page | Absent] = []
    first: Page | None = None
    sizes: list[VoxelNm] = []
    for file in places:
        sizes.append(UNKNOWN_NM)
        if first is not None and not isinstance(folder, Path) and file.exists():
            pages.append(replace(first, file=file, directory=None, pixels=None))
            continue
        try:
            page, sizes[-1] = look(file, partial(_only, places=places, manner=manner))
        except SliceError as error:
            if not manner.gaps:
                raise
            pages.append(Absent(file, str(error)))
            continue
        first = first or page
        pages.append(page)
    return of_one_size(pages, sizes, places, gaps=manner.gaps)


def _only(
    tiff: tifffile.TiffFile, file: File, *, places: Sequence[File], manner: Manner
) -> tuple[Page, VoxelNm]:
    """Return the only slice of a file in a series, and its voxel size."""
    scene = scene_of(tiff, file, manner)
    renamed = any(name is not None for name, _ in scene.planes)
    if renamed and len(scene.planes) != len(places):
        raise UserError(
            f"the files of a set must be together, but {file} is one of {len(scene.planes)} slices "
            f"and {file.parent} has {len(places)}."
        )
    if not renamed and scene.depth > 1:
        raise UserError(
            f"a file of a series must hold one slice, but {file} holds {scene.depth} pages; a "
            "file with many slices is a volume of its own."
        )
    number = 0 if renamed else scene.planes[0][1]
    page = page_of(tiff.pages[number], tiff, file, labels=manner.labels)
    return page, stated_nm(scene.voxel_nm, tagged_nm(tiff, number))


def _set(places: Sequence[File], manner: Manner) -> TiffSource | None:
    """Open a set of files in a folder in the order of its OME-XML, or return None if it is none."""
    first = next((file for file in places if kind_of(file) == "file"), None)
    if first is None:
        return None
    try:
        scene = look(first, partial(scene_of, manner=manner))
    except SliceError:  # raised or skipped later
        return None
    named = {first.name if name is None else name for name, _ in scene.planes}
    if len(named) < 2 or not any(file.name in named - {first.name} for file in places):
        return None
    for file in places:
        if file.name not in named and kind_of(file) != "absent":
            raise UserError(
                f"the files of a folder must be those of one set, but {file} is none of the "
                f"{len(named)} that {first.name} names; `{PATTERN}` picks some."
            )
    return open_file(first, manner)
