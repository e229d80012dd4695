"""The dataset of a run as an MLflow input: shown on the run's page, and usable in searches."""

from __future__ import annotations

import json

from mlflow.entities import Dataset as StoredDataset
from mlflow.entities import DatasetInput, InputTag

from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.split import SPLITS
from fibsem.system.secrets import in_record
from fibsem.tracking.naming import stored_name

#: Characters of a digest that every MLflow store keeps.
LONGEST_DIGEST = 36


def dataset_input(dataset: Dataset) -> DatasetInput:
    """Return a dataset's name, digest and counts (samples, voxels, squares by split) for MLflow."""
    counts = {
        "samples": len(dataset.samples),
        "voxels": sum(_voxels(sample.volume.shape) for sample in dataset.samples),
        **{f"{split}_squares": len(dataset.regions(split)) for split in SPLITS},
    }
    stored = StoredDataset(
        name=stored_name(dataset.name),
        digest=dataset.hash[:LONGEST_DIGEST],
        source_type="local",
        source=json.dumps({"uri": in_record(str(dataset.path))}),
        profile=json.dumps(counts),
    )
    return DatasetInput(stored, [InputTag("mlflow.data.context", "labelled film")])


def _voxels(shape: tuple[int, int, int]) -> int:
    return shape[0] * shape[1] * shape[2]
