"""Transfer weights between networks, matched by the names of layers and the shapes of weights.

Layers without a match keep their initial weights. Kernels that see the input window are adapted to
another number of slices, and normalisations that the target lacks are folded into the weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fibsem.models.blocks import NORM
from fibsem.models.dense import folded
from fibsem.models.pretrained import Layers
from fibsem.models.spec import ModelSpec

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Fit:
    """Numbers of layers and of weights that were transferred, and their totals in the network."""

    layers: int
    of_layers: int
    weights: int
    of_weights: int

    @property
    def sentence(self) -> str:
        """The fit as text for messages."""
        share = self.weights / self.of_weights
        return f"{self.layers} of {self.of_layers} layers fit, {share:.0%} of the weights"


def fill(network: keras.Model, sources: Iterable[tuple[ModelSpec, Layers]]) -> Fit:
    """Copy weights into the layers of a network that they fit, in place.

    Parameters
    ----------
    network
        Target network; layers without a match keep their weights.
    sources
        Candidates, each a specification with its weights by layer. Only the one that fills
        the most weights is used, because layers of different networks do not work together.

    Returns
    -------
    Fit
        How much of the network was filled.
    """
    target, depth = layers_of(network), network.input_shape[-1]
    fitting = [
        _fitting(target, as_normalised(layers, target), spec.nbhd.z, depth)
        for spec, layers in sources
    ]
    best = max(fitting, key=_numbers)
    for name, weights in best.items():
        network.get_layer(name).set_weights(weights)
    return Fit(len(best), len(target), _numbers(best), _numbers(target))


def layers_of(network: keras.Model) -> Layers:
    """Return the weights of a network by layer name, without layers that have none."""
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def as_normalised(layers: Layers, target: Layers) -> Layers:
    """Fold the normalisations that the ``target`` network lacks into the preceding weights.

    Layers of one name have kernels of the same shape with and without normalisation, but outputs
    before a normalisation may be of any scale: without it, the package's own weights give logits of
    millions. If only the target normalises, its normalisations start as the identity.
    """
    lacking = {name for name in layers if name.endswith(NORM) and name not in target}
    folds = {name.removesuffix(NORM): name for name in lacking}
    return {
        name: folded(weights, layers[folds[name]]) if name in folds else weights
        for name, weights in layers.items()
        if name not in lacking
    }


def _fitting(target: Layers, source_layers: Layers, have: int, want: int) -> Layers:
    """Return the weights that fit, with first kernels adapted from ``have`` to ``want`` slices."""
    fitting = {}
    for name, weights in target.items():
        shapes, offered = [w.shape for w in weights], source_layers.get(name, [])
        first = [
            over_slices(w, want) if w.ndim == 4 and w.shape[2] == have else w for w in offered
        ]  # kernels whose input is the window itself
        for candidate in (offered, first):
            if shapes == [w.shape for w in candidate]:
                fitting[name] = candidate
    return fitting


def over_slices(kernel: npt.NDArray[np.float32], depth: int) -> npt.NDArray[np.float32]:
    """Adapt a kernel (y, x, z, filters) to another odd number of slices.

    With fewer slices, the result is the same as if the outermost slices were repeated; with more,
    the additional outer slices get weight 0.

    Examples
    --------
    >>> kernel = np.arange(1, 6, dtype="f4").reshape(1, 1, 5, 1)
    >>> over_slices(kernel, 3).ravel(), over_slices(kernel, 7).ravel()
    (array([3., 3., 9.], dtype=float32), array([0., 1., 2., 3., 4., 5., 0.], dtype=float32))
    """
    beyond = (depth - kernel.shape[2]) // 2
    if beyond >= 0:
        return np.pad(kernel, ((0, 0), (0, 0), (beyond, beyond), (0, 0)))
    middle = kernel[:, :, -beyond:beyond].copy()
    middle[:, :, 0] += kernel[:, :, :-beyond].sum(2)
    middle[:, :, -1] += kernel[:, :, beyond:].sum(2)
    return middle


def _numbers(layers: Layers) -> int:
    return sum(weight.size for weights in layers.values() for weight in weights)
