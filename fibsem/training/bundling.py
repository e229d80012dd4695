"""A training as a model that can be used: ``bundle.json`` beside its weights.

It labels volumes as a promoted model does, at the threshold that its validation found best, but was
neither tested nor smoothed nor calibrated.
"""

from __future__ import annotations

from pathlib import Path

from fibsem import models
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import Tree
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

#: Label values of pore and solid where those of the dataset are not those of a picture.
PLAIN = (0, 255)


def label_values(dataset: Dataset) -> tuple[int, int]:
    """Values of pore and solid in labels of volumes, uint8: the dataset's where they fit."""
    values = (dataset.classes.pore, dataset.classes.solid)
    return values if all(0 <= value <= 255 for value in values) else PLAIN


def is_described(folder: Path, dataset: Dataset) -> bool:
    """Whether the folder of a training is a bundle, of what the manifest says of it today.

    Sizes of voxels, ranges and values of labels change no training, and labels of a volume.
    """
    written = described_in(folder)
    today = dataset.voxel_nm, label_values(dataset), scales_of(dataset)
    return written is not None and written == today


def write_bundle(
    folder: Path, material: Material, model: models.Model, result: TrialResult, tree: Tree
) -> None:
    """Make the folder of a finished training a bundle.

    Parameters
    ----------
    folder, model
        Where its weights are, and what they are of.
    material, result
        What it was trained on, and what came of it.
    tree
        Its configuration.
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
    before = [one.learned for one in origins(config.train.init, config.train.teacher, uri)]
    learned = merged([learned_squares(dataset), *(one for one in before if one is not None)])
    lineage = Lineage(
        trial=trial,
        dataset=dataset.name,
        data=dataset.hash,
        data_source=DataSource(**{key: tree["data"][key] for key in ("name", "path", "phantom")}),
        code=code_version(),
        training=tree.get("command"),
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
