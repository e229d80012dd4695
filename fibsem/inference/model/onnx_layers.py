"""Translate Keras layers to ONNX nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fibsem.inference.model.onnx_graph import Graph


def _activated(graph: Graph, x: str, activation: Callable[..., Any]) -> str:
    name = activation.__name__
    if name == "silu":
        return graph.add("Mul", x, graph.add("Sigmoid", x))
    kind, attributes = ACTIVATIONS[name]
    return graph.add(kind, x, **attributes) if kind else x


def _convolution(graph: Graph, layer: Any, inputs: list[str], rank: int) -> str:
    kernel, *bias = layer.get_weights()  # (..., in, out)
    order = (rank - 1, rank - 2, *range(rank - 2))
    constants = [graph.constant(np.ascontiguousarray(kernel.transpose(order)))]
    constants += [graph.constant(values) for values in bias]
    x = graph.channels_first(
        inputs[0], rank, "Conv", *constants,
        dilations=list(layer.dilation_rate), strides=list(layer.strides),
    )  # fmt: skip
    return _activated(graph, x, layer.activation)


def _running_max(graph: Graph, layer: Any, inputs: list[str], rank: int) -> str:
    x, apart = inputs[0], layer.dilation
    for axis, along in ((rank - 3, layer.axes[1]), (rank - 2, layer.axes[2])):
        if along:
            pair = [graph.cut(x, [axis], [crop]) for crop in ((0, apart), (apart, 0))]
            x = graph.add("Max", *pair)
    return x


def _cropping(graph: Graph, layer: Any, inputs: list[str], rank: int) -> str:
    return graph.cut(inputs[0], range(1, rank - 1), layer.cropping)


def _padding(graph: Graph, layer: Any, inputs: list[str], rank: int) -> str:
    first, last = zip(*layer.padding, strict=True)
    pads = np.array([0, *first, 0, 0, *last, 0], np.int64)
    return graph.add("Pad", inputs[0], graph.constant(pads))


def _pooling(graph: Graph, layer: Any, inputs: list[str], rank: int) -> str:
    window = {"kernel_shape": list(layer.pool_size), "strides": list(layer.strides)}
    return graph.channels_first(inputs[0], rank, "MaxPool", **window)


def _grown(graph: Graph, layer: Any, inputs: list[str], rank: int) -> str:
    kernel, bias = layer.get_weights()  # (y, x, out, in)
    constants = [graph.constant(kernel.transpose(3, 2, 0, 1)), graph.constant(bias)]
    strides = {"strides": list(layer.strides)}
    return graph.channels_first(inputs[0], rank, "ConvTranspose", *constants, **strides)


def _repeated(graph: Graph, layer: Any, inputs: list[str], rank: int) -> str:
    """Repeat every pixel four times (nearest-neighbour upsampling), without any rounding."""
    depth = 4 * layer.output.shape[-1]
    order = np.tile(np.arange(depth // 4), 4)
    deeper = graph.add("Gather", inputs[0], graph.constant(order), axis=rank - 1)
    return _interleaved(graph, layer, [deeper], rank)


def _interleaved(graph: Graph, _: Any, inputs: list[str], rank: int) -> str:
    return graph.channels_first(inputs[0], rank, "DepthToSpace", blocksize=2, mode="DCR")


def _fit_to_pools(graph: Graph, layer: Any, inputs: list[str], _: int) -> str:
    """Fit a window of any size to the pools, as :class:`fibsem.models.unet.FitToPools` does."""
    m, start = layer.multiple, layer.halo - layer.margin
    times = graph.sums(
        graph.extent(inputs[0]), ("Sub", 2 * layer.halo - layer.rest - m + 1), ("Div", m)
    )
    size = graph.sums(times, ("Mul", m), ("Add", 2 * layer.margin - layer.rest))
    return graph.crop(inputs[0], graph.constant(np.array([start, start], np.int64)), size)


def _middle(graph: Graph, _: Any, inputs: list[str], __: int) -> str:
    have, want = map(graph.extent, inputs)
    first = graph.sums(graph.add("Sub", have, want), ("Div", 2))
    return graph.crop(inputs[0], first, want)


def _wanted(graph: Graph, layer: Any, inputs: list[str], _: int) -> str:
    scores, window = inputs
    size = graph.sums(graph.extent(window), ("Sub", 2 * layer.halo))
    return graph.crop(scores, graph.constant(np.array([0, 0], np.int64)), size)


def _runs(graph: Graph, layer: Any, inputs: list[str], _: int) -> str:
    """Gather runs of slices along the batch, as :class:`fibsem.models.slices.Runs` does."""
    x, depth = inputs[0], layer.depth
    starts = np.arange(layer.input.shape[-1] - depth + 1)
    slices = graph.constant(starts[:, None] + np.arange(depth))
    runs = graph.add("Gather", x, slices, axis=3)  # (b, y, x, run, slice)
    runs = graph.add("Transpose", runs, perm=[0, 3, 1, 2, 4])
    return graph.add("Reshape", runs, _around_extent(graph, x, [-1], [depth]))


def _side_by_side(graph: Graph, layer: Any, inputs: list[str], _: int) -> str:
    """Turn planes into channels, as :class:`fibsem.models.slices.SideBySide` does."""
    x, planes, filters = inputs[0], layer.planes, layer.input.shape[-1]
    apart = graph.add("Reshape", x, _around_extent(graph, x, [-1, planes], [filters]))
    together = graph.add("Transpose", apart, perm=[0, 2, 3, 1, 4])
    shape = np.array([0, 0, 0, planes * filters], np.int64)  # 0: extent unchanged
    return graph.add("Reshape", together, graph.constant(shape))


def _around_extent(graph: Graph, x: str, before: list[int], behind: list[int]) -> str:
    """Return a shape with the rows and columns of a map between other extents."""
    first, last = (graph.constant(np.array(sizes, np.int64)) for sizes in (before, behind))
    return graph.add("Concat", first, graph.extent(x), last, axis=0)


def _axes(graph: Graph, axes: int | Sequence[int]) -> str:
    return graph.constant(np.atleast_1d(np.array(axes, np.int64)))


#: Functions that translate the layers of dense networks, by the name of the layer's class.
LAYERS: dict[str, Callable[[Graph, Any, list[str], int], str]] = {
    "DilatedConv2D": _convolution,
    "DilatedConv3D": _convolution,
    "RunningMax": _running_max,
    "Cropping2D": _cropping,
    "Cropping3D": _cropping,
    "ZeroPadding3D": _padding,
    "MaxPooling2D": _pooling,
    "MaxPooling3D": _pooling,
    "Conv2DTranspose": _grown,
    "UpSampling2D": _repeated,
    "Interleave": _interleaved,
    "FitToPools": _fit_to_pools,
    "Middle": _middle,
    "Wanted": _wanted,
    "Runs": _runs,
    "SideBySide": _side_by_side,
    "Concatenate": lambda graph, layer, inputs, rank: graph.add(
        "Concat", *inputs, axis=layer.axis % rank
    ),
    "Activation": lambda graph, layer, inputs, _: _activated(graph, inputs[0], layer.activation),
    "Add": lambda graph, layer, inputs, _: graph.add("Sum", *inputs),
    "Transpose": lambda graph, layer, inputs, _: graph.add("Transpose", *inputs, perm=layer.axes),
    "ExpandDims": lambda graph, layer, inputs, _: graph.add(
        "Unsqueeze", *inputs, _axes(graph, layer.axis)
    ),
    "Squeeze": lambda graph, layer, inputs, _: graph.add(
        "Squeeze", *inputs, _axes(graph, layer.axis)
    ),
    "Mean": lambda graph, layer, inputs, _: graph.add(
        "ReduceMean", *inputs, _axes(graph, layer.axis), keepdims=int(layer.keepdims)
    ),
}


#: Activations of ONNX by the name of Keras' function, with the attributes that make them equal.
ACTIVATIONS: dict[str, tuple[str, dict[str, float]]] = {
    "linear": ("", {}),
    "sigmoid": ("Sigmoid", {}),
    "relu": ("Relu", {}),
    "elu": ("Elu", {"alpha": 1.0}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
}
