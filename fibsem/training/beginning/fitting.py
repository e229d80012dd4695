"""Weights of one network in another: where they fit, by the names of layers and their shapes.

A layer that none fits begins anew. Kernels of the window are brought to another number of slices,
and normalisations folded in where the network has none.
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
    """How much of a network another one's weights fill: layers, and the numbers in them."""

    layers: int
    of_layers: int
    weights: int
    of_weights: int

    @property
    def sentence(self) -> str:
        """The fit in a sentence."""
        share = self.weights / self.of_weights
        return f"{self.layers} of {self.of_layers} layers fit, {share:.0%} of the weights"


def fill(network: keras.Model, given: Iterable[tuple[ModelSpec, Layers]]) -> Fit:
    """Put weights into the layers of a network that they fit.

    Parameters
    ----------
    network
        Keeps its own weights in all other layers.
    given
        Networks, each with its specification; the one that fills most is taken, and no other:
        layers of several would mean nothing together.
    """
    own, depth = layers_of(network), network.input_shape[-1]
    fitting = [
        _fitting(own, as_normalised(layers, own), spec.nbhd.z, depth) for spec, layers in given
    ]
    best = max(fitting, key=_numbers)
    for name, weights in best.items():
        network.get_layer(name).set_weights(weights)
    return Fit(len(best), len(own), _numbers(best), _numbers(own))


def layers_of(network: keras.Model) -> Layers:
    """The weights of a network by the names of its layers."""
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def as_normalised(given: Layers, own: Layers) -> Layers:
    """Weights for a network that normalises as it does: folded in where it does not.

    Layers of one name have kernels of one shape in both, but what a normalisation follows may be of
    any scale: without it, scores of the package's own weights have logits of millions. Where only
    the network normalises, it begins with normalisations that change nothing.
    """
    lacking = {name for name in given if name.endswith(NORM) and name not in own}
    folds = {name.removesuffix(NORM): name for name in lacking}
    return {
        name: folded(weights, given[folds[name]]) if name in folds else weights
        for name, weights in given.items()
        if name not in lacking
    }


def _fitting(own: Layers, given: Layers, have: int, want: int) -> Layers:
    """The weights, given for so many slices, that a network has a place for."""
    fitting = {}
    for name, weights in own.items():
        shapes, offered = [w.shape for w in weights], given.get(name, [])
        first = [
            over_slices(w, want) if w.ndim == 4 and w.shape[2] == have else w for w in offered
        ]  # the kernel that sees the window itself
        for candidate in (offered, first):
            if shapes == [w.shape for w in candidate]:
                fitting[name] = candidate
    return fitting


def over_slices(kernel: npt.NDArray[np.float32], depth: int) -> npt.NDArray[np.float32]:
    """A kernel (y, x, z, filters) for another odd number of slices.

    Of fewer slices it makes what it made of them with the outermost repeated; of more, those that
    are farther away do not count.

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
