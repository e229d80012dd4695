"""What people look at of a promotion: the tables of the thesis, its figures, the model card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from fibsem.analysis import encoding, figures, tables
from fibsem.analysis.metrics import pooled
from fibsem.data.dataset.split import SPLITS
from fibsem.inference.model.segmenter import Scorer
from fibsem.promotion.choice import Chosen
from fibsem.promotion.folder import FIGURES, TABLES
from fibsem.promotion.record import Challenger
from fibsem.promotion.setting import Promotion
from fibsem.training.material.material import Material
from fibsem.training.scoring.scoring import scored_squares
from fibsem.training.scoring.squares import CHOSEN, HALF, confusions


def write_tables(challenger: Challenger, folder: Path) -> list[Path]:
    """Write every table of a promotion as CSV, Markdown and LaTeX; returns the files.

    The ranking, all labelled pixels before and after post-processing by sample and combined
    (Tables 4.10 and 4.12), and the confusion matrices of both (Table 4.9).
    """
    squares = challenger.figures.squares
    made = {"ranking": tables.ranking(challenger.places), "labelled": challenger.figures.by_sample}
    for split in SPLITS:
        for kind, name in ((HALF, "before"), (CHOSEN, "after")):
            counts = pooled(confusions(squares, split, kind)).counts
            made[f"confusion-{split}-{name}"] = tables.confusion(counts)
    return [file for name in TABLES for file in encoding.write(made[name], folder, name)]


def draw(work: Promotion, chosen: Chosen, challenger: Challenger) -> list[Path]:
    """Draw learning curves, the surface of the search, its steps on one square, reliability."""
    material, choice = challenger.finals[0].material, chosen.choice
    scorer, grid = Scorer(chosen.segmenter), work.given.postprocessing.grid
    region, scored = next(scored_squares(material, scorer, "val", grid.margin))
    grey = material.dataset.sample(region.sample).volume.read_unit(region.box)[0]
    drawn = {
        "learning_curve": figures.learning_bands(challenger.losses),
        "reliability": figures.reliability(choice.calibration),
        "steps": figures.postprocessing_steps(grey, scored, choice.best),
    }
    if min(len(grid.sigmas), len(grid.thresholds)) > 1:
        surface = np.asarray(choice.surface, float)
        drawn["surface"] = figures.postprocessing_surface(surface, grid, choice.best)
    folder, made = work.folder / "figures", [name for name in FIGURES if name in drawn]
    return [figures.save(drawn[name], folder / f"{name}.png") for name in made]


def _each(values: Iterable[object]) -> str:
    """What the members have, each value once."""
    return " + ".join(dict.fromkeys(map(str, values)))


def epoch_facts(material: Material) -> Mapping[str, object]:
    """What an epoch of a training sees.

    In grid mode the share of the pixels says how many steps there are, and nothing else; in patch
    mode, and of what is fitted at once, it is what is drawn, unless steps are given.
    """
    train, spec = material.config.train, material.config.spec
    if train.mode == "grid":
        grid = material.grid
        return {"steps": material.steps, "pixels": grid.windows * grid.size**2}
    share = material.training_size / int(material.training_parts.counts.sum())
    if not spec.is_network:
        return {"share": share}
    steps = {"steps": material.steps, "pixels": train.batch}
    return steps if train.steps else {**steps, "share": share}


def card_facts(challenger: Challenger) -> Mapping[str, object]:
    """What the model card says, of what a promotion knows."""
    finals, measured = challenger.finals, challenger.figures
    labelled = measured.by_sample
    final = finals[0]
    dataset = final.material.dataset
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
            **epoch_facts(final.material),
            "seeds": [one.seed for one in finals],
        },
        "tables": {
            "All labelled pixels, before and after post-processing": labelled.to_dict("records")
        },
        "postprocessing": measured.postprocessing.to_json(),
        "calibration": measured.calibration.to_json(),
        "gate": asdict(challenger.gate),
        "test_all": challenger.test_all,
        "lineage": {
            "study": final.trial.study,
            "trial": final.trial.name,
            "run_id": challenger.run_id,
            "code": challenger.lineage.code,
        },
    }
    if gain := measured.ensemble:
        facts["ensemble"] = {
            "members": gain.members,
            "gain_miou": gain.gain_test_miou,
            "cost_ratio": gain.cost_ratio,
        }
    return facts
