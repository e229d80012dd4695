"""Make the products of a promotion: lineage, bundle with model card, segmented volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from fibsem.analysis import model_card
from fibsem.analysis.porosity_told import porosity_text
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.learned import learned_squares
from fibsem.data.dataset.samples import Sample
from fibsem.data.dataset.scale import scales_of
from fibsem.data.greys import greys_of
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import KEYS, Options
from fibsem.inference.volume.segmentation import segment_volume
from fibsem.promotion.final import Final
from fibsem.promotion.finished import PROMOTION
from fibsem.promotion.options import segmentation_of
from fibsem.promotion.record import Challenger
from fibsem.promotion.report import card_facts
from fibsem.promotion.setting import Promotion
from fibsem.promotion.starts import Starts
from fibsem.promotion.trials import Trial
from fibsem.system import metric_names
from fibsem.system.advice import OF_FILM, KeyNames, called, in_manifest, under
from fibsem.system.file_names import subfolder_of
from fibsem.system.files import replace_file
from fibsem.system.progress import Progress
from fibsem.system.summaries.lineage import DataSource, FromPromotion, FromTrial, Lineage
from fibsem.system.summaries.promotion import Gate, PromotedFilm
from fibsem.system.summaries.segmentation import SegmentationSummary
from fibsem.tracking import names, registry
from fibsem.tracking.audit import Audit, places_of
from fibsem.tracking.bundle import Bundle, load_bundle, load_segmenter
from fibsem.tracking.naming import metric_part
from fibsem.tracking.provenance import provenance
from fibsem.tracking.runs import code_version
from fibsem.training.material.datasets import check_unchanged


def lineage_of(promotion: Promotion, finals: Sequence[Final], trials: Sequence[Trial]) -> Lineage:
    """Return the lineage of an ensemble of finally trained networks.

    Parameters
    ----------
    promotion
        The promotion.
    finals
        The networks, with the trials that they repeat.
    trials
        All ranked trials, whose sweeps are named in the lineage.
    """
    trial, dataset, data = finals[0].trial, promotion.dataset, promotion.configuration.data
    sweeps = {trial.parent: trial for trial in reversed(trials)}
    return Lineage(
        sweep=trial.sweep(promotion.tracking),
        sweeps=tuple(trial.sweep(promotion.tracking) for trial in reversed(sweeps.values())),
        trial=FromTrial(
            trial.run_id, trial.name, trial.number, trial.tree["seed"], trial.code,
            trial.tree["train"].get("init"), trial.tree["train"].get("teacher"),
        ),
        promotion=FromPromotion(
            finals[0].result.run_id, promotion.parent, tuple(final.seed for final in finals),
            promotion.configuration.command,
        ),
        dataset=dataset.name,
        data=dataset.hash,
        data_source=DataSource(data.name, data.path, data.phantom),
        code=code_version(),
    )  # fmt: skip


def write_bundle(
    folder: Path, segmenter: Segmenter, starts: Starts, challenger: Challenger
) -> None:
    """Write the bundle of a promotion, with its model card."""
    material = challenger.finals[0].material
    dataset = material.dataset
    greys = {name: greys_of(volume) for name, volume in material.volumes.items()}
    audit = Audit(
        dataset=dataset.name,
        data=dataset.hash,
        winner=challenger.winner,
        run_id=challenger.run_id,
        lineage=challenger.lineage,
        calibration=challenger.figures.calibration.chosen,
        corrections={name: volume.correction for name, volume in material.volumes.items()},
        greys={name: film.histogram for name, film in greys.items()},
        moments={name: film.moments for name, film in greys.items()},
        squares=tuple(challenger.tested(starts)),
        learned=places_of(starts.with_own(learned_squares(dataset))),
    )
    Bundle(segmenter, dataset.voxel_nm, audit, scales=scales_of(dataset)).save(folder)
    replace_file(folder / model_card.FILE, model_card.model_card(card_facts(challenger)))


def registry_tags(dataset: Dataset, gate: Gate, code: str | None, miou: float) -> dict[str, object]:
    """Return the tags of a registered version: dataset, code version, verdict, test mIoU."""
    return {
        names.DATASET: dataset.name,
        names.DATA: dataset.hash,
        names.CODE: code,
        names.TEST_MIOU: miou,
        names.GATE: "passed" if gate.passed else "refused",
        names.REASON: gate.reason,
    }


def _for(sample: Sample, options: Options) -> Options:
    """Return the options of a segmentation, with a sample's extent if the manifest sets it."""
    return options if sample.valid == "auto" else replace(options, valid=sample.valid)


def _names(sample: Sample) -> tuple[KeyNames, KeyNames]:
    """Return how messages name segmentation keys, below ``segmentation`` or in the manifest."""
    keys = [key for key in KEYS if key != "valid" or sample.valid == "auto"]
    return under("segmentation", keys), in_manifest(OF_FILM)


def segment_samples(
    promotion: Promotion, bundle: Path, version: str, run_id: str
) -> dict[str, PromotedFilm]:
    """Segment every sample's whole volume, and log its porosity and time to the run."""
    segmenting = _segmenting(promotion, bundle, version)
    films = {}
    for sample in promotion.dataset.samples:
        film = segmenting(sample)
        check_unchanged(promotion.dataset, PROMOTION, labels=False)  # the films; labels may change
        promotion.say(f"{sample.name}: porosity {porosity_text(film)}")
        promotion.tracking.log_changed(run_id, _metrics(film, metric_part(sample.name)))
        films[sample.name] = PromotedFilm(
            **vars(film.alone()),
            seconds=film.seconds,
            voxels_per_second=film.voxels_per_second,
        )
    return films


def _segmenting(
    promotion: Promotion, folder: Path, version: str
) -> Callable[[Sample], SegmentationSummary]:
    """Make a function that segments a sample with the registered bundle and returns the summary."""
    options = segmentation_of(promotion.configuration)
    load = partial(load_segmenter, [str(folder.resolve())], "")
    bundle, dataset = load_bundle(folder), promotion.dataset
    labels_provenance = provenance(
        [(f"models:/{registry.REGISTERED}/{version}", replace(bundle, version=version))],
        code=code_version(), command=promotion.configuration.command,
    )  # fmt: skip

    def segment(sample: Sample) -> SegmentationSummary:
        volume = sample.volume.mended() if options.missing == "skip" else sample.volume
        with called(*_names(sample)), Progress(f"segmenting {sample.name}") as progress:
            return segment_volume(
                volume, bundle.segmenter, subfolder_of(promotion.folder / "volumes", sample.name),
                _for(sample, options), voxel_nm=dataset.voxel_nm, load=load,
                provenance=labels_provenance, progress=progress, say=promotion.say,
                tested=bundle.tested, trained=[bundle.trained],
            )  # fmt: skip

    return segment


def _metrics(film: SegmentationSummary, name: str) -> dict[str, float | None]:
    """Return the metrics of a film, also of a porosity corrected by enough test squares."""
    low, high = film.porosity_ci
    metrics = {
        f"{metric_names.POROSITY}/{name}": film.porosity,
        f"{metric_names.POROSITY_LOW}/{name}": low,
        f"{metric_names.POROSITY_HIGH}/{name}": high,
        f"{metric_names.OF_TIME}segment_{name}_s": film.seconds,
    }
    interval = film.porosity_interval
    if film.porosity_corrected is not None and interval and interval.volume:
        low, high = interval.volume
        metrics |= {
            f"{metric_names.CORRECTED}/{name}": film.porosity_corrected,
            f"{metric_names.CORRECTED_LOW}/{name}": low,
            f"{metric_names.CORRECTED_HIGH}/{name}": high,
        }
    return metrics
