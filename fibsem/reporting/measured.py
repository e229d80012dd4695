"""Matching of quantifications with the current labels of segmentations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fibsem.data.dataset.digests import slice_digests, stamps_of
from fibsem.data.volumes import Manner, VoxelNm, reopen
from fibsem.data.volumes.lengths import differing
from fibsem.data.volumes.voxels import UNKNOWN_NM
from fibsem.errors import UserError
from fibsem.inference.volume.ledger.witness import plain
from fibsem.quantification.folder import MAPS
from fibsem.quantification.segmented import SAME_SHARE, Segmented, hash_of
from fibsem.reporting.results import FinishedCommand, Results, with_origin
from fibsem.system.files import read_json
from fibsem.system.identity import kind_of
from fibsem.system.records import as_record, typed
from fibsem.system.summaries import QuantificationSummary, SegmentationSummary

FinishedLabels = FinishedCommand[SegmentationSummary]
Measured = FinishedCommand[QuantificationSummary]


def is_of(measured: Measured, labels: FinishedLabels) -> bool:
    """Return whether a quantification measured the current labels of a segmentation.

    Paths alone do not decide: folders are renamed, and a relative path may name another folder.
    Labels with another shape or labelling digest never match. Labels with the same digest match if
    the porosity is equal. A quantification of this folder matches if it is newer or the porosity is
    equal, as users correct labels by hand. In both cases the hash of the labels is compared if they
    were written to since. Otherwise the digest and the hash must both match, as for a folder that
    was moved after its labels were corrected.
    """
    alike, as_porous = _are_alike(measured, labels), _have_same_porosity(measured, labels)
    if alike is False:
        return False
    since = measured.written >= labels.written or as_porous
    if (alike and as_porous) or (since and measured.is_measured_in(labels)):
        return not _were_mended(measured, labels)
    return bool(alike) and _hold_the_same(measured, labels) is True


def _were_mended(measured: Measured, labels: FinishedLabels) -> bool:
    """Return whether labels are known to differ from when they were measured."""
    return _hold_the_same(measured, labels, since=measured.written) is False


def _hold_the_same(measured: Measured, labels: FinishedLabels, since: float = 0.0) -> bool | None:
    """Return whether labels have the hash that was measured, or None if unknown.

    Labels that were not written to after ``since`` count as equal without being read.
    """
    then, name = measured.origin.labels_hash, labels.origin.labels
    if then is None or name is None:
        return None
    try:
        volume = reopen(labels.folder / name, Manner(labels=True))
        latest = max(stamp.latest for stamp in stamps_of(volume.source).values())
        return latest <= since * 1e9 or hash_of(slice_digests(plain(volume))) == then
    except (UserError, OSError):  # the labels were removed
        return None


def _are_alike(measured: Measured, labels: FinishedLabels) -> bool | None:
    """Return whether the shape and labelling digest of labels match, or None if unknown."""
    one, other = measured.origin, labels.origin
    if one.shape and other.shape and one.shape != other.shape:
        return False
    return None if None in (one.labelling, other.labelling) else one.labelling == other.labelling


@dataclass(frozen=True)
class _VoxelSize:
    """The voxel size in the record of a quantification."""

    voxel_nm: VoxelNm | None = None


def segmentation_of(measured: Measured, results: Results) -> FinishedLabels | None:
    """Return the segmentation whose labels were measured, preferably that in the named folder.

    None if there is no such segmentation.
    """
    segmentations = [
        labels for labels in results.of(SegmentationSummary) if is_of(measured, labels)
    ]
    return min(segmentations, key=lambda labels: not measured.is_measured_in(labels), default=None)


def current(results: Results) -> list[Measured]:
    """Return the quantifications whose film was not labelled again since, oldest first."""
    return [
        measured
        for measured in results.of(QuantificationSummary)
        if segmentation_of(measured, results) or not _named_by(measured, results)
    ]


def outdated(results: Results) -> list[Path]:
    """Return folders of segmentations whose quantifications are all of former labels."""
    measured = results.of(QuantificationSummary)
    valid = [home.folder for result in measured if (home := segmentation_of(result, results))]
    named = {labels.folder for result in measured for labels in _named_by(result, results)}
    return sorted(named.difference(valid))


def _named_by(measured: Measured, results: Results) -> list[FinishedLabels]:
    """Return the segmentations in the folder that a quantification names."""
    return [labels for labels in results.of(SegmentationSummary) if measured.is_measured_in(labels)]


def check_of(segmented: Segmented, folder: Path) -> VoxelNm:
    """Check that a quantification is of a segmentation's labels, and return its voxel size.

    A segmentation that was moved since is recognised by its shape and porosity.

    Returns
    -------
    VoxelNm
        Voxel size (z, y, x) of the quantification along axes where it differs from that of the
        segmentation, None along the others.

    Raises
    ------
    UserError
        If the folder has no quantification, or one of other or former labels.
    """
    record = read_json(folder / "summary.json", with_origin, remedy="quantify again")
    if kind_of(record) != "quantification":
        raise UserError(f"`quantified` must be a folder of fibsem.quantify, but {folder} is none.")
    measured: Measured = FinishedCommand("quantification", folder, record)
    labels: FinishedLabels = FinishedCommand(
        "segmentation", segmented.folder, as_record(segmented.summary)
    )
    moved = _have_same_porosity(measured, labels) and _are_alike(measured, labels) is not False
    moved = moved and not _were_mended(measured, labels)
    if not (moved or is_of(measured, labels)):
        is_former = measured.is_measured_in(labels)
        former = "its former labels" if is_former else measured.origin.segmentation
        raise UserError(
            f"`quantified` must be of the labels in {segmented.folder}, but {folder} is of "
            f"{former}; python -m fibsem.quantify segmentation={segmented.folder} maps=true."
        )
    size = typed(_VoxelSize, record).voxel_nm or UNKNOWN_NM
    z, y, x = (
        nm if axis in differing(size, segmented.voxel_nm) else None
        for axis, nm in zip("zyx", size, strict=True)
    )
    return z, y, x


def check_maps(folder: Path) -> None:
    """Check that a quantification has written maps.

    Raises
    ------
    UserError
        If there are no maps in its folder.
    """
    if not any((folder / name).exists() for name in MAPS):
        raise UserError(
            f"`quantified` must be a quantification with maps, but {folder} has none; the same "
            "fibsem.quantify with maps=true makes them."
        )


def _have_same_porosity(measured: Measured, labels: FinishedLabels) -> bool:
    one, other = measured.origin.porosity, labels.origin.porosity
    return one is not None and other is not None and abs(one - other) < SAME_SHARE
