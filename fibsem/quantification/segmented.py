"""A finished segmentation as a film to be measured; what is no such thing is said in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
from fibsem.inference.volume.ledger.outputs import meanings_of
from fibsem.inference.volume.ledger.witness import Rule, Watched
from fibsem.system.advice import OF_FILM, KeyNames, called
from fibsem.system.files import known_json, read_json
from fibsem.system.identity import LEDGER, kind_of
from fibsem.system.records import typed
from fibsem.system.summaries import SegmentedFilm
from fibsem.system.summaries.figures import AxisName
from fibsem.system.summaries.porosity import FilmPorosity, Interval
from fibsem.system.summaries.quantification import Unit

#: Keys of the summary of a segmentation that are needed here.
NEEDED = ("labels", "classes", "voxel_nm", "shape", "missing", "porosity")
#: What is measured is measured of one and the same film.
OF_LABELS = Rule(
    "labels must not change while they are measured", "the same command measures those of now"
)
#: No manifest says how labels of ours are read: what lacks is lost, and no pores.
OUR_OWN = KeyNames(absent=frozenset(OF_FILM))
#: What no label value of a segmentation stands for.
UNDECLARED = 255
#: Shares that differ by less are the same: both are counted from the same labels.
SAME_SHARE = 1e-9


@dataclass(frozen=True)
class _Film:
    shape: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class _Key:
    volume: _Film | str  # which versions before had as a digest
    min_volume_nm3: float = 0.0


@dataclass(frozen=True)
class _Begun:
    """What is asked of a ledger."""

    key: _Key
    slabs: dict[str, list[Any]]


@dataclass(frozen=True)
class Segmented:
    """A finished segmentation.

    Attributes
    ----------
    folder
        Of ``fibsem.segment``.
    summary
        What is told of it.
    film
        Its labels as pores, solid and neither; in nanometres, or in voxels that are taken as cubes
        where their size is not known.
    unit
        ``nm`` or ``voxels``.
    watched
        The volume of its labels, which people mend by hand; None of a film in memory.

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

    @property
    def voxel_nm(self) -> VoxelNm:
        """Size of a voxel as it is known, (z, y, x)."""
        return self.summary.voxel_nm or UNKNOWN_NM

    @property
    def voxel_assumed(self) -> tuple[AxisName, ...]:
        """Axes along which it is that of the model, because nobody stated the film's."""
        return self.summary.voxel_nm_assumed

    @property
    def unit_label(self) -> str:
        """The unit as a file says it that may be read far from here."""
        assumed = self.unit == "nm" and self.voxel_assumed
        return f"{self.unit}, voxel size assumed" if assumed else self.unit

    @property
    def missing(self) -> tuple[int, ...]:
        """Slices that are missing in the segmented volume."""
        return self.summary.missing

    @property
    def labels_hash(self) -> str | None:
        """Digits of all labels as they were read; None as long as not all were."""
        read_as = self.watched.read_as if self.watched else {}
        return hash_of(read_as) if len(read_as) == self.film.shape[0] else None

    def check_unchanged(self) -> None:
        """Refuse figures of which some are of labels that are others by now."""
        if self.watched is not None:
            self.watched.check()

    def stated_porosity(self, porosity: float) -> FilmPorosity:
        """What the segmentation says of its porosity, if the labels are still those it is of.

        Labels may be mended by hand: an interval that was told before is then of another film.
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
    """Digits of the slices of labels."""
    return digest_of(sorted(digests.items()), 12)


def limits_of_labels(film: SegmentedFilm) -> list[str]:
    """What a reader has to know of a segmentation, whatever is done with it: a sentence each.

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
        Of ``fibsem.segment``, or of a film in ``volumes`` of a promotion.
    voxel_nm
        Size of a voxel, (z, y, x), in place of what the segmentation says; on axes where it is
        None that is right.

    Raises
    ------
    UserError
        If it is none, is not finished, or its labels cannot be read; or if they follow from another
        voxel size.

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
            "`segmentation` must be a folder of fibsem.segment, with its summary.json, but "
            f"{folder} is {'not one' if folder.is_dir() else 'not there'}."
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
    watched = Watched.of(labels, OF_LABELS)
    phases = _phases_of(watched.volume, summary.classes)
    film = Film(labels.shape, spacing or (1.0, 1.0, 1.0), phases)
    return Segmented(folder, summary, film, "nm" if spacing else "voxels", watched)


def _summary_in(folder: Path) -> SegmentedFilm | None:
    """The summary of a folder; None where there is none, or one of another command."""
    path = folder / "summary.json"
    if not path.is_file():
        return None
    return read_json(path, _segmentation, remedy="segment again")


def _segmentation(record: Any) -> SegmentedFilm | None:
    """A record as one of a segmentation that tells all that is needed; None of another one."""
    tells_all = isinstance(record, dict) and record.keys() >= set(NEEDED)
    if not tells_all and kind_of(record) != "segmentation":
        return None
    film = typed(SegmentedFilm, record)  # what is damaged of a segmentation is said
    return film if tells_all else None


def _check_scale(labels: Volume, summary: SegmentedFilm, voxel_nm: VoxelNm) -> None:
    """Refuse labels that another program has saved with another voxel size than is told of them.

    What the user states is in the summary by now, and holds.
    """
    z, y, x = summary.voxel_nm or UNKNOWN_NM
    if differing(stated_nm(voxel_nm, labels.voxel_nm), (z, y, x)):
        raise UserError(
            f"the voxel size of labels must be that of their segmentation, {[z, y, x]} nm, but "
            f"{labels.path} states {list(labels.voxel_nm)}; voxel_nm=[Z,Y,X] says which is right."
        )


def _phases_of(labels: Volume, classes: tuple[int, int]) -> Callable[[Box], Phases]:
    """Function that reads a box of labels as pores, solid and neither."""
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
    """The summary with the size of a voxel that is stated now."""
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
    """Refuse a segmentation of which slices are not labelled yet; says how many are."""
    if ledger is None:
        return
    done = sum(map(len, ledger.slabs.values()))
    volume = ledger.key.volume
    shape = summary and summary.shape if isinstance(volume, str) else volume.shape
    if summary is None or (shape and done < shape[0]):
        of = f" of {shape[0]}" if shape else ""
        raise UserError(
            f"`segmentation` must be finished, but of {folder} {done}{of} slices are labelled; the "
            "same fibsem.segment goes on."
        )


def _spacing(voxel_nm: Sequence[float | None]) -> Spacing | None:
    """Size of a voxel, if it is known on every axis."""
    sizes = [float(nm) for nm in voxel_nm if nm]
    return (sizes[0], sizes[1], sizes[2]) if len(sizes) == 3 else None
