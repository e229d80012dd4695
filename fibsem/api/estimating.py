"""Estimate what a segmentation will need: ``python -m fibsem.segment estimate=true``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem.api.inputs import learned_by, opened, options_of, say_unused, tree_for, volume_of
from fibsem.api.models import (
    CHAMPION,
    Loaded,
    Models,
    listed,
    loaded_among,
    mean_of,
    models_of,
)
from fibsem.api.options import completes, one_line_errors
from fibsem.config import Tree, voxel_nm_of
from fibsem.data.volumes import Volume
from fibsem.data.volumes.voxels import Voxels

if TYPE_CHECKING:
    from fibsem.inference.volume.before.estimate import SegmentationEstimate


@completes("segment")
@one_line_errors
def estimate(
    volume: Voxels | Volume | str | Path, model: Models = CHAMPION, **options: Any
) -> SegmentationEstimate:
    """Estimate tiles, memory, disk space and time of a segmentation, without labelling anything.

    Parameters
    ----------
    volume, model, options
        As for :func:`segment`.

    Returns
    -------
    SegmentationEstimate
        :class:`fibsem.inference.SegmentationEstimate`, from one tile that was timed on this
        machine.

    Raises
    ------
    UserError
        If an option, the volume or the model is wrong.

    Examples
    --------
    ```python
    api.estimate("my/stack", "models:/fibsem@champion", workers=2).seconds
    ```
    """
    models = listed(model)
    tree = tree_for(volume, models, options)
    if isinstance(volume, str | Path):
        film = volume_of(tree, options_of(tree))
    else:
        film = opened(volume, tree)
    return _estimated(film, tree, loaded_among(models))


def run(tree: Tree) -> SegmentationEstimate:
    """Estimate the segmentation of a configuration."""
    return _estimated(volume_of(tree, options_of(tree)), tree)


def _estimated(volume: Volume, tree: Tree, loaded: Loaded = ()) -> SegmentationEstimate:
    say_unused(tree)
    options, voxel_nm = options_of(tree), voxel_nm_of(tree)
    models = models_of(tree, loaded)

    from fibsem.inference.volume.before.estimate import estimate_segmentation
    from fibsem.inference.volume.before.likeness import stated_unlike

    for warning in stated_unlike(
        voxel_nm, volume.voxel_nm, [model.bundle.trained for model in models]
    ):
        print(f"warning: {warning}", file=sys.stderr)
    volume = volume.with_range(volume.declared or learned_by(models, volume.dtype))
    return estimate_segmentation(volume, mean_of(models), options)
