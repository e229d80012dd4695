"""Label a stack in memory into an array in memory: no folder, no ledger, no summary.

It is planned and labelled by the same functions as a volume on disk.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from fibsem.data.material import find_extent, given_extent
from fibsem.data.volumes import Volume
from fibsem.data.volumes.voxels import Voxels
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.tiling.tiles import Room
from fibsem.inference.volume.labelling.slab import SlabWorker
from fibsem.inference.volume.ledger.destination import StackInMemory
from fibsem.inference.volume.ledger.outputs import left_out_label
from fibsem.inference.volume.plan import Planner, SegmentationPlan

Output = Literal["labels", "probabilities"]
#: Values of pore and solid in an array of labels.
CLASSES = (0, 1)


def segment_stack(
    volume: Volume,
    segmenter: Segmenter,
    scorer: Scorer,
    options: Options,
    output: Output = "labels",
) -> Voxels:
    """Compute the labels or the probabilities of every voxel of a stack.

    Parameters
    ----------
    volume
        Grey values; the correction is fitted to them.
    segmenter, scorer
        The models, and their scorer in float32, which can be used for many stacks.
    options
        Options; only extent of the material, certificate, and size and memory of tiles count.
    output
        ``labels`` or ``probabilities``.

    Returns
    -------
    (z, y, x) uint8 or float32
        Labels, 0 pore, 1 solid, 64 not material; or the calibrated mean probability of solid that
        `segment_volume` writes, before rounding, and 0.5 where there is no material.

    Raises
    ------
    UserError
        If no part of the stack is material, or its grey values do not vary.

    Examples
    --------
    ```python
    segmenter = load_bundle(Path("outputs/promote/NAME/bundle")).segmenter
    options = Options(memory_gib=2.0, certificate=False)
    labels = segment_stack(ArrayVolume(stack), segmenter, Scorer(segmenter), options)
    ```
    """
    plan = _planned(volume, segmenter, scorer, options)
    if output == "labels":
        blank = np.full(volume.shape, left_out_label(CLASSES), np.uint8)
        stack = StackInMemory(blank, lambda labels, scores: labels)
    else:
        half = np.full(volume.shape, 0.5, np.float32)
        stack = StackInMemory(half, lambda labels, scores: segmenter.platt(scores))
    worker = SlabWorker.of_plan(volume, segmenter, scorer, plan)
    worker.run([(0, volume.shape[0])], stack, lambda *_: None)
    return stack.stack


def _planned(
    volume: Volume, segmenter: Segmenter, scorer: Scorer, options: Options
) -> SegmentationPlan:
    """Plan the segmentation of a stack; raise ``UserError`` if no part of it is material."""
    declared = given_extent(volume.shape, options.valid)
    extent = find_extent(volume, declared)
    if all(extent.is_blank(z) for z in range(volume.shape[0])):
        raise UserError("a stack must show material, but this one shows none; `valid` may be all.")
    room = Room(options.memory_gib, side=options.tile)
    planner = Planner(
        volume, segmenter, options, declared, room, lambda _: scorer, print, lambda *_: None
    )
    return planner.within(extent)
