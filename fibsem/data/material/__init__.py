"""What of a film is not material: rims of alignment, lost slices, blocks of fill value, data bars.

A value alone says nothing: real pores are clipped to black, real solids saturate, and both touch
the border. So a rim must have a straight edge along its side, and an edge with other black behind
it the same one in neighbouring slices; a lost slice must differ from its neighbours; a block must
be a rectangle; a bar must stand still while the film moves on. What has only the value is measured,
and said.
"""

from fibsem.data.material.extent import Extent, Left
from fibsem.data.material.finding import RULES, find_extent, given_extent, look_for, odd_in

__all__ = ["RULES", "Extent", "Left", "find_extent", "given_extent", "look_for", "odd_in"]
