"""Transport through the parts of a film by axis: medians, and how many parts percolate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fibsem.analysis.structure.film import AXES
from fibsem.quantification.sampled import Passage, Sampled
from fibsem.system.summaries import QuantificationSummary
from fibsem.system.summaries.figures import AxisName

#: A value along each axis, or None.
ByAxis = dict[AxisName, float | None]


def median_through(sampled: Sampled, of: Callable[[Passage], float]) -> ByAxis:
    """Return the median of a measure over percolating parts, by axis; None if no part percolates.

    If only some parts percolate, the median does not describe the film, as the others are left out.
    """
    by_axis = {axis: [of(passage) for passage in sampled.along(axis)] for axis in AXES}
    through = {
        axis: [value for value in values if np.isfinite(value)] for axis, values in by_axis.items()
    }
    return {axis: float(np.median(values)) if values else None for axis, values in through.items()}


def parts_through(sampled: Sampled) -> dict[AxisName, tuple[int, int]]:
    """Return the number of percolating parts and of all measured parts, by axis."""
    by_axis = {axis: sampled.along(axis) for axis in AXES}
    return {
        axis: (sum(passage.diffusion.relative > 0 for passage in parts), len(parts))
        for axis, parts in by_axis.items()
    }


def tortuosity_text(film: QuantificationSummary, axis: AxisName) -> str:
    """Format the tortuosity factor along an axis, with the number of parts if not all percolate."""
    factor, of_parts = film.tortuosity_factor[axis], film.parts_through
    through, parts = of_parts[axis] if of_parts else (0, None)
    if parts == 0:
        return "not measured"
    if factor is None:
        return "none"
    closed = f" (through in {through} of {parts} parts)" if parts and through < parts else ""
    return f"{factor:.2f}{closed}"
