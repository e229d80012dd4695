"""Keys of the division that were typed, and divide nothing of a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fibsem.data.dataset.dataset import Dataset

#: What divides squares whose parts no table gives.
OF_SQUARES = ("split.seed", "split.guard_px", "split.guard_slices")


def idle_split(dataset: Dataset, typed: Mapping[str, str]) -> Iterator[str]:
    """Say which keys do nothing, by how the labels of a dataset are divided.

    Parts that a column ``split`` names are as they are, and dense labels are cut by their slices.

    Parameters
    ----------
    dataset
        Whose labels.
    typed
        What was typed for each key.
    """
    why = {}
    if not any(sample.divided for sample in dataset.samples):
        why = dict.fromkeys(OF_SQUARES, "no squares of this dataset are divided by it")
    if not any(sample.dense for sample in dataset.samples):
        why["split.gap"] = "no labels of this dataset are dense"
    for key in typed:
        if key in why:
            yield f"{key}={typed[key]} does nothing: {why[key]}"
