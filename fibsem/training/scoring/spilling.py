"""Scored squares that need not be in memory: a film labelled in every slice has gigabytes."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fibsem.analysis.postprocessing import ScoredSquare
from fibsem.data.dataset.samples import Region

#: In the place of scores that are on their way.
NOTHING = np.empty((0, 0), np.float32)


def spilled(
    squares: Iterable[tuple[Region, ScoredSquare]], folder: Path
) -> list[tuple[Region, ScoredSquare]]:
    """Squares whose scores lie in a file that is mapped into memory, read only.

    Parameters
    ----------
    squares
        Are taken one by one; their scores are written and let go.
    folder
        Where the file is made. It has no name: it is gone with the squares, or with the process.

    Raises
    ------
    OSError
        If the disk is full.
    """
    kept: list[tuple[Region, ScoredSquare]] = []
    shapes: list[tuple[int, ...]] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for region, square in squares:
            file.write(np.ascontiguousarray(square.scores, np.float32).data)
            shapes.append(square.scores.shape)
            kept.append((region, replace(square, scores=NOTHING)))
        if not file.tell():
            return kept
        file.flush()
        everything = np.memmap(file, np.float32, "r")  # one of all: each would hold a file open
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    scores = [
        part.reshape(shape)
        for part, shape in zip(np.split(everything, ends[:-1]), shapes, strict=True)
    ]
    return [(r, replace(s, scores=some)) for (r, s), some in zip(kept, scores, strict=True)]
