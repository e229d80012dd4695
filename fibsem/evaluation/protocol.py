"""The evaluation protocol: one configuration trained with k seeds (thesis 3.7, 4.2).

Each seed is a child run of one parent run. Confusion matrices are stored by square, so that they
can be added for combined figures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fibsem import models
from fibsem.config import Configuration
from fibsem.data.dataset.split import SPLITS
from fibsem.evaluation.folder import PARENT
from fibsem.evaluation.scores import SeedScores, pixels_of, score_model, searched_squares
from fibsem.evaluation.summary import (
    balanced_of,
    figures_by_sample,
    labelled_of,
    metrics_of,
    over_seeds,
    seed_entry,
)
from fibsem.system import metric_names
from fibsem.system.files import known_json, write_json
from fibsem.system.records import as_record
from fibsem.system.summaries import EvaluationSummary
from fibsem.tracking import names
from fibsem.tracking.run_notes import FileNotes, take_up
from fibsem.tracking.runs import Tracking
from fibsem.training.beginning.start import learned_of_test
from fibsem.training.job import Job
from fibsem.training.material.datasets import check_unchanged
from fibsem.training.material.material import Material
from fibsem.training.planning.budgeting import plan_trainings
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.probing import probe
from fibsem.training.results import Epoch, TrialResult
from fibsem.training.run import run_job


@dataclass(frozen=True)
class Evaluation:
    """Evaluation of a configuration on a dataset, one cell of a table.

    ``left_s`` returns the seconds that a hard budget leaves for the epochs of each training, from
    the number of finished ones.
    """

    configuration: Configuration
    material: Material
    folder: Path
    tracking: Tracking
    patch_limit: int
    left_s: Callable[[int], float] | None = None

    def run(self, progress: Callable[[str, int, int], None]) -> EvaluationSummary:
        """Train and score every seed; finished seeds are not trained again."""
        parent = self._parent()
        with self.tracking.cut_off(parent):
            seeds = []
            for k, seed in enumerate(self.configuration.seeds):
                progress(f"seed {seed}", k, len(self.configuration.seeds))
                seeds.append(self._one_seed(k, parent, progress))
            summary = self._summary(parent, seeds)
            self.tracking.log_changed(parent, metrics_of(summary))
            self.tracking.log_json(parent, as_record(summary), "evaluation.json")
            self.tracking.end(parent)
        return summary

    def _summary(self, parent: str, seeds: Sequence[SeedScores]) -> EvaluationSummary:
        """Summarise all seeds; ``seconds`` is None."""
        config, dataset = self.material.config, self.material.dataset
        spec, train, uri = config.spec, config.train, config.tracking.absolute_uri
        figures = over_seeds([seed.figures for seed in seeds])
        balanced, labelled = balanced_of(seeds), labelled_of(seeds)
        return EvaluationSummary(
            model=spec.name,
            nbhd=str(spec.nbhd),
            padding=spec.padding,
            loss=train.loss,
            dataset=dataset.name,
            data=dataset.hash,
            run_id=parent,
            test_squares_learned=learned_of_test(train.init, uri, dataset, train.teacher),
            train=balanced["train"],
            val=balanced["val"],
            test=balanced["test"],
            epochs=figures["epochs"],
            train_seconds=figures["train_seconds"],
            parameters=figures["parameters"],
            threshold=figures["threshold"],
            seconds_per_gigapixel=figures["seconds_per_gigapixel"],
            groups=(*balanced, *labelled),
            samples=figures_by_sample(seeds),
            runs=tuple(map(seed_entry, seeds)),
            command=self.configuration.command,
            seconds=None,
            plan=None,
            budget=None,
            **labelled,
        )

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
        name = f"{config.spec.name} {config.spec.nbhd}, {len(self.configuration.seeds)} seeds"
        return take_up(
            self.tracking, FileNotes(self.folder / PARENT), name, self.configuration.tree,
            self.material.dataset, tags=tags, params={"seeds": len(self.configuration.seeds)},
        )  # fmt: skip

    def _one_seed(
        self, k: int, parent: str, progress: Callable[[str, int, int], None]
    ) -> SeedScores:
        seed = self.configuration.seeds[k]
        folder = self.folder / f"seed-{seed}"
        configuration = self.configuration.with_values({"seed": seed})
        material = self.material.for_config(configuration.run)
        job = Job(
            configuration=configuration,
            folder=folder,
            name=configuration.run.name,
            tags={names.COMMAND: names.EVALUATION, names.TEST: names.SCORED},
            parent=parent,
            left_s=self.left_s and partial(self.left_s, k),
        )

        def show(epoch: Epoch) -> None:
            text = f"seed {seed}, epoch {epoch.epoch + 1}: mIoU {epoch.val['miou']:.4f}"
            progress(text, k, len(self.configuration.seeds))

        result, _ = run_job(job, material, self.tracking, show)
        scores = self._scores(folder, material, seed, result)
        # logged after the last epoch, since the training has curves of these names
        self.tracking.log_changed(result.run_id, _metrics(scores), step=result.epochs)
        return scores

    def _scores(
        self, folder: Path, material: Material, seed: int, result: TrialResult
    ) -> SeedScores:
        """Score a finished training, or read its stored scores, under this training's run id.

        Scores are not stored if squares have changed meanwhile.
        """
        file = folder / "scores.json"
        stored = known_json(file, SeedScores.from_json)
        if stored is not None and stored.run_id == result.run_id:
            return stored
        if stored is None:
            model = models.load(material.config.spec, folder)
            scores = score_model(material, model, self.patch_limit, folder)
            check_unchanged(material.dataset, "this evaluation")
        else:
            scores = stored.scores
        scored = SeedScores.of(seed, result, scores)
        write_json(file, scored.to_json())
        return scored


def _metrics(seed: SeedScores) -> dict[str, float]:
    """Return the metrics of a seed by their names in MLflow."""
    metrics = {metric_names.COST_OF_PROMOTED: seed.scores.seconds_per_gigapixel}
    for split in SPLITS:
        metrics |= metric_names.grouped(split, seed.scores.balanced[split].figures)
    return metrics


def plan_evaluation(
    material: Material, seeds: int, patch_limit: int, budget_s: float, began: float
) -> Plan:
    """Plan an evaluation within a budget: one training per seed, and scores of every square.

    Parameters
    ----------
    material, seeds, patch_limit
        The data, the number of seeds, and ``evaluation.patch_limit``.
    budget_s
        The budget in seconds.
    began
        Start of the command, from ``time.perf_counter``.
    """
    timed = probe(material, budget_s)
    limit = math.inf if material.config.spec.convertible else patch_limit
    scored = [pixels_of(material, split) for split in SPLITS]
    pixels = sum(count for count in scored if count <= limit)
    if pixels_of(material, "val") > limit:  # squares of the threshold search still are
        pixels += sum(region.box.size for region in searched_squares(material, limit))
    each_s = timed.pixel_s * pixels
    spent_s = time.perf_counter() - began
    return plan_trainings(
        timed, budget_s, spent_s, material.dataset.hash, trials=seeds, each_s=each_s
    )
