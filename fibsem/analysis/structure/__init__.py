"""Measures of the pore structure of labelled films, with their definitions.

Arrays are (z, y, x) with 0 for pore, 1 for solid and 2 for unknown. Lengths are in the unit of the
spacing: nanometres if the voxel size is known. Measures that one pass over the slices can compute
are accumulators with ``add(z, slab)`` (:mod:`.walk`). Measures that need a neighbourhood are
functions of an array, applied to blocks with a halo large enough to make the result exact.
"""

from fibsem.analysis.structure.film import Film
from fibsem.analysis.structure.parts import PartErrors

__all__ = ["Film", "PartErrors"]
