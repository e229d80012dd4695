"""Describe an ONNX network for programs of bioimage.io: axes, sizes, files, an example.

The description has format 0.5. Authors, licence and citation have to be added when publishing it.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fibsem.data.volumes import VoxelNm
from fibsem.inference.model.onnx_form import INPUT, OPSET, OUTPUT
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.system.files import beside, replace_file

#: Names of the files: the description, and an example of a window and its probabilities.
FILE, WINDOW, SCORES = "rdf.yaml", "test_window.npy", "test_probability.npy"
FILES = (FILE, WINDOW, SCORES)
FORMAT = "0.5.14"
#: Least side in pixels of the example's output.
TRIED = 32


def write_description(
    segmenter: Segmenter, voxel_nm: VoxelNm, network: Path, metadata: dict[str, str]
) -> list[str]:
    """Write the description of a network and an example beside it, and return the file names.

    Parameters
    ----------
    segmenter, voxel_nm
        The networks, and the voxel size (z, y, x) that they were trained on.
    network
        The ONNX file.
    metadata
        Metadata of the graph, JSON by key.
    """
    folder = network.parent
    window, scores = _tried(segmenter)
    _save(folder / WINDOW, window)
    _save(folder / SCORES, scores)
    description = {
        "type": "model",
        "format_version": FORMAT,
        "name": "fibsem pore and solid",
        "description": "Probability of solid in FIB-SEM slices of a porous film, pixel by pixel.",
        "tags": ["fib-sem", "segmentation", "porous-media", "2d"],
        "inputs": [_input(segmenter, voxel_nm, folder)],
        "outputs": [_output(segmenter, voxel_nm, folder)],
        "weights": {"onnx": {**_file(network), "opset_version": OPSET}},
        "config": {"fibsem": {key: json.loads(value) for key, value in metadata.items()}},
    }
    replace_file(folder / FILE, yaml.safe_dump(description, sort_keys=False, allow_unicode=True))
    return [FILE, WINDOW, SCORES]


def _tried(segmenter: Segmenter) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a window of noise and its scores, both with batch and channel axes."""
    z, y, x = segmenter.halo
    side = -(-TRIED // _step(segmenter)) * _step(segmenter)
    shape = (side + 2 * y, side + 2 * x, 2 * z + 1)
    window = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return window[None], Scorer(segmenter)(window)[None, ..., None]


def _step(segmenter: Segmenter) -> int:
    """Return the step in pixels of legal window sizes: the members' common alignment."""
    return math.lcm(*(member.spec.alignment for member in segmenter.members))


def _input(segmenter: Segmenter, voxel_nm: VoxelNm, folder: Path) -> dict[str, object]:
    depth, step = segmenter.halo[0], _step(segmenter)
    sides = dict(zip("yx", segmenter.halo[1:], strict=True))
    return {
        "id": INPUT,
        "description": "corrected grey values, slices as channels, the one to be labelled in the "
        "middle",
        "axes": [
            {"type": "batch"},
            *(
                {"type": "space", "id": axis, **_scale(voxel_nm, axis), "concatenable": False,
                 "size": {"min": 2 * halo + step, "step": step}}
                for axis, halo in sides.items()
            ),
            {"type": "channel",
             "channel_names": [f"slice{k:+d}" if k else "slice" for k in range(-depth, depth + 1)]},
        ],
        "data": {"type": "float32"},
        "test_tensor": _file(folder / WINDOW),
    }  # fmt: skip


def _output(segmenter: Segmenter, voxel_nm: VoxelNm, folder: Path) -> dict[str, object]:
    sides = dict(zip("yx", segmenter.halo[1:], strict=True))
    return {
        "id": OUTPUT,
        "description": "probability of solid, without the halo around",
        "axes": [
            {"type": "batch"},
            *(
                {"type": "space", "id": axis, **_scale(voxel_nm, axis),
                 "size": {"tensor_id": INPUT, "axis_id": axis, "offset": -2 * halo}}
                for axis, halo in sides.items()
            ),
            {"type": "channel", "channel_names": ["solid"]},
        ],
        "data": {"type": "float32", "range": [0.0, 1.0]},
        "test_tensor": _file(folder / SCORES),
    }  # fmt: skip


def _scale(voxel_nm: VoxelNm, axis: str) -> dict[str, str | float]:
    nm = voxel_nm["zyx".index(axis)]
    return {"unit": "nanometer", "scale": float(nm)} if nm else {}


def _file(path: Path) -> dict[str, str]:
    return {"source": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _save(path: Path, array: np.ndarray[Any, Any]) -> None:
    with beside(path) as hidden, hidden.open("wb") as file:
        np.save(file, array)
