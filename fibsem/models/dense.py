"""The dense twin: the same weights, a probability for every pixel of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from fibsem.errors import UserError
from fibsem.models import build
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
    Equal to the patch form but for rounding: the same products are added, in another order.
    """
    reason = why_not_dense(spec)
    if reason:
        raise UserError(f"`model={spec.name}` cannot be evaluated densely: {reason}.")
    with _policy("mixed_bfloat16" if precision == "bfloat16" else "float32"):
        twin = build(spec, dense=True)
    for layer in twin.layers:  # by name: the two forms need not list their layers in one order
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return twin


@contextmanager
def _policy(name: str) -> Iterator[None]:
    """Build layers under another dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
