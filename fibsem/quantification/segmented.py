"""A finished segmentation, opened as a film for measurement and checked for consistency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from fibsem.analysis.structure.film import NEITHER, PORE, SOLID, Film, Phases, Spacing
from fibsem.data.dataset.digests import digest_of
from fibsem.data.volumes import Manner, Volume, VoxelNm, reopen, stated_nm
from fibsem.data.volumes.lengths import differing
from fibsem.data.volumes.voxels import UNKNOWN_NM
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.volume.ledger.hashes import grey_hash
from fibsem.inference.volume.ledger.outputs import meanings_of
from fibsem.inference.volume.ledger.witness import Rule, Watched, listed
from fibsem.quantification.probabilities import Probabilities, stored_probabilities
from fibsem.system.advice import OF_FILM, Command, KeyNames, called
from fibsem.system.files import known_json, read_json
from fibsem.system.identity import LEDGER, kind_of
from fibsem.system.records import typed
from fibsem.system.summaries import SegmentedFilm
from fibsem.system.summaries.figures import AxisName
from fibsem.system.summaries.porosity import FilmPorosity, Interval
from fibsem.system.summaries.quantification import Unit

#: Keys of the summary of a segmentation that are needed here.
NEEDED = ("labels", "classes", "voxel_nm", "shape", "missing", "porosity")
#: Labels must stay the same during a measurement.
OF_LABELS = Rule(
    "labels must not change while they are measured", "the same command measures those of now"
)
#: Labels have no manifest with reading options, so that messages must not advise any.
OUR_OWN = KeyNames(absent=frozenset(OF_FILM))
#: Class of label values that a segmentation does not use.
UNDECLARED = 255
#: Porosities that differ by less are equal: both are counted from the same labels.
SAME_SHARE = 1e-9


@dataclass(frozen=True)
class _LedgerVolume:
    shape: tuple[int, int, int] | None = None
    dtype: str | None = None


@dataclass(frozen=True)
class _LedgerKey:
    volume: _LedgerVolume | str  # older versions have a digest
    model: str | None = None
    min_volume_nm3: float = 0.0


@dataclass(frozen=True)
class _Decided:
    pores_3d: list[int | None] | None = None


@dataclass(frozen=True)
class _Begun:
    """The parts of a ledger that are read here."""

    key: _LedgerKey
    slabs: dict[str, list[list[Any]]]
    read: dict[str, str] | None = None
    decided: _Decided = _Decided()

    @property
    def pores(self) -> tuple[int | None, ...]:
        """Pore voxels of every slice as it was labelled; None if it has no material."""
        in_order = sorted(self.slabs, key=lambda z: (len(z), z))  # "4" before "16"
        counts = [next(iter(entry), None) for z in in_order for entry in self.slabs[z]]
        as_labelled = (count if isinstance(count, int) else None for count in counts)
        return tuple(self.decided.pores_3d or as_labelled)

    def is_of(self, summary: SegmentedFilm) -> bool:
        """Whether film and model are those of a summary, as far as older versions recorded them."""
        volume, recorded = self.key.volume, summary.grey_hash
        if self.key.model is not None and summary.model not in (None, self.key.model):
            return False
        if not (recorded and self.read and isinstance(volume, _LedgerVolume) and volume.dtype):
            return True
        return grey_hash(volume.shape or summary.shape, volume.dtype, self.read) == recorded


@dataclass(frozen=True)
class Segmented:
    """A finished segmentation.

    Attributes
    ----------
    folder
        Output folder of ``fibsem.segment``.
    summary
        Its summary.
    film
        Its labels as pore, solid and neither; in nanometres, or in voxels that are taken as cubes
        if their size is unknown.
    unit
        ``nm`` or ``voxels``.
    watched
        Its volume of labels, watched for changes, as users correct labels by hand; None for a film
        in memory.
    given_nm
        Size of a voxel that was given instead of that of the segmentation, (z, y, x).
    pores
        Pore voxels of every slice as they were labelled, None of slices without material; empty if
        unknown.

    Examples
    --------
    ```python
    segmented = open_segmented(Path("labels"))
    segmented.film.shape, segmented.unit, segmented.missing
    phases = segmented.film.read(Box((0, 0, 0), (1, 64, 64)))  # (z, y, x), uint8
    ```
    """

    folder: Path
    summary: SegmentedFilm
    film: Film
    unit: Unit
    watched: Watched | None = None
    given_nm: VoxelNm = UNKNOWN_NM
    pores: tuple[int | None, ...] = ()

    @cached_property
    def probabilities(self) -> Probabilities | str:
        """The stored probabilities, or the reason why they are not used."""
        return stored_probabilities(self.folder, self.summary.probabilities, self.film)

    @property
    def voxel_nm(self) -> VoxelNm:
        """Size of a voxel in nm, (z, y, x); None along axes where it is unknown."""
        return self.summary.voxel_nm or UNKNOWN_NM

    @property
    def voxel_assumed(self) -> tuple[AxisName, ...]:
        """Axes along which the voxel size is assumed to be that of the model."""
        return self.summary.voxel_nm_assumed

    @property
    def unit_label(self) -> str:
        """Unit for files that are used outside of fibsem, which says if the size is assumed."""
        assumed = self.unit == "nm" and self.voxel_assumed
        return f"{self.unit}, voxel size assumed" if assumed else self.unit

    @property
    def missing(self) -> tuple[int, ...]:
        """Indices of slices that are missing in the segmented volume."""
        return self.summary.missing

    @property
    def labels_hash(self) -> str | None:
        """Digest of the labels as read; None until all slices were read."""
        read_as = self.watched.read_as if self.watched else {}
        return hash_of(read_as) if len(read_as) == self.film.shape[0] else None

    def check_order(self, pores: Sequence[int]) -> None:
        """Raise ``UserError`` if labels are stored along other axes, or in another order of slices.

        Slices then have other numbers of pore voxels than when they were labelled, but all together
        as many, which a correction of labels by hand hardly ever leaves.
        """
        before = [count or 0 for count in self.pores]
        pairs = zip(before, pores, strict=False)
        other = [z for z, (as_labelled, now) in enumerate(pairs) if as_labelled != now]
        if len(before) == len(pores) and other and sum(before) == sum(pores):
            raise UserError(
                "labels must lie as they were segmented, z, y, x from the first slice on, but in "
                f"{self.folder / self.summary.labels} slice {listed(other)} has another number of "
                "pore voxels, and the film as many: an axis is turned or in another one's place, "
                "or slices lie in another order; the choices are labels saved as they lay, or the "
                "film in the right order, segmented again."
            )

    def check_unchanged(self) -> None:
        """Raise ``UserError`` if labels have changed since they were read."""
        if self.watched is not None:
            self.watched.check()

    def stated_porosity(self, porosity: float) -> FilmPorosity:
        """Return the porosity with the segmentation's interval, if that belongs to these labels.

        If labels were corrected by hand, the measured porosity differs and the recorded interval
        does not apply.
        """
        before = self.summary.porosity
        if abs(before - porosity) < SAME_SHARE:
            return self.summary.alone()
        why = (
            "the labels were changed after they were segmented, when their porosity was "
            f"{100 * before:.2f} %"
        )
        return FilmPorosity(porosity, porosity_interval=Interval(why=why))


def hash_of(digests: Mapping[int, str]) -> str:
    """Return the digest of labels from the digests of their slices."""
    return digest_of(sorted(digests.items()), 12)


def limits_of_labels(film: SegmentedFilm) -> list[str]:
    """Return caveats on a segmentation that hold for all results from it, one sentence each.

    >>> size, lost = (50.0, 10.0, 10.0), (3, 4)
    >>> limits_of_labels(SegmentedFilm(
    ...     porosity=0.0, labels="l", shape=(9, 9, 9), voxel_nm=size, missing=lost
    ... ))
    ['2 slices are missing (3, 4): figures are of what is there', 'there is only solid']
    """
    limits, missing = [], film.missing
    if _spacing(film.voxel_nm or ()) is None:
        limits.append(
            "the size of a voxel is not known: lengths are in voxels, which are taken as cubes"
        )
    elif assumed := film.voxel_nm_assumed:
        limits.append(
            f"nobody stated the size of a voxel along {', '.join(assumed)}: lengths in nm are as "
            "sure as that it is the model's (quantify voxel_nm=[z,y,x] states it)"
        )
    if missing:
        many = "1 slice is" if len(missing) == 1 else f"{len(missing)} slices are"
        limits.append(f"{many} missing ({_listed(missing)}): figures are of what is there")
    if film.porosity in (0, 1):
        limits.append(f"there is only {'pores' if film.porosity else 'solid'}")
    return limits


def _listed(slices: Sequence[int]) -> str:
    text = ", ".join(map(str, slices[:8]))
    return f"{text} and more" if len(slices) > 8 else text


def open_segmented(folder: Path, voxel_nm: VoxelNm = UNKNOWN_NM) -> Segmented:
    """Open the folder of a finished segmentation.

    Parameters
    ----------
    folder
        Output folder of ``fibsem.segment``, or of a film in ``volumes`` of a promotion.
    voxel_nm
        Size of a voxel, (z, y, x), which overrides that of the segmentation; None along an axis
        keeps it.

    Raises
    ------
    UserError
        If the folder is no segmentation, it is not finished, its labels cannot be read, or they
        depend on another voxel size.

    Examples
    --------
    ```python
    segmented = open_segmented(Path("labels"))
    segmented.film.shape, segmented.unit, segmented.missing
    ```
    """
    summary = _summary_in(folder)
    ledger = known_json(folder / LEDGER, partial(typed, _Begun))
    _check_finished(folder, summary, ledger)
    if summary is None:
        raise UserError(
            f"`segmentation` must be a folder of {Command('segment')}, with its summary.json, but "
            f"{folder} is {'not one' if folder.is_dir() else 'not there'}."
        )
    if ledger and not ledger.is_of(summary):
        raise UserError(
            f"`segmentation` must be one, but in {folder} summary.json is of another film or model "
            f"than ledger.json; the choices are its own summary.json, which the same "
            f"{Command('segment')} writes again, or another folder."
        )
    summary = _sized(summary, voxel_nm, ledger)
    with called(OUR_OWN):
        labels = reopen(folder / summary.labels, Manner(labels=True))
    if labels.shape != summary.shape:
        raise UserError(
            f"`segmentation` must hold labels of {list(summary.shape)} voxels, but {labels.path} "
            f"has {list(labels.shape)}; segment again."
        )
    _check_scale(labels, summary, voxel_nm)
    spacing = _spacing(summary.voxel_nm or ())
    watched = Watched(labels, OF_LABELS)
    phases = _phases_of(watched.volume, summary.classes)
    film = Film(labels.shape, spacing or (1.0, 1.0, 1.0), phases)
    unit: Unit = "nm" if spacing else "voxels"
    pores = ledger.pores if ledger else ()
    return Segmented(folder, summary, film, unit, watched, voxel_nm, pores)


def _summary_in(folder: Path) -> SegmentedFilm | None:
    """Read the summary of a folder; None if there is none, or it is of another command."""
    path = folder / "summary.json"
    if not path.is_file():
        return None
    return read_json(path, _segmentation, remedy="segment again")


def _segmentation(record: Any) -> SegmentedFilm | None:
    """Convert a record to the summary of a segmentation; None if it is another or incomplete."""
    tells_all = isinstance(record, dict) and record.keys() >= set(NEEDED)
    if not tells_all and kind_of(record) != "segmentation":
        return None
    film = typed(SegmentedFilm, record)  # raises if damaged
    return film if tells_all else None


def _check_scale(labels: Volume, summary: SegmentedFilm, voxel_nm: VoxelNm) -> None:
    """Raise ``UserError`` if the file of labels, saved by another program, has another voxel size.

    A size stated by the user is in the summary already, and takes precedence.
    """
    z, y, x = summary.voxel_nm or UNKNOWN_NM
    if differing(stated_nm(voxel_nm, labels.voxel_nm), (z, y, x)):
        raise UserError(
            f"the voxel size of labels must be that of their segmentation, {[z, y, x]} nm, but "
            f"{labels.path} states {list(labels.voxel_nm)}; voxel_nm=[Z,Y,X] says which is right."
        )


def _phases_of(labels: Volume, classes: tuple[int, int]) -> Callable[[Box], Phases]:
    """Return a function that reads a box of labels as pore, solid and neither."""
    table = np.full(256, UNDECLARED, np.uint8)
    table[[meaning.value for meaning in meanings_of(classes)]] = NEITHER
    table[list(classes)] = (PORE, SOLID)

    def read(box: Box) -> Phases:
        with called(OUR_OWN):
            values = labels.read(box)
        small = values.astype(np.uint8, copy=False)
        phases = table[small]
        wrong = (phases == UNDECLARED) | (small != values)
        if wrong.any():
            raise _undeclared(values[wrong][0], labels, classes)
        return phases

    return read


def _undeclared(value: Any, labels: Volume, classes: tuple[int, int]) -> UserError:
    meanings = ", ".join(f"{meaning.value} ({meaning.name})" for meaning in meanings_of(classes))
    return UserError(
        f"label values must be those of the segmentation, but {labels.path} holds {value}; they "
        f"are {meanings}."
    )


def _sized(summary: SegmentedFilm, voxel_nm: VoxelNm, ledger: _Begun | None) -> SegmentedFilm:
    """Return the summary with the voxel size stated by the user.

    Raises
    ------
    UserError
        If the size differs and the segmentation has removed components by their volume.
    """
    before = summary.voxel_nm or UNKNOWN_NM
    size = stated_nm(voxel_nm, before)
    if size != before and ledger and ledger.key.min_volume_nm3:
        raise UserError(
            f"`voxel_nm` must be that of the segmentation, {list(before)}, by which "
            f"min_volume_nm3 removed components, but got {list(size)}; segment again."
        )
    stated = [axis for axis, nm in zip("zyx", voxel_nm, strict=True) if nm]
    assumed = tuple(axis for axis in summary.voxel_nm_assumed if axis not in stated)
    return replace(summary, voxel_nm=size, voxel_nm_assumed=assumed)


def _check_finished(folder: Path, summary: SegmentedFilm | None, ledger: _Begun | None) -> None:
    """Raise ``UserError``, with the number of labelled slices, if a segmentation is unfinished."""
    if ledger is None:
        return
    done = sum(map(len, ledger.slabs.values()))
    volume = ledger.key.volume
    shape = summary and summary.shape if isinstance(volume, str) else volume.shape
    if summary is None or (shape and done < shape[0]):
        of = f" of {shape[0]}" if shape else ""
        raise UserError(
            f"`segmentation` must be finished, but of {folder} {done}{of} slices are labelled; the "
            f"same {Command('segment')} goes on."
        )


def _spacing(voxel_nm: Sequence[float | None]) -> Spacing | None:
    """Return the size of a voxel if it is known along every axis, else None."""
    sizes = [float(nm) for nm in voxel_nm if nm]
    return (sizes[0], sizes[1], sizes[2]) if len(sizes) == 3 else None
