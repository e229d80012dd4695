"""What people look at of a training in MLflow: a part of a validation square and what is found.

It begins at the same pixel for every training on a dataset, so that runs can be compared by eye; of
slow networks it is smaller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.pieces import part_of
from fibsem.data.windows import LabelledWindow
from fibsem.inference.model.predict import BlockScorer
from fibsem.system.files import beside
from fibsem.training.material.fixed_draws import piece_windows
from fibsem.training.material.material import Material
from fibsem.training.scoring.scoring import scored_squares

#: Name of the file, in the folder of a training and among the artifacts of its run.
PICTURE = "validation_square.png"
#: Pixels across the part at most, of the file for each of them, and between two panels.
SIDE, ZOOM, GAP = 128, 2, 4
#: A network that goes patch by patch is shown on as much as it scores in so many seconds.
MOST_S = 0.5
#: Colours of a pore that was not found, of solid taken for one (that of pores in all figures), and
#: of what is right.
MISSED, FALSE, RIGHT = (213, 94, 0), (0, 114, 178), (224, 224, 224)

Picture = npt.NDArray[np.uint8]


def draw_square(
    material: Material, scorer: BlockScorer, seconds_per_gigapixel: float, folder: Path
) -> Path | None:
    """Draw grey values, labels, probability of solid, and what is wrong, side by side.

    Parameters
    ----------
    material, scorer
        The data, and the trained model.
    seconds_per_gigapixel
        As measured; it bounds the part that is shown.
    folder
        Where ``validation_square.png`` is written.

    Returns
    -------
    Path or None
        The file; None where the model is too slow for a part worth looking at.
    """
    region = most_even(_windows(material)).region
    side = min(SIDE, int(math.sqrt(1e9 * MOST_S / seconds_per_gigapixel)))
    rows, columns = (min(n, side) for n in region.box.shape[1:])
    if min(rows, columns) < 8:
        return None
    part = part_of(region, (slice(0, rows), slice(0, columns)))
    _, square = next(scored_squares(material, scorer, "val", regions=[part]))
    grey = material.volumes[region.sample].read(part.box)[0]
    solid = square.scores[square.inner]
    with beside(folder / PICTURE) as path:
        Image.fromarray(_side_by_side(panels(grey, square.labels, solid))).save(path, format="PNG")
    return folder / PICTURE


def _windows(material: Material) -> Sequence[LabelledWindow]:
    """What the training was validated on, which is in memory."""
    by_pieces = material.config.train.validation == "pieces"
    return piece_windows(material, "val") if by_pieces else material.val


def most_even(windows: Sequence[LabelledWindow]) -> LabelledWindow:
    """The window with pores and solid as equally frequent as there is one."""

    def unevenness(window: LabelledWindow) -> float:
        labels = window.labels[window.labels != IGNORE]
        return abs(float(labels.mean()) - 0.5) if labels.size else 1.0

    return min(windows, key=unevenness)


def panels(
    grey: npt.NDArray[np.float32],
    labels: npt.NDArray[np.uint8],
    solid: npt.NDArray[np.float32],
) -> list[Picture]:
    """The four pictures, each (h, w, 3) uint8.

    Parameters
    ----------
    grey : (h, w) float32
        Corrected grey values; the darkest and the brightest hundredth are cut.
    labels : (h, w) uint8
        0 pore, 1 solid, 255 unlabelled.
    solid : (h, w) float32
        Probability of solid.
    """
    low, high = np.percentile(grey, (1, 99))
    shown = np.clip((grey - low) / max(float(high - low), 1e-6), 0, 1)
    labelled, segmented = labels != IGNORE, (solid >= 0.5).astype(np.uint8)
    drawn = np.where(labelled, labels, 0.5)
    wrong = np.full((*labels.shape, 3), 255, np.uint8)
    wrong[labelled] = RIGHT
    wrong[labelled & (labels == 0) & (segmented == 1)] = MISSED
    wrong[labelled & (labels == 1) & (segmented == 0)] = FALSE
    return [*(_grey(values) for values in (shown, drawn, solid)), wrong]


def _grey(values: npt.NDArray[np.floating]) -> Picture:
    """Values in [0, 1] as grey of three channels."""
    return np.repeat(np.rint(255 * values).astype(np.uint8)[..., None], 3, axis=2)


def _side_by_side(pictures: Sequence[Picture]) -> Picture:
    large = [picture.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1) for picture in pictures]
    gap = np.full((large[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([part for one in large for part in (one, gap)][:-1], axis=1)
