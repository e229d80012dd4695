"""Which quantifications are of the labels that a segmentation has now."""

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
    """Whether a quantification measured the labels that lie in a segmentation's folder now.

    Labels of another film, or made in another way, it did not, wherever they lie: folders are
    renamed, and a relative path names another one elsewhere. Of labels made in the same way it
    found the very porosity, or it was made since in their folder, where people mend them by hand.
    What they hold is compared where somebody has written to them since, and where neither says so:
    a folder was moved after its labels were mended.
    """
    alike, as_porous = _are_alike(measured, labels), _as_porous(measured, labels)
    if alike is False:
        return False
    since = measured.written >= labels.written or as_porous
    if (alike and as_porous) or (since and measured.is_measured_in(labels)):
        return not _were_mended(measured, labels)
    return bool(alike) and _hold_the_same(measured, labels) is True


def _were_mended(measured: Measured, labels: FinishedLabels) -> bool:
    """Whether labels hold something else than when they were measured, as far as that is told."""
    return _hold_the_same(measured, labels, since=measured.written) is False


def _hold_the_same(measured: Measured, labels: FinishedLabels, since: float = 0.0) -> bool | None:
    """Whether labels hold what was measured; None where that is not told.

    They do if nobody has written to them ``since``: they are not read then.
    """
    then, name = measured.origin.labels_hash, labels.origin.labels
    if then is None or name is None:
        return None
    try:
        volume = reopen(labels.folder / name, Manner(labels=True))
        latest = max(stamp.latest for stamp in stamps_of(volume).values())
        return latest <= since * 1e9 or hash_of(slice_digests(plain(volume))) == then
    except (UserError, OSError):  # they are not there any more
        return None


def _are_alike(measured: Measured, labels: FinishedLabels) -> bool | None:
    """Whether labels as those that were measured lie in a folder; None where that is not told."""
    one, other = measured.origin, labels.origin
    if one.shape and other.shape and one.shape != other.shape:
        return False
    return None if None in (one.labelling, other.labelling) else one.labelling == other.labelling


@dataclass(frozen=True)
class _Sized:
    """What a quantification says of the size of a voxel."""

    voxel_nm: VoxelNm | None = None


def segmentation_of(measured: Measured, results: Results) -> FinishedLabels | None:
    """The segmentation whose labels were measured; the one in the folder that is named, if any."""
    own = [labels for labels in results.of(SegmentationSummary) if is_of(measured, labels)]
    return min(own, key=lambda labels: not measured.is_measured_in(labels), default=None)


def current(results: Results) -> list[Measured]:
    """The quantifications but for those whose film was labelled anew after them; oldest first."""
    return [
        one
        for one in results.of(QuantificationSummary)
        if segmentation_of(one, results) or not _named_by(one, results)
    ]


def outdated(results: Results) -> list[Path]:
    """Segmentations of whose labels as they are now nothing is known but by former labels."""
    measured = results.of(QuantificationSummary)
    valid = [home.folder for one in measured if (home := segmentation_of(one, results))]
    named = {labels.folder for one in measured for labels in _named_by(one, results)}
    return sorted(named.difference(valid))


def _named_by(measured: Measured, results: Results) -> list[FinishedLabels]:
    """The segmentation, if it is there, whose folder a quantification names."""
    return [one for one in results.of(SegmentationSummary) if measured.is_measured_in(one)]


def check_of(segmented: Segmented, folder: Path) -> VoxelNm:
    """The voxel size that a quantification was told, along axes where it is another one by now.

    Refuses to lay over a segmentation what was measured of another, or of its former labels.

    A segmentation that was moved since is known by its shape and porosity.

    Raises
    ------
    UserError
        If the folder holds no quantification, or one of other labels.
    """
    record = read_json(folder / "summary.json", with_origin, remedy="quantify again")
    if kind_of(record) != "quantification":
        raise UserError(f"`quantified` must be a folder of fibsem.quantify, but {folder} is none.")
    measured: Measured = FinishedCommand("quantification", folder, record)
    labels: FinishedLabels = FinishedCommand(
        "segmentation", segmented.folder, as_record(segmented.summary)
    )
    moved = _as_porous(measured, labels) and _are_alike(measured, labels) is not False
    moved = moved and not _were_mended(measured, labels)
    if not (moved or is_of(measured, labels)):
        is_former = measured.is_measured_in(labels)
        former = "its former labels" if is_former else measured.origin.segmentation
        raise UserError(
            f"`quantified` must be of the labels in {segmented.folder}, but {folder} is of "
            f"{former}; python -m fibsem.quantify segmentation={segmented.folder} maps=true."
        )
    size = typed(_Sized, record).voxel_nm or UNKNOWN_NM
    z, y, x = (
        nm if axis in differing(size, segmented.voxel_nm) else None
        for axis, nm in zip("zyx", size, strict=True)
    )
    return z, y, x


def check_maps(folder: Path) -> None:
    """Refuse to show maps that a quantification has not made.

    Raises
    ------
    UserError
        If there are none in its folder.
    """
    if not any((folder / name).exists() for name in MAPS):
        raise UserError(
            f"`quantified` must be a quantification with maps, but {folder} has none; the same "
            "fibsem.quantify with maps=true makes them."
        )


def _as_porous(measured: Measured, labels: FinishedLabels) -> bool:
    one, other = measured.origin.porosity, labels.origin.porosity
    return one is not None and other is not None and abs(one - other) < SAME_SHARE
