"""The sections of a report: what was found out about a dataset, command by command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fibsem.analysis import figures, tables
from fibsem.analysis.porosity_told import (
    by_slices_text,
    members_text,
    no_interval_text,
    one_pixel_off_text,
)
from fibsem.data.split import SPLITS
from fibsem.errors import UserError
from fibsem.evaluation.comparison import draw_cells, write_tables
from fibsem.quantification.segmented import limits_of_labels
from fibsem.reporting.agreement import agreement_text
from fibsem.reporting.browser import Layers
from fibsem.reporting.films import names_of, told_of
from fibsem.reporting.items import filled, in_order, pictures_in, read_picture, read_table
from fibsem.reporting.page import Picture, Section, Table
from fibsem.reporting.results import FinishedCommand, Record, Results
from fibsem.system.files import known_json
from fibsem.system.summaries import trial_rows
from fibsem.system.summaries.figures import Labelled
from fibsem.tracking.lineage import Lineage
from fibsem.training.objectives import OBJECTIVES

#: Trials of a sweep that are listed.
SHOWN = 10


def evaluations(results: Results, folder: Path) -> Section:
    """Tables and figures over all evaluations; they are written into ``tables`` and ``figures``."""
    evaluated = results.of("evaluation")
    cells = {result.folder: result.record for result in evaluated}
    files = write_tables(cells, folder / "tables")
    csv = in_order(file for file in files if file.suffix == ".csv")
    items: list[Table | Picture] = [read_table(file) for file in csv]
    items += [read_picture(file) for file in draw_cells(cells, folder / "figures")]
    best = max(evaluated, key=lambda result: result.record["val"]["miou"]["mean"])
    name = tables.name_of(best.record)
    pictures = pictures_in(best.folder / "figures", f"evaluation-{best.folder.name}")
    part = Section(f"Best on validation: {name}", command=_made(best), items=pictures)
    return Section(
        "Evaluations",
        ("Every configuration was trained with several seeds. Figures on balanced pixels are at "
         "threshold 0.5 and on the same pixels for all.",),
        items=tuple(items),
        parts=(part,),
    )  # fmt: skip


def sweeps(results: Results) -> Section:
    """A row for each sweep, and the best trials and figures of each."""
    swept = results.of("sweep")
    rows = [
        {
            "sweep": result.record["study"],
            **result.record["trials"],
            "objective": result.record["objectives"][0],
            "best": _figure(best["value"]) if best else "",
            "validation mIoU": _figure(best["val"]["miou"]) if best else "",
            "time (min)": f"{result.record['seconds'] / 60:.1f}",
        }
        for result in swept
        for best in [result.record["best"]]
    ]
    table = Table("sweeps", "Sweeps: trials, and the best one on validation", pd.DataFrame(rows))
    return Section("Sweeps", items=(table,), parts=tuple(_sweep(result) for result in swept))


def _sweep(result: FinishedCommand) -> Section:
    study, goal = result.record["study"], result.record["objectives"][0]
    path = result.folder / "trials.json"
    trials = [
        row
        for row in known_json(path, partial(trial_rows, goal=goal)) or []
        if row["state"] == "complete"
    ]
    trials.sort(key=lambda row: row[goal], reverse=OBJECTIVES.get(goal) == "maximize")
    rows = [
        {"trial": row["slot"],
         **{key.removeprefix("model.").removeprefix("train."): _figure(value)
            for key, value in row.items() if key not in ("number", "slot", "state", "reason")}}
        for row in trials[:SHOWN]
    ]  # fmt: skip
    items: list[Table | Picture] = []
    if rows:
        title = f"The best {len(rows)} of {len(trials)} complete trials by {goal}"
        items.append(Table(f"trials-{study}", title, pd.DataFrame(rows)))
    items += pictures_in(result.folder / "figures", f"sweep-{study}")
    return Section(study, command=_made(result), items=tuple(items))


def promotions(results: Results) -> Section:
    """A row for each promotion, newest first, and its own tables and figures."""
    promoted = results.of("promotion")[::-1]
    rows = [
        {
            "version": result.record["version"],
            "gate": "passed" if result.record["gate"]["passed"] else "refused",
            "reason": result.record["gate"]["reason"],
            "validation mIoU": _figure(result.record["val_all"]["miou"]),
            "test mIoU": _figure(result.record["test_all"]["miou"]),
            "test porosity %": _percent(result.record["test_all"].get("porosity")),
            "labelled porosity %": _percent(result.record["test_all"].get("label_porosity")),
            "post-processing": _named(result.record["postprocessing"]),
        }
        for result in promoted
    ]
    title = "Promotions: figures on every labelled pixel, with post-processing"
    table = Table("promotions", title, pd.DataFrame(rows))
    parts = tuple(_promotion(result) for result in promoted)
    return Section("Promotions", items=(table,), parts=parts)


def _promotion(result: FinishedCommand) -> Section:
    name = f"version-{result.record['version']}"
    files = in_order([*result.folder.glob("table*.csv"), *result.folder.glob("tables/*.csv")])
    items: list[Table | Picture] = [read_table(file, prefix=name) for file in files]
    items += pictures_in(result.folder / "figures", name)
    title = f"Version {result.record['version']}"
    text = (*_descent(result.lineage), *_character(result.record))
    return Section(title, text, _made(result), tuple(items))


def _character(record: Record) -> Iterator[str]:
    """Calibration and ensemble in a sentence each, where they were recorded."""
    if calibration := record.get("calibration"):
        yield (
            f"Temperature {calibration['temperature']:.3f}, offset "
            f"{calibration.get('offset', 0.0):+.3f} of the logits; expected calibration error on "
            f"the validation pixels {calibration['ece_before']:.4f} before it and "
            f"{calibration['ece_after']:.4f} with it."
        )
        if "test_ece_after" in calibration:
            yield (
                f"On the test pixels it is {calibration['test_ece_before']:.4f} before and "
                f"{calibration['test_ece_after']:.4f} with it{_by_sample(calibration)}."
            )
    if ensemble := record.get("ensemble"):
        yield (
            f"Mean of {ensemble['members']} networks: test mIoU {ensemble['gain_test_miou']:+.4f} "
            f"against the first of them, at {ensemble['cost_ratio']:.1f} times the cost."
        )


def _by_sample(calibration: Record) -> str:
    """The calibration errors of each sample, where there are several."""
    errors = calibration.get("test_by_sample") or {}
    each = [
        f"{name} {some['ece_before']:.4f} and {some['ece_after']:.4f}"
        for name, some in sorted(errors.items())
        if some["ece_before"] is not None  # nobody labelled a pixel of its test squares
    ]
    return f"; by sample {', '.join(each)}" if len(each) > 1 else ""


def _descent(lineage: Lineage) -> tuple[str, ...]:
    """The sweep and the trial that a promoted model comes from, where they are known."""
    trial = lineage.trial
    if not trial.name:
        return ()
    return (
        f"From trial {trial.name} (seed {trial.seed}) of sweep {lineage.sweep.study}, "
        f"promoted with code {lineage.code}.",
    )


def champions(history: pd.DataFrame) -> Section:
    """Every registered version, and what it is called now."""
    table = Table("champions", "Registered versions, oldest first", history)
    return Section("Champions", ("Of all datasets in this store.",), items=(table,))


def segmentations(results: Results, folder: Path, browser: str | None) -> Section:
    """Porosity of every segmented volume, by slice, and one slice of each.

    ``browser`` is the file with more of their slices.
    """
    films = results.of("segmentation")
    folders = [result.folder for result in films]
    names = dict(zip(folders, names_of(folders), strict=True))
    rows = [
        {
            "volume": names[result.folder],
            **_porosity(told_of(result, results)),
            "size (z, y, x)": " x ".join(map(str, result.record["shape"])),
            "missing slices": len(result.record["missing"]),
            "model": _model(result.record),
            "mode": result.record["mode"],
            "precision": result.record["precision"],
            "time (s)": f"{result.record['seconds']:.0f}",
        }
        for result in films
    ]
    title = (
        "Porosity of segmented volumes, corrected by the film's own test squares; beside it, and "
        "in no interval: outlines drawn one pixel off, members, seeds, annotators, the map and its "
        "slices"
    )
    items: list[Table | Picture] = [Table("segmentations", title, filled(rows))]
    drawn = figures.porosity_by_slice({names[one.folder]: porosity_of(one) for one in films})
    path = figures.save(drawn, folder / "figures" / "porosity_by_slice.png")
    items.append(read_picture(path))
    for where, name in names.items():
        previews = sorted((where / "previews").glob("*.png"))
        if previews:
            middle = previews[len(previews) // 2]
            title = f"{name}, {middle.stem.replace('_', ' ')}: grey values, and the pores found"
            items.append(Picture(f"preview-{name}", title, middle.read_bytes()))
    link = browser and ("Slices of every volume, with slider, layers and zoom", browser)
    notes = [
        f"{names[one.folder]}: {limit}." for one in films for limit in limits_of_labels(one.record)
    ]
    return Section("Segmented volumes", tuple(notes), items=tuple(items), link=link or None)


def slices_of(results: Results) -> list[Layers]:
    """The segmented volumes whose labels can be read, for the browser of slices."""
    segmented = results.of("segmentation")
    films = [
        Layers.of(name, result.folder, result.record)
        for name, result in zip(names_of([one.folder for one in segmented]), segmented, strict=True)
    ]
    return [film for film in films if "labels" in film.volumes]


def _porosity(film: Labelled) -> dict[str, str]:
    """Porosity as corrected by a film's own test squares, and what stands beside it; or nothing."""
    interval, seeds, people = film.porosity_interval, film.porosity_by_seed, film.agreement
    return {
        "corrected %": _percent(film.porosity_corrected),
        "95 % by squares": _interval(interval.volume if interval else None),
        "no interval": no_interval_text(film),
        "outlines one pixel off": one_pixel_off_text(film),
        "members alone": members_text(film),
        "s.d. over seeds, points": _percent(seeds.sd if seeds else None),
        "annotators apart, points": _percent(people.porosity_difference if people else None),
        "porosity %": _percent(film.porosity),
        "over slices, were the map true": by_slices_text(film),
    }


def inspection(result: FinishedCommand) -> Section:
    """Grey values and labels of the samples."""
    samples = result.record["samples"]
    greys = [
        {
            "sample": name,
            "size (z, y, x)": " x ".join(map(str, sample["shape"])),
            "dtype": sample["dtype"],
            "mean": f"{sample['mean']:.3f}",
            "s.d.": f"{sample['std']:.3f}",
            "median": f"{sample['median']:.3f}",
            "slope per 1000 px": f"{1000 * sample['gradient']:+.4f}",
        }
        for name, sample in samples.items()
    ]
    labels = [
        {
            "sample": name,
            **{f"{split} regions": sample["regions"][split] for split in SPLITS},
            "porosity %": _percent(sample["porosity"]),
            "95 % interval": _interval(sample["porosity_ci"]),
            "expected porosity %": _percent(sample["expected_porosity"]),
        }
        for name, sample in samples.items()
    ]
    z, y, x = (f"{nm:g}" if nm else "unknown" for nm in result.record["voxel_nm"])
    return Section(
        "Data",
        (f"Voxel size (z, y, x): {z} x {y} x {x} nm.",
         *(f"Look at this: {warning}." for warning in result.record["warnings"]),
         *(f"{name}: {agreement_text(sample['agreement'])}." for name, sample in samples.items()
           if sample.get("agreement"))),
        items=(
            Table("grey-values", "Grey values in [0, 1]", pd.DataFrame(greys)),
            Table("labels", "Labels, and their porosity with its interval over regions",
                  pd.DataFrame(labels)),
            *pictures_in(result.folder, "data"),
        ),
    )  # fmt: skip


def porosity_of(segmentation: FinishedCommand) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Porosity of every slice of a segmentation, (z,); nan for one that is missing."""
    file, depth = segmentation.folder / "porosity.csv", segmentation.record["shape"][0]
    try:
        shares = pd.read_csv(file)["porosity"].to_numpy(np.float64)
    except (OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
    else:
        if len(shares) == depth:
            return shares
        reason = f"{len(shares)} of {depth} slices"
    raise UserError(
        f"a table must be whole, but {file} is damaged ({reason}); the same fibsem.segment writes "
        "it again."
    )


def _made(result: FinishedCommand) -> str:
    """The command that made a result, where it says so."""
    made_by = result.lineage.promotion.command
    return str((made_by if result.kind == "promotion" else result.record.get("command")) or "")


def _model(record: Record) -> str:
    """The registered versions that labelled a volume, and what its networks are."""
    counts = Counter(map(str, record["members"])).items()
    members = ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts)
    versions = [version for version in record.get("versions", ()) if version]
    return f"version {', '.join(versions)} ({members})" if versions else members


def _named(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {_figure(value)}" for key, value in values.items())


def _interval(ends: Iterable[float | None] | None) -> str:
    low, high = ends or (None, None)
    if low is None or high is None:
        return ""
    return f"[{100 * low:.2f}, {100 * high:.2f}]"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def _figure(value: Any) -> str:
    """Numbers to four digits, all else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
