"""Write ``bundle.json`` beside the weights of a training, which makes it a usable model.

The model segments volumes as a promoted one does, at the threshold that scored best in validation
(0.5 if ``val_all`` was not measured), but it is neither tested nor smoothed nor calibrated.
"""

from __future__ import annotations

from pathlib import Path

from fibsem import models
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.learned import learned_squares, merged
from fibsem.data.dataset.scale import scales_of
from fibsem.inference.model.segmenter import Segmenter
from fibsem.system.summaries.lineage import DataSource, FromTrial, Lineage
from fibsem.tracking.audit import Audit, places_of
from fibsem.tracking.bundle import Bundle, described_in
from fibsem.tracking.runs import code_version
from fibsem.training.beginning.start import origins
from fibsem.training.material.material import Material
from fibsem.training.results import TrialResult

#: Label values of pore and solid if those of the dataset do not fit into uint8.
PLAIN = (0, 255)


def label_values(dataset: Dataset) -> tuple[int, int]:
    """Return the uint8 values of pore and solid: the dataset's if they fit, else ``PLAIN``."""
    values = (dataset.classes.pore, dataset.classes.solid)
    return values if all(0 <= value <= 255 for value in values) else PLAIN


def is_described(folder: Path, dataset: Dataset) -> bool:
    """Whether a training folder is a bundle that agrees with the dataset's current manifest.

    Voxel sizes, grey value ranges and label values do not affect the training, but they do affect
    the segmentation of a volume.
    """
    written = described_in(folder)
    today = dataset.voxel_nm, label_values(dataset), scales_of(dataset)
    return written is not None and written == today


def write_bundle(
    folder: Path, material: Material, model: models.Model, result: TrialResult, command: str | None
) -> None:
    """Turn the folder of a finished training into a bundle.

    Parameters
    ----------
    folder, model
        Folder that holds the weights, and the model they belong to.
    material, result
        Training data and result of the training.
    command
        Command line of the training.
    """
    config, dataset = material.config, material.dataset
    threshold = (result.val_all or {}).get("threshold", PostProcessing().threshold)
    segmenter = Segmenter.of(
        config.spec, model, config.preprocess, PostProcessing(threshold=threshold),
        classes=label_values(dataset),
    )  # fmt: skip
    trial = FromTrial(result.run_id, config.name, None, config.seed, code_version(),
                      config.train.init, config.train.teacher)  # fmt: skip
    uri = config.tracking.absolute_uri
    before = [origin.learned for origin in origins(config.train.init, config.train.teacher, uri)]
    learned = merged(
        [learned_squares(dataset), *(learned for learned in before if learned is not None)]
    )
    lineage = Lineage(
        trial=trial,
        dataset=dataset.name,
        data=dataset.hash,
        data_source=DataSource(config.data.name, config.data.path, config.data.phantom),
        code=code_version(),
        training=command,
    )
    audit = Audit(
        dataset=dataset.name,
        data=dataset.hash,
        run_id=result.run_id,
        lineage=lineage,
        greys={name: film.histogram for name, film in material.greys.items()},
        moments={name: film.moments for name, film in material.greys.items()},
        learned=None if None in before else places_of(learned),
    )
    Bundle(segmenter, dataset.voxel_nm, audit, scales=scales_of(dataset)).describe(folder)
