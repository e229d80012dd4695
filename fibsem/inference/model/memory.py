"""Memory of the feature maps of a tile, which is tested before TensorFlow needs it.

TensorFlow does not check every failing allocation. If a process may not have the memory of a tile
(``ulimit -v``, limits of a cluster's queue), it mostly dies of SIGSEGV or of ``std::bad_alloc`` in
one of its threads, and seldom raises `ResourceExhaustedError`, as it does for an accelerator. So
NumPy allocates the memory first, which raises a `MemoryError`.
"""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf

#: Errors of an allocation that fails.
OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
#: Feature maps in memory at once, as multiples of one layer's input and output (measured: below 2).
MAPS_ALIVE = 2.0
#: Size of TensorFlow's memory pool, which grows by doubling, over that of the maps in it (measured:
#: up to 1.2).
POOL = 1.5
#: Bytes for everything else in the process while a tile is computed.
SPARE = 2**28

#: Most bytes that were granted so far, since TensorFlow's pool keeps what it has.
_granted = 0.0


def bytes_per_pixel(network: keras.Model, precision: str) -> float:
    """Return the bytes of feature maps per pixel of a tile, by the network's widest layer."""
    widest = max(
        _values(layer.output) + sum(_values(tensor) for tensor in _inputs(layer))
        for layer in network.layers
    )
    return MAPS_ALIVE * widest * (2 if precision == "bfloat16" else 4)


def ask_for(maps: float) -> None:
    """Check that TensorFlow can allocate the memory of feature maps.

    NumPy allocates and frees it at once, only if it is more than in any earlier call.

    Parameters
    ----------
    maps
        Bytes of the tile's feature maps.

    Raises
    ------
    MemoryError
        If the memory cannot be allocated.
    """
    global _granted
    if maps > _granted:
        np.empty(int(POOL * maps) + SPARE, np.uint8)
        _granted = maps


def _inputs(layer: keras.layers.Layer) -> list[keras.KerasTensor]:
    inputs = layer.input
    return list(inputs) if isinstance(inputs, list | tuple) else [inputs]


def _values(tensor: keras.KerasTensor) -> int:
    """Return the values of a map per pixel of the slice: channels, times slices if z is an axis."""
    return math.prod(extent for extent in tensor.shape[1:] if extent is not None)
