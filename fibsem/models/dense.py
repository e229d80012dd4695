"""Dense twin of a network: the same weights, with an output for every pixel of a block."""

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
    """Explain why a network has no dense form, or return None if it has one."""
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
        Specification, and the trained network in strided form.
    precision
        ``float32`` or ``bfloat16``: the type of the feature maps. Weights and the final sigmoid
        stay in float32.

    Returns
    -------
    keras.Model
        (batch, y + 2 halo_y, x + 2 halo_x, z) in, (batch, y, x, 1) float32 out; the halo is that of
        the spec.

    Raises
    ------
    UserError
        If the network is not convertible.

    Notes
    -----
    The result equals that of the patch form up to rounding: the same products are summed in another
    order, and normalisations are folded into the preceding convolutions.
    """
    reason = why_not_dense(spec)
    if reason:
        raise UserError(f"`model={spec.name}` cannot be evaluated densely: {reason}.")
    with maps_in(precision):
        twin = build(spec, dense=True)
    trained = {layer.name: layer for layer in model.layers}
    for layer in twin.layers:  # by name, as the order of layers may differ
        if layer.weights:
            norm = trained.get(f"{layer.name}{NORM}")
            weights = trained[layer.name].get_weights()
            layer.set_weights(folded(weights, norm.get_weights()) if norm else weights)
    return twin


def folded(
    weights: list[npt.NDArray[np.float32]], norm: list[npt.NDArray[np.float32]]
) -> list[npt.NDArray[np.float32]]:
    """Fold a batch normalisation into the kernel and bias of the preceding convolution.

    With mean m, variance v, scale g and offset b, the normalised output
    g (k x + c - m) / sqrt(v + eps) + b is that of a convolution with the kernel s k and the bias
    s (c - m) + b, where s = g / sqrt(v + eps).

    Parameters
    ----------
    weights
        Kernel k, (..., filters), and bias c.
    norm
        g, b, m and v, (filters,) each.
    """
    kernel, bias = weights
    scale, offset, mean, variance = (np.asarray(values, np.float64) for values in norm)
    scale /= np.sqrt(variance + EPSILON)
    return [(kernel * scale).astype("f4"), (scale * (bias - mean) + offset).astype("f4")]
