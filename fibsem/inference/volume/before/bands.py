"""Warn of bands along the sides of a film that were labelled as a single class.

They may be vacuum, a trench or a cap, whose grey values may resemble the material: only their
uniform labels reveal them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.film import NEITHER, PORE, SOLID, Phases
from fibsem.system.advice import VALID

#: Least share of a band's pixels in one class, and least share of slices with such a band.
ALONE, MOSTLY = 0.99, 0.75
#: Least depth of a band: in pixels, and as a share of the film's extent.
LEAST_PX, LEAST = 16, 0.05
#: Least share of the other class in the film; if it is rarer, bands without it occur by chance.
BOTH = 0.1
#: Classes whose bands are searched for, by name.
PHASES = {"pore": PORE, "solid": SOLID}
#: Quarter turns that bring a side of a slice to the top.
TURNS = {"upper": 0, "right": 1, "lower": 2, "left": 3}


def one_class_bands(slices: Iterable[Phases]) -> Iterator[str]:
    """Warn of sides along which most slices have a band of a single class.

    Also warn if all slices together show only one class.

    Parameters
    ----------
    slices
        Labels of some slices, (y, x): pore, solid, or neither where nothing was measured. Memory:
        one slice.
    """
    pixels, sides = np.zeros(2, np.int64), dict.fromkeys(TURNS, 0)
    depths: dict[tuple[str, str], list[int]] = {(s, name): [] for s in TURNS for name in PHASES}
    for labels in slices:
        pixels += [np.count_nonzero(labels == phase) for phase in PHASES.values()]
        for side, turns in TURNS.items():
            turned = np.rot90(labels, turns)
            sides[side] = len(turned)
            for name, phase in PHASES.items():
                depths[side, name].append(_depth(turned, phase))
    if sum(pixels) and not min(pixels):
        only = list(PHASES)[int(pixels.argmax())]
        yield (
            f"the slices looked at are {only} alone: a film of one class may look like one of both "
            "or of the other, as its contrast is brought to that of the training; look at it"
        )
    if min(pixels) < BOTH * sum(pixels) or not sum(pixels):
        return
    for (side, name), of_slices in depths.items():
        deep = [depth for depth in of_slices if depth >= max(LEAST_PX, LEAST * sides[side])]
        if len(deep) >= MOSTLY * len(of_slices):
            yield (
                f"the {side} {np.median(deep):.0f} pixels are {name} alone in "
                f"{100 * len(deep) / len(of_slices):.0f} % of the slices looked at: vacuum, a "
                "trench or a cap beside the material? It is measured; "
                f"{VALID.at('MASK')} leaves it out"
            )


def _depth(labels: Phases, phase: int) -> int:
    """Return the number of rows from the upper side that are nearly all of one class."""
    measured = labels[(labels != NEITHER).any(axis=1)]
    pixels: npt.NDArray[np.int64] = np.cumsum((measured != NEITHER).sum(axis=1))
    alone = np.cumsum((measured == phase).sum(axis=1)) >= ALONE * pixels
    return len(alone) if alone.all() else int(alone.argmin())
