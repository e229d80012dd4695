"""Bands along the sides of a film that were labelled as one class: no material, perhaps.

Vacuum, a trench or a cap has grey values like any others: only its labels show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.film import NEITHER, PORE, SOLID, Phases
from fibsem.system.advice import VALID

#: Share of a band that is one class, and share of the slices that must have it.
ALONE, MOSTLY = 0.99, 0.75
#: Pixels and share of the way across the film that it must be deep.
LEAST_PX, LEAST = 16, 0.05
#: Share of the other class in the film below which it is missing by chance, too.
BOTH = 0.1
#: What is told apart, and what may lie along a side alone.
PHASES = {"pore": PORE, "solid": SOLID}
#: How often a slice has to be turned for a side to be the upper one.
TURNS = {"upper": 0, "right": 1, "lower": 2, "left": 3}


def one_class_bands(slices: Iterable[Phases]) -> Iterator[str]:
    """Say along which sides of a film one class is alone in most slices.

    Parameters
    ----------
    slices
        Labels of some slices, (y, x): pores, solid, and neither where nothing was measured. Memory:
        one of them.
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
        one = list(PHASES)[int(pixels.argmax())]
        yield (
            f"the slices looked at are {one} alone: a film of one class may look like one of both "
            "or of the other, as its contrast is brought to that of the training; look at it"
        )
    if min(pixels) < BOTH * sum(pixels) or not sum(pixels):
        return
    for (side, name), of_slices in depths.items():
        deep = [one for one in of_slices if one >= max(LEAST_PX, LEAST * sides[side])]
        if len(deep) >= MOSTLY * len(of_slices):
            yield (
                f"the {side} {np.median(deep):.0f} pixels are {name} alone in "
                f"{100 * len(deep) / len(of_slices):.0f} % of the slices looked at: vacuum, a "
                "trench or a cap beside the material? It is measured; "
                f"{VALID.at('MASK')} leaves it out"
            )


def _depth(labels: Phases, phase: int) -> int:
    """Measured rows from the upper side on of which nearly all is one phase."""
    measured = labels[(labels != NEITHER).any(axis=1)]
    pixels: npt.NDArray[np.int64] = np.cumsum((measured != NEITHER).sum(axis=1))
    alone = np.cumsum((measured == phase).sum(axis=1)) >= ALONE * pixels
    return len(alone) if alone.all() else int(alone.argmin())
