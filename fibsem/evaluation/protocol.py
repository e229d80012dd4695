"""The evaluation protocol: one configuration, k seeds, all that a table needs (thesis 3.7, 4.2).

Each seed is a child run under one parent. Scores are kept by square as confusion matrices, from
which every combined figure follows by adding pixels.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fibsem import models
from fibsem.analysis.metrics import over_squares
from fibsem.analysis.postprocessing import PostProcessing, SearchGrid, search
from fibsem.analysis.statistics import Spread
from fibsem.config import RunConfig, Tree
from fibsem.data.split import SPLITS, Split
from fibsem.evaluation.folder import PARENT, seeds_of
from fibsem.inference.model.cost import seconds_per_gigapixel
from fibsem.inference.model.predict import BlockScorer
from fibsem.models import Model
from fibsem.system.files import known_json, read_json, write_json
from fibsem.tracking import names
from fibsem.tracking.beginning import FileNotes, take_up
from fibsem.tracking.runs import Tracking
from fibsem.training.estimating import estimate
from fibsem.training.material import Material
from fibsem.training.plan import Plan, plan_trainings, probe
from fibsem.training.results import Epoch
from fibsem.training.run import Job, hyperparameters, run_job
from fibsem.training.scoring import scored_squares
from fibsem.training.squares import (
    CHOSEN,
    HALF,
    TRUTH,
    Record,
    confusions,
    labelled_figures,
    square_row,
)

#: Thresholds among which the best one on the labelled validation pixels is chosen; no smoothing.
THRESHOLDS = SearchGrid((0.0,), tuple(float(t) for t in np.linspace(0.02, 0.98, 97)))
#: What the record of a scored seed has of its training.
KEPT = ("run_id", "epochs", "train_seconds", "parameters", "history")
#: What the record of a scored seed has at least.
SCORED = ("seed", "run_id", "balanced", "squares", "threshold")


@dataclass(frozen=True)
class Evaluation:
    """One cell of a table: a configuration on a dataset."""

    tree: Tree
    material: Material
    folder: Path
    tracking: Tracking
    patch_limit: int

    @property
    def _seeds(self) -> range:
        return seeds_of(self.tree)

    def run(self, progress: Callable[[str, int, int], None]) -> Record:
        """Train and score every seed; what is finished is not done again.

        Returns
        -------
        dict
            The record of ``summary.json``; see :func:`summarise`.
        """
        parent = self._parent()
        with self.tracking.cut_off(parent):
            return self._run(parent, progress)

    def _run(self, parent: str, progress: Callable[[str, int, int], None]) -> Record:
        runs = []
        for k, seed in enumerate(self._seeds):
            progress(f"seed {seed}", k, len(self._seeds))
            runs.append(self._one_seed(k, parent, progress))
        spec = self.material.config.spec
        record = {
            "model": spec.name,
            "nbhd": str(spec.nbhd),
            "padding": spec.padding,
            "loss": self.material.config.train.loss,
            "dataset": self.material.dataset.name,
            "data": self.material.dataset.hash,
            "run_id": parent,
            **summarise(runs),
        }
        self._log(parent, record)
        return record

    def _parent(self) -> str:
        config = self.material.config
        tags = {
            names.COMMAND: names.EVALUATE,
            names.MODEL: config.spec.name,
            names.NBHD: config.spec.nbhd,
            names.PADDING: config.spec.padding,
            names.DATA: self.material.dataset.hash,
            names.TEST: names.SCORED,
        }
        name = f"{config.spec.name} {config.spec.nbhd}, {len(self._seeds)} seeds"
        return take_up(
            self.tracking, FileNotes(self.folder / PARENT), name, self.tree,
            self.material.dataset, tags=tags, params={"seeds": len(self._seeds)},
        )  # fmt: skip

    def _one_seed(self, k: int, parent: str, progress: Callable[[str, int, int], None]) -> Record:
        seed = self._seeds[k]
        folder = self.folder / f"seed-{seed}"
        tree = {**self.tree, "seed": seed}
        config = RunConfig.of(tree)
        material = self.material.for_config(config)
        job = Job(
            tree=tree,
            folder=folder,
            name=f"{config.spec.name} {config.spec.nbhd} seed {seed}",
            tags={names.COMMAND: names.EVALUATION, names.TEST: names.SCORED},
            params=hyperparameters(config, tree),
            parent=parent,
        )

        def show(epoch: Epoch) -> None:
            text = f"seed {seed}, epoch {epoch.epoch + 1}: mIoU {epoch.val['miou']:.4f}"
            progress(text, k, len(self._seeds))

        trained, _ = run_job(job, material, self.tracking, show)
        scored = folder / "scores.json"
        known = known_json(scored, keys=SCORED)
        if known is not None and known["run_id"] == trained.run_id:
            return dict(known)
        scores = known or score_model(material, models.load(config.spec, folder), self.patch_limit)
        record = {
            **scores,
            "seed": seed,
            **{key: trained.to_json()[key] for key in KEPT},
        }
        self.tracking.log_changed(
            trained.run_id,
            {
                **{
                    f"{split}/{key}": value
                    for split, figures in record["balanced"].items()
                    for key, value in figures.items()
                    if key != "confusion"
                },
                names.COST_OF_PROMOTED: record["seconds_per_gigapixel"],
            },
        )
        write_json(scored, record)
        return record

    def _log(self, parent: str, record: Record) -> None:
        metrics = {
            f"{group}/{key}_{kind}": value
            for group in record["groups"]
            for key, spread in record[group].items()
            for kind, value in spread.items()
        }
        self.tracking.log_changed(parent, metrics)
        self.tracking.log_json(parent, record, "evaluation.json")
        self.tracking.end(parent)


def score_model(material: Material, model: Model, patch_limit: int) -> Record:
    """Every figure of one trained model.

    Returns
    -------
    dict
        ``balanced``: mIoU, accuracy, loss and confusion matrix on the fixed balanced sample of each
        split. ``threshold``: the best one on the labelled validation pixels. ``squares``: rows with
        confusion matrices of every labelled square; of the splits that have more than
        ``patch_limit`` pixels none, where the model goes patch by patch.
        ``seconds_per_gigapixel``: of the model alone, from a timed block.
    """
    scorer = BlockScorer(material.config.spec, model)
    balanced = {}
    for split in SPLITS:
        found = estimate(material, model, split)
        balanced[split] = {**found.balanced, "confusion": found.confusion.counts}

    def affordable(split: Split) -> bool:
        return scorer.mode != "patch" or pixels_of(material, split) <= patch_limit

    validation = list(scored_squares(material, scorer, "val")) if affordable("val") else []
    chosen = PostProcessing()
    if validation:
        chosen, _ = search([square for _, square in validation], THRESHOLDS)
    rows = [square_row(region, square, chosen) for region, square in validation]
    for split in ("train", "test"):
        if affordable(split):
            for region, square in scored_squares(material, scorer, split):
                rows.append(square_row(region, square, chosen))
    return {
        "balanced": balanced,
        "threshold": chosen.threshold,
        "squares": rows,
        "seconds_per_gigapixel": seconds_per_gigapixel(scorer),
    }


def pixels_of(material: Material, split: Split) -> int:
    """Pixels of the labelled squares of a split."""
    return sum(region.box.size for region in material.dataset.regions(split))


def plan_evaluation(
    material: Material, seeds: int, patch_limit: int, budget_s: float, began: float
) -> Plan:
    """Share a budget out to the seeds of an evaluation, each with the scores of every square.

    Parameters
    ----------
    material, seeds, patch_limit
        The evaluation.
    budget_s
        Given.
    began
        When the command began, by ``time.perf_counter``.
    """
    found = probe(material, budget_s)
    limit = math.inf if material.config.spec.convertible else patch_limit
    scored = [pixels_of(material, split) for split in SPLITS]
    each_s = found.pixel_s * sum(pixels for pixels in scored if pixels <= limit)
    spent_s = time.perf_counter() - began
    return plan_trainings(
        found, budget_s, spent_s, material.dataset.hash, trials=seeds, each_s=each_s
    )


def summarise(runs: list[Record]) -> Record:
    """Mean and s.d. over seeds of every figure.

    Returns
    -------
    dict
        ``train``, ``val``, ``test``: on balanced pixels at T = 0.5. ``<split>_all``: on all
        labelled pixels at T = 0.5, ``<split>_chosen`` at the threshold chosen on validation,
        ``<split>_truth`` that against the exact truth. Each maps a figure to ``mean`` and ``std``.
        ``samples.<sample>``: the same for ``<split>_all`` and ``<split>_chosen`` of each sample.
    """
    figures: dict[str, list[dict[str, float]]] = {
        split: [_plain(run["balanced"][split]) for run in runs] for split in SPLITS
    }
    names = {HALF: "all", CHOSEN: "chosen", TRUTH: "truth"}
    for split in SPLITS:
        for kind, name in names.items():
            pooled_runs = [confusions(run, split, kind) for run in runs]
            if all(pooled_runs):
                figures[f"{split}_{name}"] = [over_squares(parts) for parts in pooled_runs]
    record: Record = {key: _spreads(values) for key, values in figures.items()}
    plain = ("epochs", "train_seconds", "parameters", "threshold", "seconds_per_gigapixel")
    record |= {key: asdict(Spread.of([run[key] for run in runs])) for key in plain}
    record["groups"] = list(figures)
    record["samples"] = {
        sample: {
            f"{split}_{names[kind]}": _spreads(
                [labelled_figures(run, split, kind, sample) for run in runs]
            )
            for split in SPLITS
            for kind in (HALF, CHOSEN)
            if confusions(runs[0], split, kind, sample)
        }
        for sample in dict.fromkeys(row["sample"] for run in runs for row in run["squares"])
    }
    record["runs"] = [
        {
            **{key: run[key] for key in ("seed", "run_id", *plain)},
            **{split: _plain(run["balanced"][split]) for split in SPLITS},
        }
        for run in runs
    ]
    return record


def _plain(figures: dict[str, Any]) -> dict[str, float]:
    return {key: value for key, value in figures.items() if key != "confusion"}


def _spreads(values: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {key: asdict(Spread.of([value[key] for value in values])) for key in values[0]}


def read_runs(folder: Path) -> Iterator[Record]:
    """The scores of every seed of a finished evaluation."""
    for path in sorted(folder.glob("seed-*/scores.json")):
        yield read_json(path)
