"""Networks as one ONNX graph, for programs without TensorFlow: the dense form, with its geometry.

The graph gives the mean probability of solid of every pixel of a block, as
:class:`~fibsem.inference.model.segmenter.Scorer` does. What is done before and after it
(correction, smoothing, threshold, label values) is told in the metadata, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from fibsem.data.volumes import VoxelNm
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Member, Segmenter
from fibsem.models.dense import dense_twin
from fibsem.system.files import replace_file

#: Operators of 2023, which every runtime of today has, and the format that goes with them.
OPSET, IR_VERSION = 18, 9
#: An end behind every end: the rest of an axis.
REST = np.iinfo(np.int64).max
#: What goes in and comes out.
INPUT, OUTPUT = "window", "probability"


@dataclass(frozen=True)
class Node:
    """An operator of ONNX with the names of what goes in and comes out."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]


class Graph:
    """Nodes and constants of a graph that grows; a value is known by its name."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: list[npt.NDArray[Any]] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        self.nodes.append(Node(kind, inputs, f"{kind.lower()}_{len(self.nodes)}", attributes))
        return self.nodes[-1].output

    def constant(self, array: npt.ArrayLike) -> str:
        """Add a constant; returns its name."""
        self.constants.append(np.ascontiguousarray(array))
        return f"constant_{len(self.constants) - 1}"

    def cut(self, x: str, axes: Sequence[int], crops: Sequence[tuple[int, int]]) -> str:
        """Leave out so many elements at the beginning and at the end of some axes."""
        kept = [(axis, crop) for axis, crop in zip(axes, crops, strict=True) if any(crop)]
        if not kept:
            return x
        starts = np.array([first for _, (first, _) in kept], np.int64)
        ends = np.array([-last if last else REST for _, (_, last) in kept], np.int64)
        which = np.array([axis for axis, _ in kept], np.int64)
        return self.add("Slice", x, *map(self.constant, (starts, ends, which)))

    def extent(self, x: str) -> str:
        """Rows and columns of a map (batch, y, x, channel), as a constant would give them."""
        return self.cut(self.add("Shape", x), [0], [(1, 1)])

    def sums(self, x: str, *steps: tuple[str, int]) -> str:
        """Do sums with a number after the other: ``("Add", 3), ("Div", 2)``."""
        for kind, number in steps:
            x = self.add(kind, x, self.constant(np.int64(number)))
        return x

    def part(self, x: str, first: str, size: str) -> str:
        """Rows and columns from the first on, so many of them; both by name."""
        rows_and_columns = self.constant(np.array([1, 2], np.int64))
        return self.add("Slice", x, first, self.add("Add", first, size), rows_and_columns)

    def channels_first(self, x: str, rank: int, kind: str, *more: str, **attributes: Any) -> str:
        """Add a node that wants (batch, channel, ...) where maps are (batch, ..., channel)."""
        first = self.add("Transpose", x, perm=[0, rank - 1, *range(1, rank - 1)])
        done = self.add(kind, first, *more, **attributes)
        return self.add("Transpose", done, perm=[0, *range(2, rank), 1])


def write_onnx(segmenter: Segmenter, voxel_nm: VoxelNm, path: Path) -> dict[str, str]:
    """Write the networks of a segmenter as one graph; returns its metadata.

    Parameters
    ----------
    segmenter
        Networks that have a dense form.
    voxel_nm
        Of the films that they were trained on, (z, y, x).
    path
        Of the file.

    Raises
    ------
    UserError
        If a member has no form of this kind.
    """
    metadata = metadata_of(segmenter, voxel_nm)
    replace_file(path, _encoded(graph_of(segmenter), 2 * segmenter.halo[0] + 1, metadata))
    return metadata


def graph_of(segmenter: Segmenter) -> Graph:
    """The mean of the members, (batch, y + 2 halo, x + 2 halo, n_z) to (batch, y, x, 1)."""
    graph = Graph()
    scores = []
    for member in segmenter.members:
        sides = zip(segmenter.halo, member.spec.halo, strict=True)
        own = [(whole - side, whole - side) for whole, side in sides]
        scores.append(_member(graph, graph.cut(INPUT, (3, 1, 2), own), member))
    graph.nodes.append(Node("Mean", tuple(scores), OUTPUT, {}))
    return graph


def _encoded(graph: Graph, depth: int, metadata: Mapping[str, str]) -> bytes:
    """The graph in ONNX's own format, checked."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def described(name: str, *shape: str | int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    nodes = [helper.make_node(n.kind, n.inputs, [n.output], **n.attributes) for n in graph.nodes]
    constants = [
        numpy_helper.from_array(array, f"constant_{k}") for k, array in enumerate(graph.constants)
    ]
    window = described(INPUT, "batch", "height", "width", depth)
    score = described(OUTPUT, "batch", "rows", "columns", 1)
    made = helper.make_model(
        helper.make_graph(nodes, "fibsem", [window], [score], constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="fibsem",
    )
    helper.set_model_props(made, dict(metadata))
    onnx.checker.check_model(made, full_check=True)
    encoded: bytes = made.SerializeToString()
    return encoded


def metadata_of(segmenter: Segmenter, voxel_nm: VoxelNm) -> dict[str, str]:
    """What must be known to use the graph as ``segment`` does, each as JSON."""
    told = {
        "input": "corrected grey values (batch, y, x, z), the slice to be labelled in the middle",
        "output": "probability of solid (batch, y, x, 1), without the halo",
        "nbhd": [str(member.spec.nbhd) for member in segmenter.members],
        "halo_zyx": segmenter.halo,
        "alignment": [member.spec.alignment for member in segmenter.members],
        "voxel_nm_zyx": voxel_nm,
        "preprocess": {
            "gradient": segmenter.recipe.gradient,
            "scaling": segmenter.recipe.scaling,
        },
        "postprocessing": segmenter.postprocessing.to_json(),
        "calibration": {
            "temperature": segmenter.temperature,
            "offset": segmenter.offset,
            "smoothed_px": segmenter.smoothed_px,
        },
        "classes": segmenter.classes,
        "identity": segmenter.identity,
    }
    return {key: json.dumps(value) for key, value in told.items()}


def _member(graph: Graph, window: str, member: Member) -> str:
    """Add the dense form of one network, layer by layer."""
    spec = member.spec
    if not spec.convertible:
        raise UserError(
            "`export=onnx` must be of networks with padding=valid, but got "
            f"{spec.name} with padding={spec.padding}; 2dcnn, mv2dcnn, triplanar, multichannel, "
            "3dcnn and unet can be exported."
        )
    twin = dense_twin(spec, member.model)
    values = {twin.inputs[0].name: window}
    for layer in twin.operations:
        if type(layer).__name__ != "InputLayer":
            given = keras.tree.flatten(layer.input)
            inputs = [values[tensor.name] for tensor in given]
            rank = len(given[0].shape)
            values[layer.output.name] = LAYERS[type(layer).__name__](graph, layer, inputs, rank)
    return values[twin.outputs[0].name]


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
    constants += [graph.constant(some) for some in bias]
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
    how = {"kernel_shape": list(layer.pool_size), "strides": list(layer.strides)}
    return graph.channels_first(inputs[0], rank, "MaxPool", **how)


def _grown(graph: Graph, layer: Any, inputs: list[str], rank: int) -> str:
    kernel, bias = layer.get_weights()  # (y, x, out, in)
    constants = [graph.constant(kernel.transpose(3, 2, 0, 1)), graph.constant(bias)]
    how = {"strides": list(layer.strides)}
    return graph.channels_first(inputs[0], rank, "ConvTranspose", *constants, **how)


def _repeated(graph: Graph, layer: Any, inputs: list[str], rank: int) -> str:
    """Every pixel four times: the parts of a map that is deeper, so that no rounding is asked."""
    depth = 4 * layer.output.shape[-1]
    order = np.tile(np.arange(depth // 4), 4)
    deeper = graph.add("Gather", inputs[0], graph.constant(order), axis=rank - 1)
    return _interleaved(graph, layer, [deeper], rank)


def _interleaved(graph: Graph, _: Any, inputs: list[str], rank: int) -> str:
    return graph.channels_first(inputs[0], rank, "DepthToSpace", blocksize=2, mode="DCR")


def _fit_to_pools(graph: Graph, layer: Any, inputs: list[str], _: int) -> str:
    """As :class:`fibsem.models.unet.FitToPools` does, of a window of any size."""
    m, start = layer.multiple, layer.halo - layer.margin
    times = graph.sums(
        graph.extent(inputs[0]), ("Sub", 2 * layer.halo - layer.rest - m + 1), ("Div", m)
    )
    size = graph.sums(times, ("Mul", m), ("Add", 2 * layer.margin - layer.rest))
    return graph.part(inputs[0], graph.constant(np.array([start, start], np.int64)), size)


def _middle(graph: Graph, _: Any, inputs: list[str], __: int) -> str:
    have, want = map(graph.extent, inputs)
    first = graph.sums(graph.add("Sub", have, want), ("Div", 2))
    return graph.part(inputs[0], first, want)


def _wanted(graph: Graph, layer: Any, inputs: list[str], _: int) -> str:
    scores, window = inputs
    size = graph.sums(graph.extent(window), ("Sub", 2 * layer.halo))
    return graph.part(scores, graph.constant(np.array([0, 0], np.int64)), size)


def _axes(graph: Graph, axes: int | Sequence[int]) -> str:
    return graph.constant(np.atleast_1d(np.array(axes, np.int64)))


#: What the layers of dense networks are in ONNX, by the name of their class.
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
#: Activations by the name of Keras' function: ONNX's own, with what Keras' has.
ACTIVATIONS: dict[str, tuple[str, dict[str, float]]] = {
    "linear": ("", {}),
    "sigmoid": ("Sigmoid", {}),
    "relu": ("Relu", {}),
    "elu": ("Elu", {"alpha": 1.0}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
}
