"""``mv2dcnn``: the mean over the slices of the window, then the standard network (thesis 3.5)."""

from __future__ import annotations

import keras

from fibsem.models.cnn2d import classify, input_window
from fibsem.models.spec import ModelSpec


def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network, (batch, y, x, z) in, probability of solid (batch, g_y, g_x, 1) out."""
    window = input_window(spec)
    mean = keras.ops.mean(window, axis=-1, keepdims=True)
    return keras.Model(window, classify(mean, spec, dense), name="mv2dcnn")
