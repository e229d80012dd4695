"""The distance of slices as stated in their names, such as ``slice_00012_z=0.1200um.tif``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fibsem.data.volumes.lengths import length_nm
from fibsem.data.volumes.series.names import Name, literals

#: Text before a position along z, and the unit after it.
BEFORE = re.compile(r"(?:^|[^a-z])z(?:[ _-]?pos(?:ition)?)?[ _=:-]*$", re.IGNORECASE)
UNIT = re.compile(r"[ _]?(nm|um|[µμ]m|mm)(?![a-z])", re.IGNORECASE)


def spacing_nm(names: Sequence[Name], running: Iterable[int], steps: int) -> float | None:
    """Return the mean distance of slices in nm, or None if their names state no positions.

    Parameters
    ----------
    names
        Names in order.
    running
        Indices of the running numbers.
    steps
        Number of steps from the first to the last slice, including lost ones.
    """
    first, last = names[0], names[-1]
    around = literals(first.text, first.numbers)
    for k in running:
        unit = UNIT.match(around[k + 1])
        if unit and steps and BEFORE.search(around[k]):
            way = float(last.numbers[k].value - first.numbers[k].value)
            return length_nm(way / steps, unit[1].lower())
    return None
