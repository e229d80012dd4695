"""Sections of a report: the results on a dataset, by command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from fibsem.analysis import tables
from fibsem.data.dataset.split import SPLITS
from fibsem.evaluation.comparison import draw_cells, write_tables
from fibsem.reporting.agreement import agreement_text
from fibsem.reporting.items import (
    interval_text,
    percent,
    pictures_in,
    read_picture,
    read_tables,
)
from fibsem.reporting.page import Picture, Section, Table
from fibsem.reporting.results import FinishedCommand, Results
from fibsem.system.file_names import visible
from fibsem.system.files import known_json
from fibsem.system.summaries import (
    EvaluationSummary,
    InspectionSummary,
    PromotionSummary,
    SweepSummary,
    TrialRow,
    trial_rows,
)
from fibsem.system.summaries.inspection import InspectedSample
from fibsem.system.summaries.lineage import Lineage
from fibsem.system.summaries.promotion import Calibrated
from fibsem.training.scoring.objectives import OBJECTIVES

#: One trial of a sweep's ``trials.json``.
TableRow = Mapping[str, Any]
#: Largest number of trials of a sweep that are listed.
SHOWN = 10


def evaluations(results: Results, folder: Path) -> Section:
    """Return tables and figures over all evaluations.

    They are also written into ``tables`` and ``figures`` of the folder.
    """
    evaluated = results.of(EvaluationSummary)
    cells = {result.folder: result.summary for result in evaluated}
    files = write_tables(cells, folder / "tables")
    items: list[Table | Picture] = [*read_tables(file for file in files if file.suffix == ".csv")]
    items += [read_picture(file) for file in draw_cells(cells, folder / "figures")]
    best = max(evaluated, key=lambda result: result.summary.val.miou.mean)
    name = tables.name_of(best.summary)
    pictures = pictures_in(best.folder / "figures", f"evaluation-{best.folder.name}")
    subsection = Section(f"Best on validation: {name}", command=_made(best), items=pictures)
    return Section(
        "Evaluations",
        ("Every configuration was trained with several seeds. Figures on balanced pixels are at "
         "threshold 0.5, on the same pieces of the labelled regions for all; how many of their "
         "pixels are scored depends on the network, but with train.validation=lattice.",),
        items=tuple(items),
        parts=(subsection,),
    )  # fmt: skip


def sweeps(results: Results) -> Section:
    """Return a table with a row for each sweep, and the best trials and figures of each."""
    swept = results.of(SweepSummary)
    rows = [
        {
            "sweep": sweep.study,
            **asdict(sweep.trials),
            "objective": sweep.objectives[0],
            "best": _figure(sweep.best.value) if sweep.best else "",
            "validation mIoU": _figure(sweep.best.val["miou"]) if sweep.best else "",
            "validation pore IoU, median of squares": _figure(
                sweep.best.iou_pore_median if sweep.best else None
            ),
            "time (min)": f"{sweep.seconds / 60:.1f}",
        }
        for sweep in (result.summary for result in swept)
    ]
    table = Table("sweeps", "Sweeps: trials, and the best one on validation", pd.DataFrame(rows))
    return Section("Sweeps", items=(table,), parts=tuple(_sweep(result) for result in swept))


def _sweep(result: FinishedCommand[SweepSummary]) -> Section:
    study, goal = result.summary.study, result.summary.objectives[0]
    path = result.folder / "trials.json"
    trials = [
        row
        for row in known_json(path, partial(trial_rows, goal=goal)) or []
        if row.state == "complete"
    ]
    trials.sort(key=lambda row: row.columns[goal], reverse=OBJECTIVES.get(goal) == "maximize")
    trials.sort(key=lambda row: bool(row.infeasible))
    items: list[Table | Picture] = []
    if trials:
        items.append(_trials(f"trials-{study}", goal, trials))
    items += pictures_in(result.folder / "figures", f"sweep-{study}")
    return Section(study, command=_made(result), items=tuple(items))


def _trials(name: str, goal: str, trials: Sequence[TrialRow]) -> Table:
    """Return a table of the first of a sweep's trials, which are sorted, best first.

    Trials beyond a bound of the search come last, with the reason.
    """
    listed, beyond = trials[:SHOWN], sum(bool(row.infeasible) for row in trials)
    best = sum(not row.infeasible for row in listed)
    title = f"The best {best} of {len(trials)} complete trials by {goal}"
    if beyond:
        title += f"; {beyond} beyond a bound of the search, which are never the best"
    reasons = [{"reason": row.reason} if row.infeasible else {} for row in listed]
    rows = [
        {"trial": row.slot,
         **{key.removeprefix("model.").removeprefix("train."): _figure(value)
            for key, value in row.columns.items()},
         **reason}
        for row, reason in zip(listed, reasons, strict=True)
    ]  # fmt: skip
    return Table(name, title, pd.DataFrame(rows))


def promotions(results: Results) -> Section:
    """Return a table with a row for each promotion, newest first, and the tables of each."""
    promoted = results.of(PromotionSummary)[::-1]
    rows = [
        {
            "version": summary.version,
            "gate": "passed" if summary.gate.passed else "refused",
            "reason": summary.gate.reason,
            "validation mIoU": _figure(summary.val_all.miou),
            "test mIoU": _figure(summary.test_all.miou),
            # a record of an older version lacks the key
            "test pore IoU, median of squares": _figure(summary.test_all.iou_pore_median),
            "test porosity %": percent(summary.test_all.porosity),
            "labelled porosity %": percent(summary.test_all.label_porosity),
            "post-processing": _named(summary.postprocessing),
        }
        for summary in (result.summary for result in promoted)
    ]
    title = "Promotions: figures on every labelled pixel, with post-processing"
    table = Table("promotions", title, pd.DataFrame(rows))
    parts = tuple(_promotion(result) for result in promoted)
    return Section("Promotions", items=(table,), parts=parts)


def _promotion(result: FinishedCommand[PromotionSummary]) -> Section:
    name = f"version-{result.summary.version}"
    files = visible(result.folder, "table*.csv", "tables/*.csv")
    items: list[Table | Picture] = [*read_tables(files, prefix=name)]
    items += pictures_in(result.folder / "figures", name)
    title = f"Version {result.summary.version}"
    text = (*_descent(result.lineage), *_character(result.summary))
    return Section(title, text, _made(result), tuple(items))


def _character(promotion: PromotionSummary) -> Iterator[str]:
    """Yield sentences on calibration and ensemble, if they were recorded."""
    if (calibration := promotion.calibration) is not None:
        yield (
            f"Temperature {calibration.temperature:.3f}, offset {calibration.offset:+.3f} of the "
            "logits; expected calibration error on the validation pixels "
            f"{calibration.ece_before:.4f} before it and {calibration.ece_after:.4f} with it."
        )
        before, after = calibration.test_ece_before, calibration.test_ece_after
        if before is not None and after is not None:
            yield (
                f"On the test pixels it is {before:.4f} before and {after:.4f} with "
                f"it{_by_sample(calibration)}."
            )
    if (ensemble := promotion.ensemble) is not None:
        yield (
            f"Mean of {ensemble.members} networks: test mIoU {ensemble.gain_test_miou:+.4f} "
            f"against the first of them, at {ensemble.cost_ratio:.1f} times the cost."
        )


def _by_sample(calibration: Calibrated) -> str:
    """Format the calibration errors by sample, or return "" for fewer than two samples."""
    errors = calibration.test_by_sample or {}
    texts = [
        f"{name} {sample_errors.ece_before:.4f} and {sample_errors.ece_after:.4f}"
        for name, sample_errors in sorted(errors.items())
        # None if its test squares have no labelled pixel
        if sample_errors.ece_before is not None and sample_errors.ece_after is not None
    ]
    return f"; by sample {', '.join(texts)}" if len(texts) > 1 else ""


def _descent(lineage: Lineage) -> tuple[str, ...]:
    """Return a sentence on the sweep and trial of a promoted model, or () if unknown."""
    trial = lineage.trial
    if not trial.name:
        return ()
    return (
        f"From trial {trial.name} (seed {trial.seed}) of sweep {lineage.sweep.study}, "
        f"promoted with code {lineage.code}.",
    )


def champions(history: pd.DataFrame) -> Section:
    """Return a table of all registered versions with their current aliases."""
    table = Table("champions", "Registered versions, oldest first", history)
    return Section("Champions", ("Of all datasets in this store.",), items=(table,))


def inspection(result: FinishedCommand[InspectionSummary]) -> Section:
    """Return tables of grey values and labels of the samples."""
    inspected = result.summary
    samples = inspected.samples.items()
    greys = pd.DataFrame([_grey_values(name, sample) for name, sample in samples])
    labels = pd.DataFrame([_labels(name, sample) for name, sample in samples])
    z, y, x = (f"{nm:g}" if nm else "unknown" for nm in inspected.voxel_nm)
    return Section(
        "Data",
        (
            f"Voxel size (z, y, x): {z} x {y} x {x} nm.",
            *(f"Look at this: {warning}." for warning in inspected.warnings),
            *(
                f"{name}: {agreement_text(sample.agreement)}."
                for name, sample in samples
                if sample.agreement
            ),
        ),
        items=(
            Table("grey-values", "Grey values in [0, 1]", greys),
            Table("labels", "Labels, and their porosity with its interval over places", labels),
            *pictures_in(result.folder, "data", inspected.figures),
        ),
    )


def _grey_values(name: str, sample: InspectedSample) -> TableRow:
    return {
        "sample": name,
        "size (z, y, x)": " x ".join(map(str, sample.shape)),
        "dtype": sample.dtype,
        "mean": f"{sample.mean:.3f}",
        "s.d.": f"{sample.std:.3f}",
        "median": f"{sample.median:.3f}",
        "slope per 1000 px": f"{1000 * sample.gradient:+.4f}",
    }


def _labels(name: str, sample: InspectedSample) -> TableRow:
    return {
        "sample": name,
        **{f"{split} regions": getattr(sample.regions, split) for split in SPLITS},
        "porosity %": percent(sample.porosity),
        "95 % interval": interval_text(sample.porosity_ci),
        "expected porosity %": percent(sample.expected_porosity),
    }


def _made(result: FinishedCommand[Any]) -> str:
    """Return the command that made a result, or "" if not recorded."""
    command = result.lineage.promotion.command
    return (command if result.kind == "promotion" else result.origin.command) or ""


def _named(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {_figure(value)}" for key, value in values.items())


def _figure(value: Any) -> str:
    """Format a value: floats with four digits, None as ""."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
