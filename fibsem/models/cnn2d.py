"""``2dcnn``: the standard network of the thesis; the slices of the window are its channels.

Thesis 3.5 and Figure 4.1. Blocks of two convolutions of equal width and a 2 x 2 max-pool are
followed by dense layers with dropout between them; ELU throughout, sigmoid at the end.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from fibsem.models.blocks import Style, blocks, conv_head, cropped, flat_head
from fibsem.models.hyperparameters import block_filters, dense_widths
from fibsem.models.spec import ModelSpec


def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network, (batch, y, x, z) in, probability of solid (batch, g_y, g_x, 1) out.

    With ``padding=valid`` height and width of the input are free: a window of one neighbourhood
    gives one probability (patch), a larger one a grid of them ``spec.stride`` pixels apart, and
    ``dense=True`` builds the twin with the same weights that gives one for every pixel. With
    ``padding=same`` the input is one neighbourhood.
    """
    window = input_window(spec)
    return keras.Model(window, classify(window, spec, dense), name="cnn2d")


def input_window(spec: ModelSpec) -> keras.KerasTensor:
    """Return the input of a network: a window of one neighbourhood, or of any size if valid."""
    n = spec.nbhd
    extent = (n.y, n.x) if spec.padding == "same" else (None, None)
    return keras.Input((*extent, n.z), name="window")


def classify(x: tf.Tensor, spec: ModelSpec, dense: bool) -> tf.Tensor:
    """Apply blocks and head in 2D, (batch, y, x, channel) to (batch, g_y, g_x, 1)."""
    hp, field = spec.hyperparameters, spec.field
    style = Style.of(hp, spec.padding, dense)
    filters, widths = block_filters(hp), dense_widths(hp)
    if field is None:
        x, style = blocks(x, filters, [hp["pool"]] * len(filters), style)
        return flat_head([x], widths, hp["dropout"], style)
    x, style = blocks(cropped(x, field, spec.nbhd.x), filters, field.pooled, style)
    return conv_head(x, field.head, widths, hp["dropout"], style)
