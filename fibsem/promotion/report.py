"""Tables (as in the thesis), figures and model card of a promotion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from fibsem.analysis import encoding, figures, tables
from fibsem.analysis.metrics import pooled
from fibsem.analysis.model_card import (
    CardFacts,
    DataFacts,
    EpochFacts,
    LineageFacts,
    ModelFacts,
    TrainingFacts,
)
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.split import SPLITS
from fibsem.inference.model.segmenter import Scorer
from fibsem.models.spec import ModelSpec
from fibsem.promotion.choice import Chosen
from fibsem.promotion.folder import FIGURES, TABLES
from fibsem.promotion.record import Challenger
from fibsem.promotion.setting import Promotion
from fibsem.system.summaries.promotion import OnLabelled
from fibsem.training.material.material import Material
from fibsem.training.scoring.scoring import scored_squares
from fibsem.training.scoring.squares import CHOSEN, HALF, confusions


def write_tables(challenger: Challenger, folder: Path) -> list[Path]:
    """Write every table of a promotion as CSV, Markdown and LaTeX; returns the files.

    These are the ranking, all labelled pixels before and after post-processing by sample and
    combined (Tables 4.10 and 4.12), and the confusion matrices of both (Table 4.9).
    """
    squares = challenger.figures.squares
    made = {"ranking": tables.ranking(challenger.places), "labelled": challenger.figures.by_sample}
    for split in SPLITS:
        for kind, name in ((HALF, "before"), (CHOSEN, "after")):
            counts = pooled(confusions(squares, split, kind)).counts
            made[f"confusion-{split}-{name}"] = tables.confusion(counts)
    return [file for name in TABLES for file in encoding.write(made[name], folder, name)]


def draw(promotion: Promotion, chosen: Chosen, challenger: Challenger) -> list[Path]:
    """Draw learning curves, reliability, search surface, and post-processing of one square."""
    material, choice = challenger.finals[0].material, chosen.choice
    scorer, grid = Scorer(chosen.segmenter), promotion.configuration.postprocessing.grid
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
    folder, made = promotion.folder / "figures", [name for name in FIGURES if name in drawn]
    return [figures.save(drawn[name], folder / f"{name}.png") for name in made]


def _joined(values: Iterable[object]) -> str:
    """Join the distinct values of the members as text."""
    return " + ".join(dict.fromkeys(map(str, values)))


def epoch_facts(material: Material) -> EpochFacts:
    """Return what a training sees in an epoch, for the model card.

    In patch mode, and for models that are fitted at once, a share of the labelled pixels is drawn.
    """
    train, spec = material.config.train, material.config.spec
    if train.mode == "grid":
        grid = material.grid
        return EpochFacts(material.steps, grid.windows * grid.size**2)
    share = material.training_size / int(material.training_parts.counts.sum())
    if not spec.is_network:
        return EpochFacts(share=share)
    return EpochFacts(material.steps, train.batch, share)


def card_facts(challenger: Challenger) -> CardFacts:
    """Collect the facts for the model card of a challenger."""
    finals, measured, lineage = challenger.finals, challenger.figures, challenger.lineage
    rows = measured.by_sample.to_dict("records")
    return CardFacts(
        model=_model(
            [final.material.config.spec for final in finals],
            [final.result.parameters for final in finals],
        ),
        data=_data(finals[0].material.dataset),
        training=TrainingFacts(
            epochs=finals[0].result.epochs,
            seconds=sum(final.result.train_seconds for final in finals),
            seeds=[final.seed for final in finals],
            epoch=epoch_facts(finals[0].material),
        ),
        tables={"All labelled pixels, before and after post-processing": rows},
        postprocessing=measured.postprocessing,
        calibration=measured.calibration.summary,
        ensemble=measured.ensemble,
        gate=challenger.gate,
        test_all=OnLabelled(**challenger.test_all),
        lineage=LineageFacts(
            lineage.sweep.study, lineage.trial.name, lineage.promotion.run_id, lineage.code
        ),
    )


def _model(specs: Sequence[ModelSpec], parameters: Sequence[int]) -> ModelFacts:
    """Collect the distinct facts about the networks for the model card."""
    return ModelFacts(
        name=_joined(spec.name for spec in specs),
        nbhd=_joined(spec.nbhd for spec in specs),
        padding=_joined(spec.padding for spec in specs),
        field=list(dict.fromkeys(spec.sees for spec in specs)),
        parameters=list(dict.fromkeys(parameters)),
        members=len(specs),
    )


def _data(dataset: Dataset) -> DataFacts:
    return DataFacts(
        name=dataset.name,
        samples=[sample.name for sample in dataset.samples],
        voxel_nm=dataset.voxel_nm,
        regions={split: len(dataset.regions(split)) for split in SPLITS},
        hash=dataset.hash,
    )
