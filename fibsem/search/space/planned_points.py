"""Points of a space that a sampler knows beforehand: slot by slot, whoever asks, and when."""

from __future__ import annotations

from collections.abc import Iterator

from fibsem.config.search import PLANNED
from fibsem.search.space.space import Space, Values


class PlannedPoints:
    """The points of a grid, of cells in turn, or drawn without looking at results.

    Of samplers that look at results they are the defaults of the space alone, with which these
    begin, too.

    What a slot gets depends on ``search.seed`` and its number alone. The points before it have to
    be drawn for it, so that they are remembered: a thousand slots take a thousand draws.

    Parameters
    ----------
    space
        Where points are from.
    sampler, seed, grid_points
        Of the search.
    """

    def __init__(self, space: Space, sampler: str, seed: int = 0, grid_points: int = 3) -> None:
        self._drawn: list[Values] = []
        self._further: Iterator[Values] | None = None
        if sampler == "grid":
            self._further = iter(space.grid(seed, grid_points))
        elif sampler in PLANNED:
            cells = sampler == "enumerated"
            self._further = space.plan(seed, enumerate_cells=cells)
        else:
            self._drawn = [dict(point) for point in space.defaults]

    def of_slot(self, slot: int) -> Values | None:
        """The point of a slot; empty where the sampler decides later, None where none is left."""
        if self._further is None:
            return self._drawn[slot] if slot < len(self._drawn) else {}
        while len(self._drawn) <= slot:
            point = next(self._further, None)
            if point is None:
                return None
            self._drawn.append(point)
        return self._drawn[slot]
