"""What a report says of the structure of films: the summaries of ``fibsem.quantify``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
from fibsem.reporting.items import filled, leaving_out, read_picture
from fibsem.reporting.measured import current, outdated, segmentation_of
from fibsem.reporting.page import Picture, Section, Table
from fibsem.reporting.results import FinishedCommand, Record, Results
from fibsem.system.records import typed
from fibsem.system.summaries.figures import Labelled

#: What is said of a film instead of the structure of its former labels.
ANEW = "it was labelled anew after its structure was measured; python -m fibsem.quantify does again"

Array = npt.NDArray[np.float64]


def quantifications(results: Results, folder: Path) -> Section:
    """Structure of every segmentation that was quantified, the latest of each.

    Figures are drawn into ``figures`` of the folder, from the tables that stand there.
    """
    latest = latest_of(results)
    rows = [_row(name, result.record) for name, result in latest.items()]
    notes = [f"{name}: {ANEW}." for name in names_of(outdated(results))]
    notes += [
        f"{name}: {note}."
        for name, result in latest.items()
        for note in (*result.record["limits"], carried_text(result.record))
        if note
    ]
    tables = [Table("structure", "Structure of segmented volumes", filled(rows))] if rows else []
    items: tuple[Table | Picture, ...] = (*tables, *_curves(latest, folder / "figures"))
    return Section("Structure", tuple(notes), items=items)


def _curves(latest: Mapping[str, FinishedCommand], folder: Path) -> Iterator[Picture]:
    """Pore sizes, and porosity by parts: of all films whose lengths are in one unit together."""
    for unit in dict.fromkeys(result.record["unit"] for result in latest.values()):
        films = {name: one for name, one in latest.items() if one.record["unit"] == unit}
        ending = "" if unit == "nm" else f"_{unit}"
        for stem, draw, file in (
            ("pore_sizes", figures.pore_sizes, "pore_sizes.csv"),
            ("porosity_of_parts", figures.porosity_of_parts, "parts.csv"),
        ):
            read = {name: _columns(one, file) for name, one in films.items()}
            if curves := {name: columns for name, columns in read.items() if columns}:
                path = figures.save(draw(curves, unit), folder / f"{stem}{ending}.png")
                yield read_picture(path)


def _columns(measured: FinishedCommand, file: str) -> tuple[Array, ...]:
    """The columns of a table as numbers, but for the count of parts; none where there is none.

    A table that its summary does not name is of a former quantification of that folder.
    """
    path = measured.folder / file
    if file not in (measured.record.get("tables") or [file]) or not path.is_file():
        return ()
    table = pd.DataFrame()
    with leaving_out(), naming(path):
        table = pd.read_csv(path).drop(columns="parts", errors="ignore").astype(np.float64)
    return tuple(table[name].to_numpy() for name in table) if len(table) else ()


def latest_of(results: Results) -> dict[str, FinishedCommand]:
    """The latest quantification of the labels of each segmentation, by a name that tells it apart.

    Labels that were made anew since are other ones: their structure is not known.
    """
    measured = {}
    for one in current(results):
        home = segmentation_of(one, results)
        measured[home.folder if home else Path(one.record["segmentation"])] = one
    return dict(zip(names_of(measured), measured.values(), strict=True))


def connected_text(record: Record) -> str:
    """Whether pores lead through, and how wide they are.

    >>> sizes = {"median": 168.2, "p10": 105.0, "p90": 259.8}
    >>> told = {"percolates": {"z": None, "y": True, "x": False}, "unit": "nm", "connectivity": 6}
    >>> connected_text({**told, "pore_size_nm": sizes})
    'pores lead through along z ?, y yes, x no (6 neighbours); pore size 168 nm (80 %: 105 to 260)'
    """
    through = ", ".join(f"{axis} {_yes(leads)}" for axis, leads in record["percolates"].items())
    text = f"pores lead through along {through} ({record['connectivity']} neighbours)"
    sizes = record[f"pore_size_{record['unit']}"]
    if sizes["median"] is None:
        return text
    median, low, high = (size_text(sizes[key]) for key in ("median", "p10", "p90"))
    return f"{text}; pore size {median} {record['unit']} (80 %: {low} to {high})"


def _row(name: str, record: Record) -> dict[str, Any]:
    unit, film = record["unit"], typed(Labelled, record)
    interval = record["porosity_interval"]
    return {
        "volume": name,
        "porosity %": f"{100 * record['porosity']:.2f}",
        "corrected %": _per_cent(record["porosity_corrected"]),
        "95 % of the film": _ends(interval["volume"]),
        "no interval": no_interval_text(film),
        "95 % of the material": _ends(interval["material"]),
        "film, outlines one pixel off": one_pixel_off_text(film),
        "leads through (z, y, x)": ", ".join(map(_yes, record["percolates"].values())),
        "components": record["components"],
        f"pore size ({unit})": _figure(record[f"pore_size_{unit}"]["median"], 0),
        f"by intrusion ({unit})": _figure(record[f"throat_size_{unit}"]["median"], 0),
        "tortuosity factor (z, y, x)": ", ".join(
            tortuosity_text(record, axis) for axis in record["tortuosity_factor"]
        ),
        f"surface per {'um' if unit == 'nm' else 'voxel'}": _figure(
            record.get("surface_per_um", record.get("surface_per_voxel")), 2
        ),
        "porosity points per pixel of boundary": _per_cent(record["porosity_per_px_of_boundary"]),
    }


def _yes(leads: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[leads]


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _per_cent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def _ends(ends: list[float | None] | None) -> str:
    if not ends or None in ends:
        return ""
    return f"[{', '.join(_per_cent(end) for end in ends)}]"
