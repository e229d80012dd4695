"""From the best trial to the champion: final training, post-processing, test, gate, registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fibsem import models
from fibsem.analysis.metrics import pooled
from fibsem.analysis.postprocessing import PostProcessing, SearchGrid, search
from fibsem.analysis.statistics import Gate, not_worse
from fibsem.config import (
    GateConfig,
    PostProcessingConfig,
    RunConfig,
    Tree,
    read,
    with_values,
)
from fibsem.data.dataset import Dataset
from fibsem.errors import UserError
from fibsem.files import read_json, write_json
from fibsem.inference.options import Options
from fibsem.inference.segmenter import Scorer, Segmenter
from fibsem.inference.volume import segment_volume
from fibsem.learning import bundle as bundles
from fibsem.learning.material import Material
from fibsem.learning.objective import Job, Record, hyperparameters, run_job
from fibsem.learning.scoring import score_all, score_balanced, scored_squares
from fibsem.learning.tracking import Tracking
from fibsem.learning.training import Epoch
from fibsem.progress import Progress

Say = Callable[[str], None]


@dataclass(frozen=True)
class Winner:
    """The best trial of a dataset, and the configuration that it was trained with."""

    run_id: str
    name: str
    loss: float
    tree: Tree


def best_of_sweeps(tracking: Tracking, dataset: Dataset, study: str | None) -> Winner:
    """The finished trial with the smallest validation loss, of one sweep or of all."""
    tags = {"fibsem.command": "trial", **({"fibsem.study": study} if study else {})}
    runs = [
        run
        for run in tracking.runs(tags, order="metrics.`val/loss` ASC")
        if run.info.status == "FINISHED"
        and "val/loss" in run.data.metrics
        and run.data.tags.get("fibsem.state") != "pruned"
    ]
    if not runs:
        raise UserError(
            f"`{f'study={study}' if study else f'data={dataset.name}'}` must have a finished trial "
            f"in {tracking.uri}, but has none; python -m fibsem.sweep makes some."
        )
    known = [run for run in runs if run.data.tags.get("fibsem.data") == dataset.hash]
    if not known:
        raise UserError(
            f"a promotion must be tested on the data of its sweep, but the {len(runs)} trials of "
            f"{dataset.name} were made with other data or another split; sweep again."
        )
    run_id = known[0].info.run_id
    return Winner(
        run_id,
        known[0].info.run_name,
        known[0].data.metrics["val/loss"],
        tracking.read_json(run_id, "config.json"),
    )


def final_tree(winner: Winner, tree: Tree) -> Tree:
    """The winner's configuration with the data and the budget of the final training."""
    final = tree["final"]
    changed = with_values(
        winner.tree,
        {
            "train.epochs": final["epochs"],
            "train.share": final["share"],
            "train.max_seconds": final["max_seconds"],
            "train.patience": None,
            "train.keep": "miou",
            "train.shift_sd": final["shift_sd"],
            "train.shift_probability": final["shift_probability"],
        },
    )
    return {**changed, "data": tree["data"], "tracking": tree["tracking"]}


@dataclass(frozen=True)
class Promotion:
    """One challenger on its way; every step goes on where a former start was stopped."""

    winner: Winner
    tree: Tree
    material: Material
    folder: Path
    tracking: Tracking
    say: Say

    @classmethod
    def of(
        cls,
        winner: Winner,
        tree: Tree,
        dataset: Dataset,
        folder: Path,
        tracking: Tracking,
        say: Say,
    ) -> Promotion:
        tree = final_tree(winner, tree)
        material = Material.of(dataset, RunConfig.of(tree))
        return cls(winner, tree, material, folder, tracking, say)

    def train(self) -> Record:
        """Train the winner finally; its weights lie in ``final``."""
        job = Job(
            tree=self.tree,
            folder=self.folder / "final",
            name=f"final {self.winner.name}",
            tags={"fibsem.command": "promote", "fibsem.winner": self.winner.run_id},
            params=hyperparameters(self.material.config, self.tree),
        )
        epochs = self.material.config.train.epochs
        with Progress("final training") as progress:

            def show(epoch: Epoch) -> None:
                progress(f"mIoU {epoch.val['miou']:.4f}", epoch.epoch + 1, epochs)

            record, _ = run_job(job, self.material, self.tracking, show)
        return record

    def segmenter(self, how: PostProcessing) -> Segmenter:
        """The finally trained network with a post-processing."""
        classes = self.material.dataset.classes
        values = (classes.pore, classes.solid)
        return Segmenter.of(
            spec=self.material.config.spec,
            model=models.load(self.material.config.spec, self.folder / "final"),
            recipe=self.material.config.preprocess,
            postprocessing=how,
            identity="",
            classes=values if all(0 <= value <= 255 for value in values) else (0, 255),
        )

    def choose_postprocessing(self, grid: SearchGrid) -> PostProcessing:
        """The combination with the best mIoU on every labelled validation pixel."""
        scorer = Scorer(self.segmenter(PostProcessing()))
        squares = [s for _, s in scored_squares(self.material, scorer, "val", grid.margin)]
        best, _ = search(squares, grid)
        return best

    def bundle(self, how: PostProcessing, record: Record) -> Path:
        """Write the bundle; returns its folder."""
        audit = {
            "dataset": self.material.dataset.name,
            "data": self.material.dataset.hash,
            "winner": self.winner.run_id,
            "run_id": record["run_id"],
            "corrections": {
                name: volume.correction.to_json() for name, volume in self.material.volumes.items()
            },
        }
        folder = self.folder / "bundle"
        bundles.Bundle(self.segmenter(how), self.material.dataset.voxel_nm, audit).save(folder)
        return folder


def square_mious(material: Material, segmenter: Segmenter) -> tuple[list[float], float]:
    """MIoU of every test square, and pooled, after post-processing."""
    scorer = Scorer(segmenter)
    confusions = [
        square.confusion(segmenter.postprocessing)
        for _, square in scored_squares(material, scorer, "test", segmenter.postprocessing.margin)
    ]
    return [confusion.miou for confusion in confusions], pooled(confusions).miou


def judge(
    challenger: Segmenter, material: Material, how: GateConfig, tracking: Tracking, say: Say
) -> Gate:
    """Challenger against champion on the same test squares."""
    uri = tracking.uri
    version = bundles.champion_version(uri)
    if version is None:
        return Gate(True, "there is no champion yet", None)
    champion = bundles.find_bundle(f"models:/{bundles.REGISTERED}/{version}", uri)
    if champion.audit.get("dataset") != material.dataset.name:
        gate = Gate(
            False,
            f"the champion (version {version}) was made for dataset {champion.audit['dataset']}",
            None,
        )
    else:
        config = material.config
        spec = champion.segmenter.members[0].spec
        theirs = Material.of(
            material.dataset,
            RunConfig(
                config.data, champion.segmenter.recipe, config.split, config.sampling, spec,
                config.train, config.tracking, config.seed,
            ),
        )  # fmt: skip
        ours, _ = square_mious(material, challenger)
        gate = not_worse(ours, square_mious(theirs, champion.segmenter)[0], alpha=how.alpha)
    if how.force and not gate.passed:
        gate = Gate(True, f"forced by gate.force=true; {gate.reason}", gate.p_value)
    say(f"gate: {'passed' if gate.passed else 'refused'}, {gate.reason}")
    return gate


def promote(
    tree: Tree,
    winner: Winner,
    dataset: Dataset,
    folder: Path,
    tracking: Tracking,
    say: Say = print,
) -> Record:
    """Promote a winner; returns the record of ``summary.json``.

    The test squares are read here, once, and the run is tagged for it.
    """
    _same_winner(winner, folder)
    gate_config = read(GateConfig, tree["gate"], "gate")
    grid = read(PostProcessingConfig, tree["postprocessing"], "postprocessing").grid
    say(f"winner: {winner.name} (validation loss {winner.loss:.4f})")
    promotion = Promotion.of(winner, tree, dataset, folder, tracking, say)
    trained = promotion.train()
    run_id = trained["run_id"]
    say(f"final training: validation mIoU {trained['val']['miou']:.4f} on balanced pixels")

    how = promotion.choose_postprocessing(grid)
    say(f"post-processing: sigma {how.sigma:g} px, threshold {how.threshold:.3f}")
    segmenter = promotion.segmenter(how)
    scorer = Scorer(segmenter)
    figures: dict[str, Any] = {
        "val_all": score_all(promotion.material, scorer, "val", how),
        "test": score_balanced(promotion.material, segmenter.members[0].model, "test"),
        "test_all": score_all(promotion.material, scorer, "test", how),
    }
    say(f"test mIoU on every labelled pixel: {figures['test_all']['miou']:.4f}")
    gate = judge(segmenter, promotion.material, gate_config, tracking, say)
    bundle = promotion.bundle(how, trained)
    version = _register(promotion, bundle, run_id, gate, figures)
    if gate.passed:
        bundles.crown(version, tracking.uri)
    record = {
        "run_id": run_id,
        "winner": winner.run_id,
        "version": version,
        "champion": gate.passed,
        "gate": asdict(gate),
        "postprocessing": how.to_json(),
        "val": trained["val"],
        "bundle": str(bundle),
        **figures,
    }
    _log(tracking, run_id, figures, how)
    record["samples"] = (
        segment_samples(tree, dataset, bundle, folder, tracking, run_id, say)
        if tree["segment"]
        else {}
    )
    return record


def _same_winner(winner: Winner, folder: Path) -> None:
    """Refuse to go on in the folder of another trial's promotion."""
    known, run_id = folder / "winner.json", winner.run_id
    if not known.is_file():
        write_json(known, {"run_id": run_id})
    elif read_json(known)["run_id"] != run_id:
        raise UserError(
            f"`output` must be a new folder or hold the promotion of the same trial, but {folder} "
            f"holds that of run {read_json(known)['run_id']}, and the best one is {run_id}."
        )


def _register(
    promotion: Promotion, bundle: Path, run_id: str, gate: Gate, figures: dict[str, Any]
) -> str:
    """Register the bundle once, also when the promotion is started again."""
    known = promotion.folder / "version.json"
    if known.is_file():
        return str(read_json(known)["version"])
    tags = {
        "fibsem.data": promotion.material.dataset.hash,
        "fibsem.gate": "passed" if gate.passed else "refused",
        "fibsem.reason": gate.reason,
        "fibsem.test_all_miou": figures["test_all"]["miou"],
    }
    version = bundles.register(bundle, run_id, promotion.tracking.uri, tags)
    write_json(known, {"version": version})
    return version


def _log(tracking: Tracking, run_id: str, figures: dict[str, Any], how: PostProcessing) -> None:
    """Figures of the promotion on the run of the final training."""
    metrics = {f"{g}/{k}": v for g, values in figures.items() for k, v in values.items()}
    metrics |= {f"postprocessing/{k}": float(v) for k, v in how.to_json().items()}
    tracking.log_metrics(run_id, metrics)
    tracking.tag(run_id, {"fibsem.test": "scored"})
    tracking.end(run_id)


def segment_samples(
    tree: Tree,
    dataset: Dataset,
    bundle: Path,
    folder: Path,
    tracking: Tracking,
    run_id: str,
    say: Say,
) -> dict[str, Record]:
    """Segment every sample's whole volume, and log its porosity and time to the run."""
    options = read(Options, tree["segmentation"], "segmentation")
    load = partial(bundles.load_segmenter, [str(bundle.resolve())], "")
    segmenter = load()
    records = {}
    for sample in dataset.samples:
        with Progress(f"segmenting {sample.name}") as progress:
            record = segment_volume(
                sample.volume, segmenter, folder / "volumes" / sample.name, options,
                voxel_nm=dataset.voxel_nm, load=load, progress=progress, say=say,
            )  # fmt: skip
        low, high = record["porosity_ci"]
        say(f"{sample.name}: porosity {record['porosity']:.4f} [{low:.4f}, {high:.4f}]")
        tracking.log_metrics(
            run_id,
            {
                f"porosity/{sample.name}": record["porosity"],
                f"porosity_low/{sample.name}": low,
                f"porosity_high/{sample.name}": high,
                f"time/segment_{sample.name}_s": record["seconds"],
            },
        )
        records[sample.name] = {
            key: record[key] for key in ("porosity", "porosity_ci", "seconds", "voxels_per_second")
        }
    return records
