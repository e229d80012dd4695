"""Open the dataset of a configuration, and simulate or download it if necessary."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from fibsem.config import DataConfig, RunConfig, choices_of, compose, read_path
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset import archive
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.samples import Sample
from fibsem.data.dataset.split import Split, SplitRecipe
from fibsem.data.doubts.doubts import doubts
from fibsem.data.doubts.nearness import across_samples, within_reach
from fibsem.data.doubts.tilt import left_in
from fibsem.data.phantom import PhantomRecipe, simulate
from fibsem.data.phantom.simulation import lock_of, unlike
from fibsem.data.preprocessing import Gradient, Recipe, fit_correction
from fibsem.data.windows import labelled_regions
from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.system.file_names import subfolder_of
from fibsem.system.locks import alone
from fibsem.system.progress import Progress
from fibsem.training.material.weighing import HEAVIEST

#: Maximum number of voxels of a film that is inspected before every training: some seconds.
LOOKED_THROUGH = 2**27
#: Names of the classes 0 and 1.
CLASSES = ("pore", "solid")
#: Number of pixels of a class below which its metrics are unreliable, and what they affect in each
#: split.
SCARCE = 100
HANGS: dict[Split, tuple[str, str]] = {
    "train": ("training", "what is learned of it"),
    "val": ("validation", "which network is best"),
    "test": ("test", "what is measured of the best one"),
}


def obtain(config: DataConfig, split: SplitRecipe) -> Dataset:
    """Open the dataset; simulate a missing phantom, or download the archive on demand.

    All digests of the dataset are computed here, with a progress display if that takes time.

    Parameters
    ----------
    config
        ``data`` of a configuration: the path, or the name and the phantom.
    split
        How to split squares whose part is not given.

    Raises
    ------
    UserError
        If the dataset does not exist and cannot be made, or any of it cannot be used.

    Examples
    --------
    ```python
    config = Configuration(compose("train", ["data=demo"])).run
    dataset = obtain(config.data, config.split)  # simulated in data/demo where it is not there
    dataset.name, dataset.hash, len(dataset.regions("train"))
    ```
    """
    root = read_path(config.root, "data.root")
    if config.path is not None:
        dataset = load_dataset(read_path(config.path, "data.path"), split)
    elif config.phantom is None:
        dataset = load_dataset(archive.locate(root, download=config.download), split)
    else:
        folder = subfolder_of(root, config.name)
        if _is_simulated(root) and config.root != DataConfig.root:  # the user typed it
            print(
                f"warning: {root} is a dataset itself, which data.path={root} takes; this is of "
                f"the phantom in {folder}",
                file=sys.stderr,
            )
        _simulated(folder, config.phantom)
        dataset = load_dataset(folder, split).named(config.name)
    dataset.digests  # noqa: B018 - computed and cached
    return dataset


def check_unchanged(dataset: Dataset, during: str, *, labels: bool = True) -> None:
    """Raise an error if the data changed since they were digested; warn if files were rewritten.

    Parameters
    ----------
    dataset
        The dataset, digested when the command began.
    during
        The work that read the dataset, for the message: ``this training``.
    labels
        Whether the result depends on the labels as well.

    Raises
    ------
    UserError
        If the data changed; the message names the difference.
    """
    if not dataset.check_unchanged(labels=labels):
        print(
            f"warning: files of {dataset.path} were written to during {during}; they hold the "
            "same as before, but what was read of them meanwhile may have been something else",
            file=sys.stderr,
        )


def look_at(
    dataset: Dataset,
    needed: Sequence[Split] = ("train", "val"),
    configs: Sequence[RunConfig] = (),
) -> None:
    """Print warnings about a dataset before training, as ``inspect`` does for any film.

    Parameters
    ----------
    dataset
        The dataset to train on.
    needed
        Splits that must have squares.
    configs
        Configurations of the trainings, as far as they are known in advance.

    Raises
    ------
    UserError
        If a needed split has no squares, so that this is found before hours of work.
    """
    for split in needed:
        labelled_regions(dataset, split)
    if not dataset.regions("test"):
        print(
            f"warning: {dataset.name} has no test squares: nothing can be evaluated or promoted; "
            "a column `split` in the region table names some",
            file=sys.stderr,
        )
    gradients = dict.fromkeys(config.preprocess.gradient for config in configs)
    reaches = [(config.spec.reach, config.split) for config in configs]
    learned = [_as_learned(sample, gradients, reaches) for sample in dataset.samples]
    if reaches and len(dataset.samples) > 1:
        learned.append(across_samples(dataset.samples, dataset.slices, _farthest(reaches)))
    doubted = doubts(dataset, look_through=LOOKED_THROUGH)
    trains = [config.train for config in configs if config.spec.is_network]
    undrawn = any(train.mode == "grid" and train.rare_windows == 0 for train in trains)
    weights = heavy(dataset) if undrawn else ()
    for warning in chain(scarce(dataset), weights, *learned, doubted):
        print(f"warning: {warning}", file=sys.stderr)


def scarce(dataset: Dataset) -> Iterator[str]:
    """Yield a warning for each split and class with too few pixels for reliable metrics."""
    for split, (title, result) in HANGS.items():
        if not dataset.regions(split):
            continue
        for name, count in zip(CLASSES, dataset.pixels(split), strict=True):
            if count < SCARCE:
                yield (
                    f"the {title} squares of {dataset.name} have {count} pixels of class {name}: "
                    f"{result} hangs on them; label more that show it, or give another split.seed"
                )


def heavy(dataset: Dataset) -> Iterator[str]:
    """Yield a warning for each class whose class weight exceeds ``HEAVIEST``."""
    counts = dataset.pixels("train")
    for name, count in zip(CLASSES, counts, strict=True):
        if count and (weight := sum(counts) / (2 * count)) > HEAVIEST:
            yield (
                f"a pixel of class {name} weighs {weight:.0f} in the loss, and a step hangs on a "
                f"few of them, as they are {100 * count / sum(counts):.2g} % of what is labelled "
                f"for training in {dataset.name}; train.rare_windows=null draws windows for them"
            )


def _as_learned(
    sample: Sample,
    gradients: Iterable[Gradient],
    reaches: Sequence[tuple[Triple, SplitRecipe]],
) -> Iterator[str]:
    """Yield warnings about a film that depend on the configurations of the trainings."""
    for gradient in gradients:
        yield from left_in(sample, gradient)
    if reaches:
        yield from within_reach(sample, _farthest(reaches), reaches[0][1])
        yield from _too_deep(sample, 2 * _farthest(reaches)[0] + 1)


def _too_deep(sample: Sample, n_z: int) -> Iterator[str]:
    """Warn if a film has fewer slices than a network sees at once."""
    depth = sample.volume.shape[0]
    if n_z > depth:
        yield (
            f"{sample.name}: networks see {n_z} slices at once, and it has {depth}; those beyond "
            f"its ends are mirrored, and n_z of nbhd may be up to {depth - 1 + depth % 2}"
        )


def _farthest(reaches: Sequence[tuple[Triple, SplitRecipe]]) -> Triple:
    """Return the largest reach of the networks along each axis, (z, y, x)."""
    z, y, x = (max(axis) for axis in zip(*(reach for reach, _ in reaches), strict=True))
    return z, y, x


def _simulated(folder: Path, phantom: str) -> None:
    """Simulate a phantom unless it exists; print a note if it exists with another recipe."""
    recipe = phantom_recipe(phantom)
    if not _is_simulated(folder):
        print(
            f"{folder} is not there yet: simulating the {phantom} phantom into it, or "
            "waiting for the process that does"
        )
        with alone(lock_of(folder)), Progress("simulating") as progress:
            if not _is_simulated(folder):
                simulate(recipe, folder, progress=progress)
    elif warning := unlike(folder, recipe):
        print(f"{folder} was simulated with another {warning}; it is taken as it is")


def _is_simulated(folder: Path) -> bool:
    return (folder / "dataset.yaml").is_file()


def phantom_recipe(name: str) -> PhantomRecipe:
    """Read the recipe of ``conf/phantom/<name>.yaml``; raise UserError if there is none."""
    choices = sorted(choices_of("phantom"))
    if name not in choices:
        raise UserError(f"`data.phantom` must be one of {', '.join(choices)}, but got {name}.")
    return PhantomRecipe.from_mapping(compose("simulate", [f"phantom={name}"])["phantom"])


def corrected_volumes(dataset: Dataset, recipe: Recipe) -> dict[str, CorrectedVolume]:
    """Fit the recipe to the material of every sample; return corrected volumes by sample name."""
    return {
        sample.name: CorrectedVolume(
            sample.volume,
            fit_correction(sample.volume, recipe, extent=sample.extent),
            sample.extent,
        )
        for sample in dataset.samples
    }
