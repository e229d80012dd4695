"""What people look at of a promotion: the tables of the study, its figures, the model card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fibsem.analysis import encoding, figures, tables
from fibsem.analysis.calibration import Calibration
from fibsem.analysis.metrics import pooled
from fibsem.analysis.postprocessing import PostProcessing, ScoredSquare, SearchGrid
from fibsem.data.dataset import Region
from fibsem.data.split import SPLITS
from fibsem.promotion.final import Final
from fibsem.training.squares import CHOSEN, HALF, SquareCounts, confusions

Record = Mapping[str, Any]


def write_tables(record: Record, folder: Path) -> list[Path]:
    """Write every table of a promotion as CSV, Markdown and LaTeX; returns the files.

    The ranking, all labelled pixels before and after post-processing by sample and combined
    (Tables 4.10 and 4.12), and the confusion matrices of both (Table 4.9).
    """
    squares = [SquareCounts.from_json(row) for row in record["squares"]]
    made = {"ranking": tables.ranking(record["ranking"]), "labelled": _labelled(record["squares"])}
    for split in SPLITS:
        for kind, name in ((HALF, "before"), (CHOSEN, "after")):
            counts = pooled(confusions(squares, split, kind)).counts
            made[f"confusion-{split}-{name}"] = tables.confusion(counts)
    return [file for name in made for file in encoding.write(made[name], folder, name)]


def _labelled(squares: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Every labelled pixel, before and after post-processing."""
    return tables.post_processing(squares, HALF, CHOSEN)


def draw(
    finals: Sequence[Final],
    calibration: Calibration,
    grid: SearchGrid,
    surface: Sequence[object],
    best: PostProcessing,
    square: tuple[Region, ScoredSquare],
    folder: Path,
) -> list[Path]:
    """Draw learning curves, the surface of the search, its steps on one square, reliability."""
    region, scored = square
    volume = finals[0].material.dataset.sample(region.sample).volume
    drawn = {
        "learning_curve": figures.learning_bands(
            {name: _losses(some) for name, some in by_trial(finals).items()}
        ),
        "reliability": figures.reliability(calibration),
        "steps": figures.postprocessing_steps(volume.read_unit(region.box)[0], scored, best),
    }
    if min(len(grid.sigmas), len(grid.thresholds)) > 1:
        drawn["surface"] = figures.postprocessing_surface(np.asarray(surface, float), grid, best)
    return [figures.save(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def by_trial(finals: Sequence[Final]) -> dict[str, list[Final]]:
    """Members by the name of what they repeat, in order."""
    members: dict[str, list[Final]] = {}
    for final in finals:
        members.setdefault(final.trial.name, []).append(final)
    return members


def _losses(finals: Sequence[Final]) -> tuple[list[list[float]], list[list[float]]]:
    """Training and validation loss by epoch, of every member."""
    histories = [final.result.history for final in finals]
    return (
        [[epoch.train_loss for epoch in history] for history in histories],
        [[epoch.val["loss"] for epoch in history] for history in histories],
    )


def _each(values: Iterable[object]) -> str:
    """What the members have, each value once."""
    return " + ".join(dict.fromkeys(map(str, values)))


def card_facts(finals: Sequence[Final], record: Record) -> Mapping[str, object]:
    """What the model card says, of what a promotion knows."""
    final = finals[0]
    config, dataset = final.material.config, final.material.dataset
    labelled = _labelled(record["squares"])
    specs = [one.material.config.spec for one in finals]
    facts: dict[str, object] = {
        "model": {
            "name": _each(spec.name for spec in specs),
            "nbhd": _each(spec.nbhd for spec in specs),
            "padding": _each(spec.padding for spec in specs),
            "field": list(dict.fromkeys(spec.sees for spec in specs)),
            "parameters": list(dict.fromkeys(one.result.parameters for one in finals)),
            "members": len(finals),
        },
        "data": {
            "name": dataset.name,
            "hash": dataset.hash,
            "samples": [sample.name for sample in dataset.samples],
            "voxel_nm": list(dataset.voxel_nm),
            "regions": {split: len(dataset.regions(split)) for split in SPLITS},
        },
        "training": {
            "epochs": final.result.epochs,
            "seconds": sum(one.result.train_seconds for one in finals),
            "share": config.train.share,
            "seeds": [one.seed for one in finals],
        },
        "tables": {
            "All labelled pixels, before and after post-processing": labelled.to_dict("records")
        },
        **{key: record[key] for key in ("postprocessing", "calibration", "gate", "test_all")},
        "lineage": {
            "study": final.trial.study,
            "trial": final.trial.name,
            "run_id": record["run_id"],
            "code": record["lineage"]["code"],
        },
    }
    if "ensemble" in record:
        facts["ensemble"] = {
            "members": record["ensemble"]["members"],
            "gain_miou": record["ensemble"]["gain_test_miou"],
            "cost_ratio": record["ensemble"]["cost_ratio"],
        }
    return facts
