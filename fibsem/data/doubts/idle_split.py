"""Warn about split options that have no effect on a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fibsem.data.dataset.dataset import Dataset

#: Options that divide squares whose splits are not given by a table.
OF_SQUARES = ("split.seed", "split.guard_px", "split.guard_slices")


def idle_split(dataset: Dataset, typed: Mapping[str, str]) -> Iterator[str]:
    """Yield a message for each given option that has no effect on how labels are divided.

    Splits named in a column ``split`` are kept, and dense labels are divided by slices.

    Parameters
    ----------
    dataset
        The dataset whose labels are divided.
    typed
        The value given for each option.
    """
    why = {}
    if not any(sample.divided for sample in dataset.samples):
        why = dict.fromkeys(OF_SQUARES, "no squares of this dataset are divided by it")
    if not any(sample.dense for sample in dataset.samples):
        why["split.gap"] = "no labels of this dataset are dense"
    for key in typed:
        if key in why:
            yield f"{key}={typed[key]} does nothing: {why[key]}"
