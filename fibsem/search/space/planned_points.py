"""Points of a space that do not depend on results: the same for a slot, whoever asks for it."""

from __future__ import annotations

from collections.abc import Iterator

from fibsem.config.search import PLANNED
from fibsem.search.space.space import Space, Values


class PlannedPoints:
    """Points of a grid, of cells in turn, or at random, by slot.

    For samplers that learn from results (TPE, CMA-ES) only the default settings of the space are
    planned: they begin with these, too.

    The point of a slot depends on ``search.seed`` and its number alone. All points before it are
    drawn first, and kept, so that a thousand slots take a thousand draws.

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
        """The point of a slot; empty if the sampler draws it later, None if a grid has no more."""
        if self._further is None:
            return self._drawn[slot] if slot < len(self._drawn) else {}
        while len(self._drawn) <= slot:
            point = next(self._further, None)
            if point is None:
                return None
            self._drawn.append(point)
        return self._drawn[slot]
