"""``3dcnn``: convolutions of 3 x 3 x 3, and pools of 2 x 2 x 1 except the first (thesis 3.5).

According to the text of the thesis z is never pooled, but its parameter counts imply that the first
pool (the first two at n_x = 11) halves z too. The code follows the counts, see ``z_pools``.
"""

from __future__ import annotations

import keras

from fibsem.models.blocks import Style, blocks_z, conv_tail, conv_z, cropped, flat_head, with_z
from fibsem.models.cnn2d import input_window
from fibsem.models.hyperparameters import block_filters, dense_widths
from fibsem.models.layers import XYZ
from fibsem.models.spec import ModelSpec


def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network, (batch, y, x, z) in, probability of solid (batch, g_y, g_x, 1) out.

    The dense form is dense in y and x only; z stays within the window.
    """
    hp, field = spec.hyperparameters, spec.field
    style = Style.of(hp, spec.padding, dense)
    filters, widths = block_filters(hp), dense_widths(hp)
    window = input_window(spec)
    options = {"axes": XYZ, "z_pools": hp["z_pools"]}
    if field is None:
        x, _ = blocks_z(with_z(window), filters, [hp["pool"]] * len(filters), style, **options)
        return keras.Model(window, flat_head([x], widths, hp["dropout"], style), name="cnn3d")
    x = with_z(cropped(window, field, spec.nbhd.x))
    x, deep = blocks_z(x, filters, field.pooled, style, **options)
    kernel = (x.shape[1], field.head, field.head)
    x = conv_z(x, widths[0], kernel, "dense1", deep, same=(False, False, False))
    x = keras.ops.squeeze(x, 1)
    return keras.Model(window, conv_tail(x, widths, hp["dropout"], deep), name="cnn3d")
