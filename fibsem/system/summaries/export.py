"""Types of the record of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ExportSummary:
    """Record of ``segment export=onnx``.

    Attributes
    ----------
    onnx
        File name of the graph.
    weights
        Addresses of the models.
    metadata
        Geometry and correction, as the graph has them.
    bioimage
        Names of the files that describe the graph for bioimage.io.
    """

    onnx: str
    weights: tuple[str, ...]
    metadata: Mapping[str, str]
    bioimage: tuple[str, ...]
