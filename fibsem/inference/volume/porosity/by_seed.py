"""Porosity of a film by trainings with other seeds, from the ranking of a promotion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fibsem.inference.volume.porosity.tested import FilmSquares
from fibsem.system.summaries.porosity import Seeds

#: Squares and threshold of each seed's porosity: a ranking does not choose a threshold, so its
#: threshold may differ from that of the promoted model.
SEEDS_ON = "validation squares at threshold 0.5, unsmoothed"


def porosity_by_seed(squares: FilmSquares | None, tested: Sequence[FilmSquares]) -> Seeds:
    """Return the porosities of a film by trainings with other seeds, on its own squares.

    ``squares`` are those of the film, and ``tested`` those of all films; the squares of other films
    give their spreads.
    """
    others = {f.sample: _sd(f.seeds) for f in tested if f is not squares and len(f.seeds) > 1}
    if squares and len(squares.seeds) > 1:
        porosities = squares.seeds
        return Seeds(porosities, _sd(porosities), len(porosities), SEEDS_ON, others=others)
    return Seeds(why="on this film" if others else "promote rank.k=2 does", others=others)


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1))
