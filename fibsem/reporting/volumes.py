"""Section of a report on segmented volumes: porosity, by slice, and one slice of each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fibsem.analysis import figures
from fibsem.analysis.porosity_told import (
    by_slices_text,
    members_text,
    no_interval_text,
    one_pixel_off_text,
)
from fibsem.errors import UserError
from fibsem.quantification.segmented import SAME_SHARE, limits_of_labels
from fibsem.reporting.browser import Layers
from fibsem.reporting.films import labelled_porosity, names_of
from fibsem.reporting.items import filled, interval_text, percent, read_picture
from fibsem.reporting.measured import FinishedLabels, is_of
from fibsem.reporting.page import Picture, Section, Table
from fibsem.reporting.results import Results
from fibsem.system.file_names import visible
from fibsem.system.summaries import QuantificationSummary, SegmentationSummary
from fibsem.system.summaries.porosity import FilmPorosity


def segmentations(results: Results, folder: Path, browser: str | None) -> Section:
    """Return the section on segmented volumes: porosity, by slice, and one slice of each.

    ``browser`` is the name of the slice browser, which is linked, or None.
    """
    films = results.of(SegmentationSummary)
    folders = [result.folder for result in films]
    names = dict(zip(folders, names_of(folders), strict=True))
    rows = [
        {
            "volume": names[result.folder],
            **_porosity(labelled_porosity(result, results)),
            "size (z, y, x)": " x ".join(map(str, result.summary.shape)),
            "missing slices": len(result.summary.missing),
            "model": _model(result, results.dataset),
            "mode": result.summary.mode,
            "precision": result.summary.precision,
            "time (s)": f"{result.summary.seconds:.0f}",
        }
        for result in films
    ]
    title = (
        "Porosity of segmented volumes, also as the film's own test squares correct it; beside it, "
        "in no interval: outlines drawn one pixel off, members, seeds, annotators, and the slices"
    )
    items: list[Table | Picture] = [Table("segmentations", title, filled(rows))]
    by_slice = {names[film.folder]: porosity_by_slice(film, results) for film in films}
    drawn = figures.porosity_by_slice(by_slice)
    path = figures.save(drawn, folder / "figures" / "porosity_by_slice.png")
    items.append(read_picture(path))
    for labelled_in, name in names.items():
        previews = visible(labelled_in / "previews", "*.png")
        if previews:
            middle = previews[len(previews) // 2]
            title = f"{name}, {middle.stem.replace('_', ' ')}: grey values, and the pores found"
            items.append(Picture(f"preview-{name}", title, middle.read_bytes()))
    link = browser and ("Slices of every volume, with slider, layers and zoom", browser)
    notes = [
        f"{names[film.folder]}: {limit}."
        for film in films
        for limit in limits_of_labels(film.summary)
    ]
    return Section("Segmented volumes", tuple(notes), items=tuple(items), link=link or None)


def slices_of(results: Results) -> list[Layers]:
    """Return the segmented volumes with readable labels, for the slice browser."""
    segmented = results.of(SegmentationSummary)
    films = [
        Layers.of(name, result.folder, result.summary, labelled_porosity(result, results))
        for name, result in zip(
            names_of([result.folder for result in segmented]), segmented, strict=True
        )
    ]
    return [film for film in films if "labels" in film.volumes]


def _porosity(film: FilmPorosity) -> dict[str, str]:
    """Return the cells on porosity: map, corrected by test squares, spreads and shifts."""
    interval, seeds, people = film.porosity_interval, film.porosity_by_seed, film.agreement
    return {
        "porosity %": percent(film.porosity),
        "corrected %": percent(film.porosity_corrected),
        "95 % by squares": interval_text(interval.volume if interval else None),
        "no interval": no_interval_text(film),
        "outlines one pixel off": one_pixel_off_text(film),
        "members alone": members_text(film),
        "s.d. over seeds, points": percent(seeds.sd if seeds else None),
        "seeds on": (seeds.on or "") if seeds and seeds.sd is not None else "",
        "annotators apart, points": percent(people.porosity_difference if people else None),
        "over slices, were the map true": by_slices_text(film),
    }


def porosity_by_slice(
    segmentation: FinishedLabels, results: Results
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the porosity of every slice, (z,), measured again if labels were corrected by hand."""
    for measured in reversed(results.of(QuantificationSummary)):
        mended = abs(measured.summary.porosity - segmentation.summary.porosity) > SAME_SHARE
        profile = measured.folder / "profile.csv"
        if mended and is_of(measured, segmentation) and profile.is_file():
            return _by_slice(profile, segmentation.summary.shape[0], "quantify")
    return porosity_of(segmentation)


def porosity_of(segmentation: FinishedLabels) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the porosity of every slice of a segmentation, (z,); nan for missing slices.

    Raises
    ------
    UserError
        If its table is damaged.
    """
    return _by_slice(segmentation.folder / "porosity.csv", segmentation.summary.shape[0], "segment")


def _by_slice(file: Path, depth: int, command: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Read the porosity of every slice, (z,), from a table that a command wrote.

    Raises
    ------
    UserError
        If the table is damaged.
    """
    try:
        shares = pd.read_csv(file)["porosity"].to_numpy(np.float64)
    except (OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
    else:
        porosities = shares[~np.isnan(shares)]
        if len(shares) != depth:
            reason = f"{len(shares)} of {depth} slices"
        elif ((porosities < 0) | (porosities > 1)).any():
            reason = "a porosity that is no share"
        else:
            return shares
    raise UserError(
        f"a table must be whole, but {file} is damaged ({reason}); the same fibsem.{command} "
        "writes it again."
    )


def _model(result: FinishedLabels, dataset: str) -> str:
    """Describe the model of a volume: registered versions, networks, and training dataset."""
    film, learnt = result.summary, result.lineage.dataset
    training = f", trained on {learnt}" if learnt not in (None, dataset) else ""
    counts = Counter(film.members).items()
    members = ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts)
    versions = [version for version in film.versions if version]
    return (f"version {', '.join(versions)} ({members})" if versions else members) + training
