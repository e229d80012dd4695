"""fibsem from Python: the commands as functions with typed results.

Options are the keys of the commands: nested, ``train={"steps": 200}``, or dotted,
``**{"train.steps": 200}``; a wrong one raises a :class:`UserError` of one line. As with commands,
the same call again resumes interrupted work, or reads the finished results.

>>> from fibsem import api
>>> print(*(name for name in api.__all__ if name.islower()))  # doctest: +NORMALIZE_WHITESPACE
compare estimate evaluate export inspect keys lineage load open_dataset open_volume promote
quantify repoint report segment simulate sweep train
"""

from fibsem.api.comparing import CompareResult, compare
from fibsem.api.datasets import OpenDataset, open_dataset
from fibsem.api.estimating import estimate
from fibsem.api.evaluating import EvaluateResult, evaluate
from fibsem.api.exporting import ExportResult, export
from fibsem.api.inspecting import InspectResult, inspect
from fibsem.api.keys import keys
from fibsem.api.models import LoadedModel, load
from fibsem.api.promoting import PromoteResult, promote
from fibsem.api.quantifying import QuantifyResult, quantify
from fibsem.api.repointing import repoint
from fibsem.api.reporting import ReportResult, report
from fibsem.api.segmenting import SegmentResult, segment
from fibsem.api.simulating import SimulateResult, simulate
from fibsem.api.sweeping import SweepResult, sweep
from fibsem.api.tracing import LineageResult, lineage
from fibsem.api.training import TrainResult, train
from fibsem.api.volumes import open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box

__all__ = [
    "Box",
    "CompareResult",
    "EvaluateResult",
    "ExportResult",
    "InspectResult",
    "LineageResult",
    "LoadedModel",
    "OpenDataset",
    "PromoteResult",
    "QuantifyResult",
    "ReportResult",
    "SegmentResult",
    "SimulateResult",
    "SweepResult",
    "TrainResult",
    "UserError",
    "compare",
    "estimate",
    "evaluate",
    "export",
    "inspect",
    "keys",
    "lineage",
    "load",
    "open_dataset",
    "open_volume",
    "promote",
    "quantify",
    "repoint",
    "report",
    "segment",
    "simulate",
    "sweep",
    "train",
]
