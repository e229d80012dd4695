"""Keep scored squares on disk, because a film labelled in every slice has gigabytes of scores."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fibsem.analysis.postprocessing import ScoredSquare
from fibsem.data.dataset.samples import Region

#: Placeholder for scores that were written to the file.
NOTHING = np.empty((0, 0), np.float32)


def spilled(
    squares: Iterable[tuple[Region, ScoredSquare]], folder: Path
) -> list[tuple[Region, ScoredSquare]]:
    """Move the scores of squares to a file that is mapped into memory, read-only.

    Parameters
    ----------
    squares
        Consumed one by one; the scores of each are written and released.
    folder
        Folder of the temporary file, which is deleted with the squares or when the process ends.

    Raises
    ------
    OSError
        If the disk is full.
    """
    without_scores: list[tuple[Region, ScoredSquare]] = []
    shapes: list[tuple[int, ...]] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for region, square in squares:
            file.write(np.ascontiguousarray(square.scores, np.float32).data)
            shapes.append(square.scores.shape)
            without_scores.append((region, replace(square, scores=NOTHING)))
        if not file.tell():
            return without_scores
        file.flush()
        everything = np.memmap(file, np.float32, "r")  # a single map, as each keeps a file open
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    scores = [
        flat.reshape(shape)
        for flat, shape in zip(np.split(everything, ends[:-1]), shapes, strict=True)
    ]
    return [
        (r, replace(s, scores=part_scores))
        for (r, s), part_scores in zip(without_scores, scores, strict=True)
    ]
