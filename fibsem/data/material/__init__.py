"""Find what is not material: rims of alignment, lost slices, blocks of fill value, data bars.

A grey value alone proves nothing: real pores are clipped to black, real solid saturates, and both
touch the border. So a rim must have a straight edge along its side, and if other black lies behind
this edge, neighbouring slices must have the same one; a lost slice must differ from its neighbours;
a block must be a rectangle; a bar must stand still while the film changes. Anything that only has
the value is measured, with a warning.
"""

from fibsem.data.material.extent import Extent, Left
from fibsem.data.material.finding import RULES, find_extent, given_extent, look_for, odd_in

__all__ = ["RULES", "Extent", "Left", "find_extent", "given_extent", "look_for", "odd_in"]
