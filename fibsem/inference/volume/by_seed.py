"""How far trainings with other seeds are apart on a film that a model was tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fibsem.inference.volume.tested import FilmSquares

Record = dict[str, Any]

#: What the porosity of each seed is measured on, and how: a ranking chooses no threshold.
SEEDS_ON = "validation squares at threshold 0.5, unsmoothed"


@dataclass(frozen=True)
class PorosityBySeed:
    """How far trainings with other seeds are apart on the validation squares of a film.

    Attributes
    ----------
    each
        Porosity by seed, at :data:`SEEDS_ON` and not at the threshold that is chosen for the model
        that is promoted; empty where nobody looked.
    others
        Standard deviation on other films.
    why
        The reason where nobody looked.
    """

    each: tuple[float, ...]
    others: Mapping[str, float]
    why: str | None = None

    @property
    def sd(self) -> float | None:
        """Standard deviation over seeds."""
        return _sd(self.each) if self.each else None

    def to_json(self) -> Record:
        """What the summary says of it."""
        others = dict(self.others)
        if not self.each:
            return {"each": None, "sd": None, "why": self.why, "others": others}
        return {
            "each": list(self.each), "sd": self.sd, "why": None, "seeds": len(self.each),
            "on": SEEDS_ON, "others": others,
        }  # fmt: skip


def porosity_by_seed(own: FilmSquares | None, tested: Sequence[FilmSquares]) -> PorosityBySeed:
    """How far trainings with other seeds are apart on a film, by its ``own`` squares."""
    others = {f.sample: _sd(f.seeds) for f in tested if f is not own and len(f.seeds) > 1}
    if own and len(own.seeds) > 1:
        return PorosityBySeed(own.seeds, others)
    return PorosityBySeed((), others, "on this film" if others else "promote rank.k=2 does")


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1))
