"""Points of a space that do not depend on results, so that every slot has a fixed one."""

from __future__ import annotations

from collections.abc import Iterator

from fibsem.config.search import PLANNED
from fibsem.search.space.space import Space, Values


class PlannedPoints:
    """Points of a grid, of cells in turn, or at random, by slot.

    For samplers that learn from results (TPE, CMA-ES) only the default settings of the space are
    planned, as their first points.

    The point of a slot depends only on ``search.seed`` and its number. Points are drawn in order
    and cached, so that a thousand slots take a thousand draws.

    Parameters
    ----------
    space
        The search space.
    sampler, seed, grid_points
        Settings of the search, ``search.*``.
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
        """Return the point of a slot; empty if a sampler draws it, None if a grid is exhausted."""
        if self._further is None:
            return self._drawn[slot] if slot < len(self._drawn) else {}
        while len(self._drawn) <= slot:
            point = next(self._further, None)
            if point is None:
                return None
            self._drawn.append(point)
        return self._drawn[slot]
