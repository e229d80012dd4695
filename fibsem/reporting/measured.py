"""Which quantifications are of the labels that a segmentation has now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fibsem.errors import UserError
from fibsem.quantification.segmented import SAME_SHARE, Segmented
from fibsem.reporting.results import FinishedCommand, Results
from fibsem.system.files import read_json
from fibsem.system.identity import kind_of


def is_of(measured: FinishedCommand, labels: FinishedCommand) -> bool:
    """Whether a quantification measured the labels that lie in a segmentation's folder now.

    Labels of another film, or made in another way, it did not, wherever they lie: folders are
    renamed, and a relative path names another one elsewhere. Of labels made in the same way it
    found the very porosity, or it was made since in their folder, where people mend them by hand: a
    segmentation that is repeated writes its summary again, and labels nothing anew.
    """
    alike, as_porous = _are_alike(measured, labels), _as_porous(measured, labels)
    if alike is False:
        return False
    since = measured.written >= labels.written or as_porous
    return bool(alike and as_porous) or (since and measured.is_measured_in(labels))


def _are_alike(measured: FinishedCommand, labels: FinishedCommand) -> bool | None:
    """Whether labels as those that were measured lie in a folder; None where that is not told."""
    shapes = [list(one.record.get("shape") or ()) for one in (measured, labels)]
    if all(shapes) and shapes[0] != shapes[1]:
        return False
    if None in (measured.labelling, labels.labelling):
        return None
    return measured.labelling == labels.labelling


def segmentation_of(measured: FinishedCommand, results: Results) -> FinishedCommand | None:
    """The segmentation whose labels were measured; the one in the folder that is named, if any."""
    own = [labels for labels in results.of("segmentation") if is_of(measured, labels)]
    return min(own, key=lambda labels: not measured.is_measured_in(labels), default=None)


def current(results: Results) -> list[FinishedCommand]:
    """The quantifications but for those whose film was labelled anew after them; oldest first."""
    return [
        one
        for one in results.of("quantification")
        if segmentation_of(one, results) or not _named_by(one, results)
    ]


def outdated(results: Results) -> list[Path]:
    """Segmentations of whose labels as they are now nothing is known but by former labels."""
    measured = results.of("quantification")
    valid = [home.folder for one in measured if (home := segmentation_of(one, results))]
    named = {labels.folder for one in measured for labels in _named_by(one, results)}
    return sorted(named.difference(valid))


def _named_by(measured: FinishedCommand, results: Results) -> list[FinishedCommand]:
    """The segmentation, if it is there, whose folder a quantification names."""
    return [one for one in results.of("segmentation") if measured.is_measured_in(one)]


def check_of(segmented: Segmented, folder: Path) -> None:
    """Refuse to lay over a segmentation what was measured of another, or of its former labels.

    A segmentation that was moved since is known by its shape and porosity.

    Raises
    ------
    UserError
        If the folder holds no quantification, or one of other labels.
    """
    record: dict[str, Any] = read_json(folder / "summary.json", remedy="quantify again")
    if kind_of(record) != "quantification":
        raise UserError(f"`quantified` must be a folder of fibsem.quantify, but {folder} is none.")
    measured = FinishedCommand("quantification", folder, record)
    labels = FinishedCommand("segmentation", segmented.folder, dict(segmented.record))
    moved = _as_porous(measured, labels) and _are_alike(measured, labels) is not False
    if not (moved or is_of(measured, labels)):
        former = "its former labels" if measured.is_measured_in(labels) else record["segmentation"]
        raise UserError(
            f"`quantified` must be of the labels in {segmented.folder}, but {folder} is of "
            f"{former}; python -m fibsem.quantify segmentation={segmented.folder} maps=true."
        )


def _as_porous(measured: FinishedCommand, labels: FinishedCommand) -> bool:
    return abs(measured.record["porosity"] - labels.record["porosity"]) < SAME_SHARE
