"""Picture of a validation square for MLflow: a part of the square and its segmentation.

It starts at the same pixel for every training on a dataset, so that runs can be compared by eye,
and is smaller for slow networks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.pieces import part_of
from fibsem.data.windows import LabelledWindow
from fibsem.inference.model.predict import BlockScorer
from fibsem.system.files import beside
from fibsem.training.boxes import box_scores

#: File name in the folder of a training and among the artifacts of its run.
PICTURE = "validation_square.png"
#: Maximum side of the part in pixels, zoom factor, and gap between panels in pixels of the file.
SIDE, ZOOM, GAP = 128, 2, 4
#: Maximum seconds for scoring the part, which limit its size for slow networks.
MOST_S = 0.5
#: Colours of pore taken for solid, of solid taken for pore (the pore colour of all figures), and of
#: correct pixels.
MISSED, FALSE, RIGHT = (213, 94, 0), (0, 114, 178), (224, 224, 224)

Picture = npt.NDArray[np.uint8]


def draw_square(
    windows: Sequence[LabelledWindow], volumes: Mapping[str, CorrectedVolume],
    scorer: BlockScorer, seconds_per_gigapixel: float, folder: Path,
) -> Path | None:  # fmt: skip
    """Draw grey values, labels, probability of solid, and errors side by side.

    Parameters
    ----------
    windows, volumes
        Windows of validation, in memory, and corrected volumes by the name of their sample.
    scorer
        The trained model.
    seconds_per_gigapixel
        Measured cost, which limits the size of the part.
    folder
        Folder to write ``validation_square.png`` to.

    Returns
    -------
    Path or None
        The file, or None if the part would be smaller than 8 pixels on a side.
    """
    region = most_even(windows).region
    side = min(SIDE, int(math.sqrt(1e9 * MOST_S / seconds_per_gigapixel)))
    rows, columns = (min(n, side) for n in region.box.shape[1:])
    if min(rows, columns) < 8:
        return None
    part = part_of(region, (slice(0, rows), slice(0, columns)))
    volume = volumes[region.sample]
    scores, inner = box_scores(part.box, scorer, volume, 0)
    shown = panels(volume.read(part.box)[0], part.read(), scores[inner])
    with beside(folder / PICTURE) as path:
        Image.fromarray(side_by_side(shown)).save(path, format="PNG")
    return folder / PICTURE


def read_square(path: Path) -> list[Picture]:
    """Read the four panels of a picture that :func:`draw_square` has written.

    Raises
    ------
    ValueError
        If the file is damaged or another picture.
    """
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError) as error:  # Pillow raises both for a file that was cut
        raise ValueError(f"{path} is damaged ({error})") from error
    width, rest = divmod(pixels.shape[1] - 3 * GAP, 4)
    if rest or width <= 0:
        raise ValueError(f"{path} does not have four panels")
    starts = range(0, pixels.shape[1], width + GAP)
    return [pixels[::ZOOM, start : start + width : ZOOM] for start in starts]


def most_even(windows: Sequence[LabelledWindow]) -> LabelledWindow:
    """Return the window whose shares of pore and solid are closest to equal."""

    def unevenness(window: LabelledWindow) -> float:
        labels = window.labels[window.labels != IGNORE]
        return abs(float(labels.mean()) - 0.5) if labels.size else 1.0

    return min(windows, key=unevenness)


def panels(
    grey: npt.NDArray[np.float32],
    labels: npt.NDArray[np.uint8],
    solid: npt.NDArray[np.float32],
) -> list[Picture]:
    """Return the four panels, each (h, w, 3) uint8: grey values, labels, probability, errors.

    Parameters
    ----------
    grey : (h, w) float32
        Corrected grey values, clipped at the 1st and 99th percentile.
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
    """Convert values in [0, 1] to a grey picture (h, w, 3)."""
    return np.repeat(np.rint(255 * values).astype(np.uint8)[..., None], 3, axis=2)


def side_by_side(pictures: Sequence[Picture]) -> Picture:
    """Return pictures in a row, enlarged, with gaps; :func:`read_square` takes four apart."""
    large = [picture.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1) for picture in pictures]
    gap = np.full((large[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([panel for picture in large for panel in (picture, gap)][:-1], axis=1)
