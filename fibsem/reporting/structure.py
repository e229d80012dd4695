"""Section of a report on the structure of films, from the summaries of ``fibsem.quantify``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from fibsem.analysis import figures
from fibsem.analysis.encoding import naming
from fibsem.analysis.porosity_told import no_interval_text, one_pixel_off_text
from fibsem.quantification.carried import carried_text
from fibsem.quantification.passages import tortuosity_text
from fibsem.quantification.summary import size_text
from fibsem.reporting.films import names_of
from fibsem.reporting.items import filled, interval_text, leaving_out, percent, read_picture
from fibsem.reporting.measured import Measured, current, outdated, segmentation_of
from fibsem.reporting.page import Picture, Section, Table
from fibsem.reporting.results import Results
from fibsem.system.summaries import QuantificationSummary

#: Note on a film whose labels are newer than its quantification.
ANEW = "it was labelled anew after its structure was measured; python -m fibsem.quantify does again"

Array = npt.NDArray[np.float64]


def quantifications(results: Results, folder: Path) -> Section:
    """Return the section on structure, from the latest quantification of each segmentation.

    Figures are drawn from the tables of the quantifications into ``figures`` of the folder.
    """
    latest = latest_of(results)
    rows = [_row(name, result.summary) for name, result in latest.items()]
    notes = [f"{name}: {ANEW}." for name in names_of(outdated(results))]
    notes += [
        f"{name}: {note}."
        for name, result in latest.items()
        for note in (*result.summary.limits, carried_text(result.summary))
        if note
    ]
    tables = [Table("structure", "Structure of segmented volumes", filled(rows))] if rows else []
    items: tuple[Table | Picture, ...] = (*tables, *_curves(latest, folder / "figures"))
    return Section("Structure", tuple(notes), items=items)


def _curves(latest: Mapping[str, Measured], folder: Path) -> Iterator[Picture]:
    """Yield figures of pore sizes and of porosity by parts, for films with a common unit."""
    for unit in dict.fromkeys(result.summary.unit for result in latest.values()):
        films = {name: result for name, result in latest.items() if result.summary.unit == unit}
        ending = "" if unit == "nm" else f"_{unit}"
        for stem, draw, file in (
            ("pore_sizes", figures.pore_sizes, "pore_sizes.csv"),
            ("porosity_of_parts", figures.porosity_of_parts, "parts.csv"),
        ):
            read = {name: _columns(result, file) for name, result in films.items()}
            if curves := {name: columns for name, columns in read.items() if columns}:
                path = figures.save(draw(curves, unit), folder / f"{stem}{ending}.png")
                yield read_picture(path)


def _columns(measured: Measured, file: str) -> tuple[Array, ...]:
    """Return the numeric columns of a table without the number of parts, or () if missing.

    Tables that the summary does not name are ignored: they are of a former quantification.
    """
    path = measured.folder / file
    if file not in (measured.summary.tables or [file]) or not path.is_file():
        return ()
    table = pd.DataFrame()
    with leaving_out(), naming(path):
        table = pd.read_csv(path).drop(columns="parts", errors="ignore").astype(np.float64)
    return tuple(table[name].to_numpy() for name in table) if len(table) else ()


def latest_of(results: Results) -> dict[str, Measured]:
    """Return the latest quantification of each segmentation's labels, by a unique name.

    Quantifications of labels that were made again since are left out.
    """
    measured: dict[object, tuple[Path, Measured]] = {}
    for result in current(results):
        home = segmentation_of(result, results)
        folder = home.folder if home else Path(result.summary.segmentation)
        # a relative path is ambiguous if the labels are elsewhere
        content = (
            (result.summary.labelling, result.summary.shape) if not folder.is_absolute() else ()
        )
        labels = home.folder if home else (folder, *content)
        measured[labels] = folder, result
    names = names_of(folder for folder, _ in measured.values())
    return dict(zip(names, (result for _, result in measured.values()), strict=True))


def connected_text(film: QuantificationSummary) -> str:
    """Describe percolation and pore size in one line.

    For example "pores lead through along z ?, y yes, x no (6 neighbours); pore size 168 nm (80 %:
    105 to 260)".
    """
    through = ", ".join(f"{axis} {_yes(leads)}" for axis, leads in film.percolates.items())
    text = f"pores lead through along {through} ({film.connectivity} neighbours)"
    sizes = film.pore_sizes
    if sizes.median is None:
        return text
    median, low, high = map(size_text, (sizes.median, sizes.p10, sizes.p90))
    return f"{text}; pore size {median} {film.unit} (80 %: {low} to {high})"


def _row(name: str, film: QuantificationSummary) -> dict[str, str | int]:
    unit, interval = film.unit, film.porosity_interval
    return {
        "volume": name,
        "porosity %": percent(film.porosity),
        "corrected %": percent(film.porosity_corrected),
        "95 % of the film": interval_text(interval.volume),
        "no interval": no_interval_text(film),
        "95 % of the material": interval_text(interval.material),
        "film, outlines one pixel off": one_pixel_off_text(film),
        "leads through (z, y, x)": ", ".join(map(_yes, film.percolates.values())),
        "components": film.components,
        f"pore size ({unit})": _figure(film.pore_sizes.median, 0),
        f"by intrusion ({unit})": _figure(film.throat_sizes.median, 0),
        "tortuosity factor (z, y, x)": ", ".join(
            tortuosity_text(film, axis) for axis in film.tortuosity_factor
        ),
        f"surface per {'um' if unit == 'nm' else 'voxel'}": _figure(film.surface, 2),
        "porosity points per pixel of boundary": percent(film.porosity_per_px_of_boundary),
    }


def _yes(leads: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[leads]


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
