"""``1dcnn``: the rows of the window as one sequence, slice after slice (thesis 3.5).

The sequence is n_x * n_z long (n_z = 5 in the thesis) and has n_y channels. Positions of a sequence
mix columns and slices, so that the network has no form for larger inputs. The kernel is 5 long; of
the layer sizes only the parameter counts are known.
"""

from __future__ import annotations

import keras

from fibsem.models.blocks import Style, flat_head
from fibsem.models.cnn2d import input_window
from fibsem.models.hyperparameters import block_filters, dense_widths
from fibsem.models.spec import ModelSpec


def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network, (batch, n_y, n_x, n_z) in, probability of solid (batch, 1, 1, 1) out."""
    assert not dense, "resolve admits padding=same only, which is not convertible"
    hp, nbhd = spec.hyperparameters, spec.nbhd
    style = Style.of(hp, spec.padding)
    window = input_window(spec)
    x = keras.layers.Permute((3, 2, 1), name="slices_first")(window)
    x = keras.layers.Reshape((nbhd.z * nbhd.x, nbhd.y), name="sequence")(x)
    for i, width in enumerate(block_filters(hp), start=1):
        for letter in "abc"[: style.convs]:
            x = keras.layers.Conv1D(
                width, style.kernel, padding="same", activation=style.activation,
                kernel_regularizer=style.regularizer, kernel_initializer=style.initializer,
                name=f"conv{i}{letter}",
            )(x)  # fmt: skip
        if style.spatial_dropout:
            x = keras.layers.SpatialDropout1D(style.spatial_dropout, name=f"drop{i}")(x)
        if hp["pool"]:
            x = keras.layers.MaxPooling1D(2, name=f"pool{i}")(x)
    score = flat_head([x], dense_widths(hp), hp["dropout"], style)
    return keras.Model(window, score, name="cnn1d")
