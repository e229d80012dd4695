"""The dense twin: the same weights, a probability for every pixel of a block."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from fibsem.errors import UserError
from fibsem.models import build
from fibsem.models.blocks import NORM
from fibsem.models.normalisation import EPSILON
from fibsem.models.settings import maps_in
from fibsem.models.spec import ModelSpec
from fibsem.system.interrupts import uninterrupted


def why_not_dense(spec: ModelSpec) -> str | None:
    """Say why a network has no dense form, or None where it has one."""
    if spec.convertible:
        return None
    has_one = "valid" in spec.architecture.paddings
    return (
        f"a network with padding={spec.padding} depends on where its patch ends, so that one pixel "
        f"needs one patch; {'padding=valid' if has_one else 'another network'} gives a dense one"
    )


@uninterrupted()
def dense_twin(spec: ModelSpec, model: keras.Model, *, precision: str = "float32") -> keras.Model:
    """Build the dense twin of a trained network.

    Parameters
    ----------
    spec, model
        The network in strided form, as trained or loaded.
    precision
        ``float32`` or ``bfloat16``: the type of the feature maps. Weights and the final sigmoid
        stay in float32.

    Returns
    -------
    keras.Model
        (batch, y + n_y - 1, x + n_x - 1, z) in, (batch, y, x, 1) float32 out.

    Raises
    ------
    UserError
        If the network is not convertible.

    Notes
    -----
    Equal to the patch form but for rounding: the same products are added, in another order, and
    normalisations are folded into the convolutions before them.
    """
    reason = why_not_dense(spec)
    if reason:
        raise UserError(f"`model={spec.name}` cannot be evaluated densely: {reason}.")
    with maps_in(precision):
        twin = build(spec, dense=True)
    trained = {layer.name: layer for layer in model.layers}
    for layer in twin.layers:  # by name: the two forms need not list their layers in one order
        if layer.weights:
            norm = trained.get(f"{layer.name}{NORM}")
            own = trained[layer.name].get_weights()
            layer.set_weights(folded(own, norm.get_weights()) if norm else own)
    return twin


def folded(
    weights: list[npt.NDArray[np.float32]], norm: list[npt.NDArray[np.float32]]
) -> list[npt.NDArray[np.float32]]:
    """Kernel and bias of a convolution that gives what a normalisation makes of its outputs.

    With mean m, variance v, scale g and offset b that is g (k x + c - m) / sqrt(v + eps) + b, a
    convolution with the kernel s k and the bias s (c - m) + b, where s = g / sqrt(v + eps).

    Parameters
    ----------
    weights
        Kernel k, (..., filters), and bias c.
    norm
        g, b, m and v, (filters,) each.
    """
    kernel, bias = weights
    scale, offset, mean, variance = (np.asarray(some, np.float64) for some in norm)
    scale /= np.sqrt(variance + EPSILON)
    return [(kernel * scale).astype("f4"), (scale * (bias - mean) + offset).astype("f4")]
