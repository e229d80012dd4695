"""Memory of a tile: how much its feature maps take, and whether the process may have it.

TensorFlow does not look at every allocation that fails. Where a process may not have the memory of
a tile (``ulimit -v``, limits of a cluster's queue), it nearly always ends with SIGSEGV or with
``std::bad_alloc`` in one of its threads, and seldom raises `ResourceExhaustedError`, which it does
for an accelerator. So the memory is asked for first, by NumPy, which raises.
"""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf

#: What is raised where an allocation fails.
OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
#: Feature maps alive at once, as multiples of one layer's input and output (measured: below 2).
MAPS_ALIVE = 2.0
#: TensorFlow's pool against the maps in it: it grows by doubling (measured: up to 1.2).
POOL = 1.5
#: For everything else of the process while a tile is computed, bytes.
SPARE = 2**28

#: Most that this process was granted so far: TensorFlow's pool keeps what it has.
_granted = 0.0


def bytes_per_pixel(network: keras.Model, precision: str) -> float:
    """Memory of what a network computes for each pixel of a tile, that of its widest layer."""
    widest = max(
        _values(layer.output) + sum(_values(tensor) for tensor in _inputs(layer))
        for layer in network.layers
    )
    return MAPS_ALIVE * widest * (2 if precision == "bfloat16" else 4)


def ask_for(maps: float) -> None:
    """Make sure that TensorFlow can have the memory of feature maps.

    It is asked for and given back, untouched, and only where it is more than ever before.

    Parameters
    ----------
    maps
        Bytes of the feature maps of a tile.

    Raises
    ------
    MemoryError
        If the process may not have it.
    """
    global _granted
    if maps > _granted:
        np.empty(int(POOL * maps) + SPARE, np.uint8)
        _granted = maps


def _inputs(layer: keras.layers.Layer) -> list[keras.KerasTensor]:
    given = layer.input
    return list(given) if isinstance(given, list | tuple) else [given]


def _values(tensor: keras.KerasTensor) -> int:
    """Values of a map for each pixel of the slice: channels, times slices where z is an axis."""
    return math.prod(extent for extent in tensor.shape[1:] if extent is not None)
