"""How far apart slices are, as their names tell: ``slice_00012_z=0.1200um.tif``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fibsem.data.volumes.lengths import length_nm
from fibsem.data.volumes.series.names import Name, literals

#: What stands before a position along z, and the unit behind it.
BEFORE = re.compile(r"(?:^|[^a-z])z(?:[ _-]?pos(?:ition)?)?[ _=:-]*$", re.IGNORECASE)
UNIT = re.compile(r"[ _]?(nm|um|[µμ]m|mm)(?![a-z])", re.IGNORECASE)


def spacing_nm(names: Sequence[Name], running: Iterable[int], steps: int) -> float | None:
    """Mean distance of slices in nm; None where their names tell no positions.

    Parameters
    ----------
    names
        In order.
    running
        Which of their numbers run.
    steps
        From the first slice to the last, with those that are lost.
    """
    first, last = names[0], names[-1]
    around = literals(first.text, first.numbers)
    for k in running:
        unit = UNIT.match(around[k + 1])
        if unit and steps and BEFORE.search(around[k]):
            way = float(last.numbers[k].value - first.numbers[k].value)
            return length_nm(way / steps, unit[1].lower())
    return None
