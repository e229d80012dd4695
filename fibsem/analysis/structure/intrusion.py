"""Simulated intrusion from a face: pore volume by the widest accessible throat (MIP-PSD).

A ball enters through one face and moves as far as it fits, as non-wetting mercury does; the voxels
that it covers are filled. Unlike in local thickness, wide pores behind narrow throats count as
narrow. Münch, Holzer, J. Am. Ceram. Soc. 91 (2008) 4059.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import cc3d
import numpy as np

from fibsem.analysis.structure.distances import Mask, distance_to, reaches
from fibsem.analysis.structure.film import AXES, PORE, SOLID, Phases, Spacing
from fibsem.analysis.structure.thickness import Sizes, radius_of

#: Faces of a film: the first or the last slice, row or column.
Face = Literal["z0", "z1", "y0", "y1", "x0", "x1"]
FACES: tuple[Face, ...] = get_args(Face)


def intruded(phases: Phases, diameters: Sequence[float], spacing: Spacing, face: Face) -> Sizes:
    """Return the number of the widest ball that reaches each voxel from a face, counted from 1.

    Voxels that no ball reaches get 0.

    Parameters
    ----------
    phases : (z, y, x) uint8
        0 pore, 1 solid, 2 neither, which balls cannot pass.
    diameters
        In ascending order, fewer than 255.
    face
        Where the balls enter: ``z0`` is the first slice, ``x1`` the last column, and so on.

    Notes
    -----
    Centres of balls move from voxel to voxel by faces, edges and corners. The film cannot be
    processed in blocks, as a path may lead through all of it.
    """
    room = distance_to(phases != PORE if (phases > SOLID).any() else phases == SOLID, spacing)
    sizes = np.zeros(phases.shape, np.uint8)
    for number, diameter in enumerate(diameters, start=1):
        radius = radius_of(diameter, spacing)
        centres = reached(reaches(room, radius), face)
        if not centres.any():
            break
        sizes[~reaches(distance_to(centres, spacing), radius)] = number
    sizes[phases != PORE] = 0
    return sizes


def reached(mask: Mask, face: Face, connectivity: int = 26) -> Mask:
    """Return the part of a mask that is connected to a face."""
    numbers = cc3d.connected_components(mask.view(np.uint8), connectivity=connectivity)
    axis, end = AXES.index(face[0]), -int(face[1])
    inside = np.zeros(int(numbers.max(initial=0)) + 1, np.bool_)
    inside[np.take(numbers, end, axis=axis)] = True
    inside[0] = False
    return inside[numbers]
