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

    It was made since, or found the very porosity of them: a segmentation that is repeated writes
    its summary again, and labels nothing anew.
    """
    return in_folder_of(measured, labels) and (
        measured.written >= labels.written or _as_porous(measured, labels)
    )


def in_folder_of(measured: FinishedCommand, labels: FinishedCommand) -> bool:
    """Whether a quantification read its labels in this folder, whatever lay there then."""
    return Path(measured.record["segmentation"]).resolve() == labels.folder.resolve()


def current(results: Results) -> list[FinishedCommand]:
    """The quantifications but for those whose film was labelled anew after them; oldest first."""
    segmentations = results.of("segmentation")
    return [
        one
        for one in results.of("quantification")
        if all(is_of(one, labels) for labels in segmentations if in_folder_of(one, labels))
    ]


def outdated(results: Results) -> list[Path]:
    """Segmentations of whose labels as they are now nothing is known but by former labels."""
    valid = {Path(one.record["segmentation"]).resolve() for one in current(results)}
    every = {Path(one.record["segmentation"]).resolve() for one in results.of("quantification")}
    return sorted(every - valid)


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
    moved = _as_porous(measured, labels) and record.get("shape") == labels.record["shape"]
    if not (moved or is_of(measured, labels)):
        former = "its former labels" if in_folder_of(measured, labels) else record["segmentation"]
        raise UserError(
            f"`quantified` must be of the labels in {segmented.folder}, but {folder} is of "
            f"{former}; python -m fibsem.quantify segmentation={segmented.folder} maps=true."
        )


def _as_porous(measured: FinishedCommand, labels: FinishedCommand) -> bool:
    return abs(measured.record["porosity"] - labels.record["porosity"]) < SAME_SHARE
