"""``2dcnn``: the standard network of the study; the slices of the window are its channels.

Thesis 3.5 and Figure 4.1. Convolutions come in pairs of equal width followed by a 2 x 2 max-pool
(a block), then dense layers with dropout between them, ELU throughout, sigmoid at the end.
"""

from __future__ import annotations

import keras

from fibsem.models.blocks import conv, conv_head, flat_head, pool
from fibsem.models.spec import DENSE_WIDTHS, Field, ModelSpec, block_filters


def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network, (batch, y, x, z) in, probability of solid (batch, g_y, g_x, 1) out.

    With ``padding=valid`` height and width of the input are free: a window of one neighbourhood
    gives one probability (patch), a larger one gives a grid of them ``spec.stride`` pixels apart,
    and ``dense=True`` builds the twin with the same weights that gives one at every pixel. With
    ``padding=same`` the input is one neighbourhood.
    """
    return _same(spec) if spec.padding == "same" else _valid(spec, dense)


def _same(spec: ModelSpec) -> keras.Model:
    hp, nbhd = spec.hyperparameters, spec.nbhd
    window = x = keras.Input((nbhd.y, nbhd.x, nbhd.z), name="window")
    for i, filters in enumerate(block_filters(hp["filters"], hp["blocks"]), start=1):
        for letter in "ab":
            name = f"conv{i}{letter}"
            x = conv(x, filters, hp["kernel"], name, padding="same", l2=hp["l2"])
        x = pool(x, f"pool{i}")
    widths = DENSE_WIDTHS[: hp["dense_layers"]]
    score = flat_head(x, widths, dropout=hp["dropout"], l2=hp["l2"])
    return keras.Model(window, score, name="cnn2d_same")


def _valid(spec: ModelSpec, dense: bool) -> keras.Model:
    hp, field = spec.hyperparameters, spec.field
    assert isinstance(field, Field)
    dilation = 1 if dense else None
    window = keras.Input((None, None, spec.nbhd.z), name="window")
    crop = field.crop(spec.nbhd.x)
    x = keras.layers.Cropping2D((crop, crop), name="field")(window)
    filters = block_filters(hp["filters"], hp["blocks"])
    for i, (width, pooled) in enumerate(zip(filters, field.pooled, strict=True), start=1):
        for letter in "ab":
            x = conv(x, width, hp["kernel"], f"conv{i}{letter}", l2=hp["l2"], dilation=dilation)
        if pooled:
            x = pool(x, f"pool{i}", dilation=dilation)
            dilation = dilation and 2 * dilation
    score = conv_head(
        x,
        field.head,
        DENSE_WIDTHS[: hp["dense_layers"]],
        dropout=hp["dropout"],
        l2=hp["l2"],
        dilation=dilation,
    )
    return keras.Model(window, score, name="cnn2d_dense" if dense else "cnn2d")
