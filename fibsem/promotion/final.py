"""The final training (thesis 3.7): more pixels, no early stopping, random shifts of intensity.

In patch mode ``final.share`` of the labelled pixels is drawn once; in grid mode windows are drawn
from all labelled pixels afresh in every epoch, and the share sets the number of steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fibsem import models
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import RunConfig, Tree, with_values
from fibsem.data.dataset import Dataset
from fibsem.inference.model.segmenter import Member, Segmenter
from fibsem.promotion.ranking import Trial
from fibsem.system.progress import Progress
from fibsem.tracking import names
from fibsem.tracking.runs import Tracking
from fibsem.training.material import Material
from fibsem.training.results import Epoch, TrialResult
from fibsem.training.run import Job, hyperparameters, run_job


def final_tree(trial: Trial, tree: Tree, seed: int) -> Tree:
    """A trial's configuration with the data and the budget of the final training."""
    final = tree["final"]
    planned = {"train.steps": final["steps"], "train.schedule": "cosine"} if final["steps"] else {}
    changed = with_values(
        trial.tree,
        {
            "train.epochs": final["epochs"],
            "train.share": final["share"],
            "train.max_seconds": final["max_seconds"],
            "train.patience": None,
            "train.keep": "miou",
            "train.test": False,  # the test squares are looked at once, at the end
            "train.shift_sd": final["shift_sd"],
            "train.shift_probability": final["shift_probability"],
            "seed": seed,
            **planned,
        },
    )
    return {**changed, **{key: tree[key] for key in ("data", "tracking", "command")}}


@dataclass(frozen=True)
class Final:
    """A finally trained network.

    Attributes
    ----------
    trial, material
        What was trained, and on what.
    result
        Of the training.
    folder
        Its weights.
    """

    trial: Trial
    material: Material
    result: TrialResult
    folder: Path

    @property
    def miou(self) -> float:
        """Validation mIoU on balanced pixels, of the epoch that was kept."""
        return self.result.val["miou"]

    @property
    def seed(self) -> int:
        return self.material.config.seed

    @property
    def model(self) -> models.Model:
        """The network, read anew."""
        return models.load(self.material.config.spec, self.folder)


@dataclass(frozen=True)
class FinalTraining:
    """Final trainings of one promotion; what is finished is not done again."""

    tree: Tree
    dataset: Dataset
    folder: Path
    tracking: Tracking
    parent: str

    def of(self, trial: Trial, seed: int, text: str) -> Final:
        """Train a trial's configuration finally."""
        tree = final_tree(trial, self.tree, seed)
        config = RunConfig.of(tree)
        material = Material.of(self.dataset, config)
        folder = self.folder / f"{trial.run_id[:8]}-seed-{seed}"
        job = Job(
            tree=tree,
            folder=folder,
            name=f"final {trial.name} seed {seed}",
            tags={names.COMMAND: names.FINAL, names.WINNER: trial.run_id, names.SEED: seed},
            params=hyperparameters(config, tree),
            parent=self.parent,
        )
        with Progress(text) as progress:

            def show(epoch: Epoch) -> None:
                progress(f"mIoU {epoch.val['miou']:.4f}", epoch.epoch + 1, config.train.epochs)

            result, _ = run_job(job, material, self.tracking, show)
        return Final(trial, material, result, folder)


def segmenter_of(finals: Sequence[Final], how: PostProcessing) -> Segmenter:
    """The mean of finally trained networks with a post-processing."""
    material = finals[0].material
    classes = (material.dataset.classes.pore, material.dataset.classes.solid)
    return Segmenter(
        members=tuple(Member(final.material.config.spec, final.model) for final in finals),
        recipe=material.config.preprocess,
        postprocessing=how,
        identity="",
        classes=classes if all(0 <= value <= 255 for value in classes) else (0, 255),
    )
