"""Tables and figures written by commands, read as items of a report with titles."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from fibsem.analysis.encoding import read_csv
from fibsem.errors import UserError
from fibsem.reporting.page import Picture, Table
from fibsem.reporting.results import LEFT_OUT
from fibsem.system.file_names import name_of, visible

#: Titles of the tables and figures of other commands, by the stem of their file.
TITLES: Mapping[str, str] = {
    "table-5.1-comparison": "All on every labelled pixel, threshold chosen on validation",
    "table-4.4-parameters": "Trainable parameters by network and neighbourhood",
    "table-4.5-training-2dcnn": "Training of 2dcnn, balanced pixels, mean ± s.d. over seeds",
    "table-4.6-training-others": "Training of the others, balanced pixels, mean ± s.d. over seeds",
    "table-4.7-splits": "Balanced pixels of training, validation and test, mean ± s.d. over seeds",
    "table-4.10-labelled": "The best one on every labelled pixel, threshold 0.5",
    "table-4.12-labelled-chosen-threshold": "The same, threshold chosen on validation",
    "table-4.9-confusion-train": "Confusion matrix of the best one on balanced training pixels",
    "table-4.9-confusion-val": "Confusion matrix of the best one on balanced validation pixels",
    "miou_by_neighbourhood": "Validation mIoU by neighbourhood, mean ± s.d. over seeds",
    "boxes": "Validation mIoU of every seed",
    "one_square": "One test square: grey values, labels, and what each network finds in it",
    "learning_curves": "Training and validation loss by epoch, mean and 95 % interval over seeds",
    "network": "The network",
    "feature_maps": "Feature maps of a validation window, layer by layer",
    "history": "Every trial and the best one so far against time",
    "parallel_coordinates": "Hyperparameters of every trial, coloured by its value",
    "importance": "Share of each hyperparameter in the variance that they explain (fANOVA)",
    "validation_squares": "The errors of the best trials on a part of one validation square",
    "pareto": "Trials that no other one beats in both objectives",
    "porosity_by_slice": "Porosity of every slice",
    "pore_sizes": "Pore volume by local thickness, and by intrusion from a face",
    "porosity_of_parts": "How far parts of a film differ in porosity, by their size",
    "ranking": "The best trials, in their sweep and, where they were run again, with fresh seeds",
    "labelled": "Every labelled pixel before and after post-processing",
    **{
        f"confusion-{split}-{when}": f"Confusion matrix of all labelled {word} pixels, {when} "
        "post-processing"
        for split, word in (("train", "training"), ("val", "validation"), ("test", "test"))
        for when in ("before", "after")
    },
    "learning_curve": "Training and validation loss by epoch in the final training",
    "surface": "Validation mIoU of every smoothing and threshold",
    "steps": "The steps of the post-processing on one square",
    "reliability": "Share of solid by the probability of solid, before and after calibration",
    "histograms": "Grey values of every sample",
    "gradient": "Mean grey value along the axis of the gradient, the fitted line, and what is left",
    "classes": "Grey values of labelled pores and solid",
}


def read_tables(files: Iterable[Path], prefix: str = "") -> Iterator[Table]:
    """Read tables that commands wrote, with cells as text; damaged ones are left out."""
    for path in in_order(files):
        with leaving_out():
            yield Table(_joined(prefix, path.stem), title_of(path.stem), read_csv(path))


@contextmanager
def leaving_out() -> Iterator[None]:
    """Turn a ``UserError`` into a warning, and continue without the damaged file."""
    try:
        yield
    except UserError as error:
        print(f"warning: {str(error).rstrip('.')}; {LEFT_OUT}.", file=sys.stderr)


def read_picture(path: Path, prefix: str = "") -> Picture:
    """Read a figure that a command drew; older versions did not draw an SVG."""
    drawing = path.with_suffix(".svg")
    svg = drawing.read_bytes() if drawing.is_file() else None
    return Picture(_joined(prefix, path.stem), title_of(path.stem), path.read_bytes(), svg)


def filled(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table without empty columns.

    >>> list(filled([{"volume": "A", "seeds": "", "note": ""}, {"volume": "B", "note": "few"}]))
    ['volume', 'note']
    """
    table = pd.DataFrame(rows).fillna("")
    return table.loc[:, (table != "").any()]


def pictures_in(
    folder: Path, prefix: str, drawn: Collection[str] | None = None
) -> tuple[Picture, ...]:
    """Read every figure in a folder, or only those named in ``drawn`` if given."""
    files = visible(folder, "*.png")
    if drawn is not None:
        files = [file for file in files if file.name in drawn]
    return tuple(read_picture(file, prefix) for file in in_order(files))


def in_order(files: Iterable[Path]) -> list[Path]:
    """Sort files for a page: those with a title first, in the order of ``TITLES``."""
    order = {stem: position for position, stem in enumerate(TITLES)}
    return sorted(files, key=lambda path: (order.get(path.stem, len(order)), path.stem))


def title_of(stem: str) -> str:
    """Return the title of a file, or its name in words if it has none.

    >>> title_of("boxes"), title_of("tables-ranking")
    ('Validation mIoU of every seed', 'Ranking')
    """
    if stem.startswith("squares_"):
        sample = name_of(stem.removeprefix("squares_"))
        return f"Labelled squares of {sample}, with the outline of the pores"
    words = stem.removeprefix("tables-").removeprefix("table-").replace("_", " ").replace("-", " ")
    return TITLES.get(stem) or words[:1].upper() + words[1:]


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}-{name}" if prefix else name


def interval_text(ends: Iterable[float | None] | None) -> str:
    """Format the ends of an interval in per cent, or return "" if one is unknown.

    >>> interval_text((0.2, 0.4)), interval_text(None)
    ('[20.00, 40.00]', '')
    """
    low, high = ends or (None, None)
    if low is None or high is None:
        return ""
    return f"[{100 * low:.2f}, {100 * high:.2f}]"


def percent(share: float | None) -> str:
    """Format a share in per cent, or return "" if unknown."""
    return "" if share is None else f"{100 * share:.2f}"
