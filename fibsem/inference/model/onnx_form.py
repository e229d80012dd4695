"""Write networks in dense form as one ONNX graph, for programs without TensorFlow.

The graph computes the mean probability of solid for every pixel of a block, as
:class:`~fibsem.inference.model.segmenter.Scorer` does. The metadata describe the steps before and
after it (range, correction, smoothing, threshold, label values) as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from fibsem.data.dataset.scale import Scale
from fibsem.data.volumes import VoxelNm
from fibsem.errors import UserError
from fibsem.inference.model.onnx_graph import Graph, Node
from fibsem.inference.model.onnx_layers import LAYERS
from fibsem.inference.model.segmenter import Member, Segmenter
from fibsem.models.dense import dense_twin
from fibsem.system.files import replace_file

#: Versions of ONNX's operators and format; those of 2023, which current runtimes support.
OPSET, IR_VERSION = 18, 9
#: Names of the graph's input and output.
INPUT, OUTPUT = "window", "probability"


def write_onnx(
    segmenter: Segmenter, voxel_nm: VoxelNm, path: Path, scales: Sequence[Scale] = ()
) -> dict[str, str]:
    """Write the networks of a segmenter as one graph, and return its metadata.

    Parameters
    ----------
    segmenter
        Networks that have a dense form.
    voxel_nm
        Voxel size of the films that they were trained on, (z, y, x).
    path
        The file to write.
    scales
        Ranges of grey values that those films declared; empty if they used the whole dtype.

    Raises
    ------
    UserError
        If a member has no dense form.
    """
    metadata = metadata_of(segmenter, voxel_nm, scales)
    replace_file(path, _encoded(graph_of(segmenter), 2 * segmenter.halo[0] + 1, metadata))
    return metadata


def graph_of(segmenter: Segmenter) -> Graph:
    """Build the graph of the members' mean.

    It maps (batch, y + 2 halo, x + 2 halo, n_z) to (batch, y, x, 1).
    """
    graph = Graph()
    scores = []
    for member in segmenter.members:
        sides = zip(segmenter.halo, member.spec.halo, strict=True)
        crops = [(outer - side, outer - side) for outer, side in sides]
        scores.append(_member(graph, graph.cut(INPUT, (3, 1, 2), crops), member))
    graph.nodes.append(Node("Mean", tuple(scores), OUTPUT, {}))
    return graph


def _encoded(graph: Graph, depth: int, metadata: Mapping[str, str]) -> bytes:
    """Encode the graph in ONNX's format, and check it."""
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


def metadata_of(
    segmenter: Segmenter, voxel_nm: VoxelNm, scales: Sequence[Scale] = ()
) -> dict[str, str]:
    """Return the metadata needed to use the graph as ``segment`` does, JSON by key."""
    facts = {
        "input": "corrected grey values (batch, y, x, z), the slice to be labelled in the middle",
        "output": "probability of solid (batch, y, x, 1), without the halo",
        "nbhd": [str(member.spec.nbhd) for member in segmenter.members],
        "halo_zyx": segmenter.halo,
        "alignment": [member.spec.alignment for member in segmenter.members],
        "voxel_nm_zyx": voxel_nm,
        "range": {
            "is": "grey values that map to 0 and 1, clipped, before `preprocess`; none is listed, "
            "or null: 0 and the largest of the dtype, 0 and 1 of float32",
            "of": [{"dtype": scale.dtype, "range": scale.declared} for scale in scales],
        },
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
    return {key: json.dumps(value) for key, value in facts.items()}


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
            tensors = keras.tree.flatten(layer.input)
            inputs = [values[tensor.name] for tensor in tensors]
            rank = len(tensors[0].shape)
            values[layer.output.name] = LAYERS[type(layer).__name__](graph, layer, inputs, rank)
    return values[twin.outputs[0].name]
