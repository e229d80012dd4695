"""What a porous film is like inside: functions on labelled voxels, and their definitions.

Arrays are (z, y, x) of 0 pore, 1 solid and 2 where neither is known; lengths are in the unit of the
spacing, nanometres where a voxel's size is known. What a walk through the slices can find is an
accumulator with ``add(z, slab)`` (:mod:`.walk`); what needs a neighbourhood is a function of an
array, applied to blocks with a halo that makes it exact.
"""

from fibsem.analysis.structure.film import Film
from fibsem.analysis.structure.parts import PartErrors

__all__ = ["Film", "PartErrors"]
