"""Memory of a process that labels slices, without the feature maps of a tile.

The rest of ``memory_gib`` is for these feature maps, see :mod:`fibsem.inference.tiling.tiles`.
"""

from __future__ import annotations

import math

from fibsem.errors import UserError
from fibsem.inference.options import Options
from fibsem.inference.tiling.tiles import Room
from fibsem.inference.volume.labelling.slab import WAITING
from fibsem.system.advice import MEMORY_GIB

GIB = 2**30
#: Memory of a process before its first tile: Python, TensorFlow, their libraries.
RUNTIME_GIB = 0.9
#: Arrays of a slice, float32, that reading (2), scoring (1) and finishing (2) hold at once.
AT_WORK = 5
#: Least memory for the feature maps of a tile.
LEAST_MAPS_GIB = 0.05


def room_of(slice_shape: tuple[int, int], kept_bytes: int, halo: int, options: Options) -> Room:
    """Return the memory limits for tiles, next to the runtime and arrays of slices.

    Parameters
    ----------
    slice_shape, kept_bytes
        Shape of a slice, and bytes that the volume caches of chunks with several slices.
    halo
        Slices above and below that a label depends on.
    options
        Options, for ``memory_gib``, ``uncertainty`` and ``tile``.

    Raises
    ------
    UserError
        If ``memory_gib`` is too small even without tiles.
    """
    height, width = slice_shape
    maps_of_slice = 2 + options.uncertainty  # per waiting slice: scores, grey values, spread
    slices = 2 * halo + 2 + maps_of_slice * WAITING + AT_WORK
    held = RUNTIME_GIB + (slices * height * width * 4 + kept_bytes) / GIB
    least = math.ceil(100 * (held + LEAST_MAPS_GIB)) / 100
    if options.memory_gib < least:
        raise UserError(
            f"`{MEMORY_GIB}` must be at least {least:.2f} for slices of {height} x {width} of "
            f"which {2 * halo + 1} are seen at once, but got {options.memory_gib:g}."
        )
    return Room(options.memory_gib, held, options.tile)
