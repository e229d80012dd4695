"""Porosity of a film by trainings with other seeds, from the ranking of a promotion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fibsem.inference.volume.porosity.tested import FilmSquares
from fibsem.system.summaries.porosity import Seeds

#: How the porosity of each seed was measured: a ranking chooses no threshold, so that it uses
#: another one than the promoted model.
SEEDS_ON = "validation squares at threshold 0.5, unsmoothed"


def porosity_by_seed(own: FilmSquares | None, tested: Sequence[FilmSquares]) -> Seeds:
    """Porosities of a film by trainings with other seeds, on its ``own`` squares."""
    others = {f.sample: _sd(f.seeds) for f in tested if f is not own and len(f.seeds) > 1}
    if own and len(own.seeds) > 1:
        each = own.seeds
        return Seeds(each, _sd(each), len(each), SEEDS_ON, others=others)
    return Seeds(why="on this film" if others else "promote rank.k=2 does", others=others)


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1))
