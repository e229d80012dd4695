"""Export the networks of a model for other programs: ``python -m fibsem.segment export=onnx``."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fibsem.api.inputs import options_of
from fibsem.api.models import (
    CHAMPION,
    Loaded,
    LoadedModel,
    Models,
    listed,
    loaded_among,
    mean_of,
    models_of,
    names_of,
    warn_of_first,
)
from fibsem.api.options import completes, one_line_errors, tree_of
from fibsem.api.results import Result
from fibsem.config import Configuration, Tree, output_folder, require
from fibsem.errors import UserError
from fibsem.inference.options import Options
from fibsem.system.advice import WEIGHTS
from fibsem.system.files import known_json, write_json
from fibsem.system.identity import Identity, settle
from fibsem.system.locks import at_work
from fibsem.system.records import as_record, typed
from fibsem.system.summaries.export import ExportSummary

#: Name of the exported file.
FILE = "network.onnx"
#: Keys of ``segment`` that are read here; all others concern a volume and its labels.
READ = ("export", "weights", "output", "overwrite", "volume", "symmetry", "precision")


@dataclass(frozen=True, repr=False)
class ExportResult(Result[ExportSummary]):
    """Networks as a file for other programs.

    Examples
    --------
    ```python
    exported = api.export("models:/fibsem@champion", output="network")
    exported.path, exported.summary["metadata"]["halo_zyx"]
    ```
    """

    @property
    def path(self) -> Path:
        """Path of the ONNX file."""
        return self.folder_here / self.contents.onnx

    @property
    def text(self) -> str:
        """Path of the ONNX file, as printed."""
        return f"the networks with their geometry: {self.result_folder / self.contents.onnx}"


@completes("segment", "overwrite", "tracking")
@one_line_errors
def export(
    model: Models = CHAMPION, *, output: str | Path | None = None, **options: Any
) -> ExportResult:
    """Write the mean of the networks of models as ONNX, with their geometry.

    A description for bioimage.io, with an example, is written beside it. The package onnx must be
    installed: ``pip install 'fibsem-sweep[onnx]'``.

    Parameters
    ----------
    model
        A model from :func:`load`, or its name; a list is averaged.
    output
        Output folder; None: the default of the command.
    options
        ``overwrite=True``, and ``tracking={"uri": ...}``: the MLflow store.

    Raises
    ------
    UserError
        If an option is of a volume, the package onnx is missing, a model cannot be exported, or the
        folder holds other results, or the export of another model without ``overwrite``.

    Examples
    --------
    ```python
    api.export("models:/fibsem@champion", output="network").path
    ```
    """
    models = listed(model)
    weights = options.get("weights")
    require("weights", weights, weights is None, "left to `model`, the first argument")
    arguments = {"export": "onnx", "weights": names_of(models), "output": output}
    return run(tree_of("segment", None, options, **arguments), loaded_among(models))


def run(tree: Tree, loaded: Loaded = ()) -> ExportResult:
    """Export the models of a configuration, which may be loaded already."""
    _check(tree)
    folder = output_folder("segment", tree, "export")
    models = models_of(tree, loaded)

    from fibsem.inference.model.bioimage import FILES, write_description
    from fibsem.inference.model.onnx_form import write_onnx

    _warn(models)
    segmenter, voxel_nm = mean_of(models), models[0].voxel_nm
    scales = tuple(dict.fromkeys(scale for model in models for scale in model.bundle.scales))
    now = Identity(
        "export",
        {"voxel_nm": voxel_nm, "greys": [scale.to_json() for scale in scales]},
        {"models": segmenter.identity},
    )
    with at_work(folder):
        # the summary goes first: it must not lie beside another graph
        made, anew = ("summary.json", FILE, *FILES), bool(tree["overwrite"])
        earlier = partial(known_json, folder / "summary.json", partial(_identity_of_earlier, now))
        settle(folder, now, made, overwrite=anew, former=earlier)
        metadata = write_onnx(segmenter, voxel_nm, folder / FILE, scales)
        described = write_description(segmenter, voxel_nm, folder / FILE, metadata)
        addresses = tuple(model.address for model in models)
        summary = ExportSummary(FILE, addresses, metadata, tuple(described))
        write_json(folder / "summary.json", as_record(summary))
    return ExportResult(summary, folder)


def _identity_of_earlier(now: Identity, record: object) -> Identity:
    """Return the identity of an export of an earlier version, as far as its summary has it."""
    summary = typed(ExportSummary, record)
    models = json.loads(summary.metadata.get("identity", '"unknown"'))  # each value is JSON
    return replace(now, data={"models": models})


def _check(tree: Tree) -> None:
    """Refuse what is no option of an export, and a machine that cannot write one."""
    kind, volume = tree["export"], tree["volume"]
    require("export", kind, kind == "onnx", "onnx")
    require("volume", volume, volume is None, "left out where `export` is given")
    for key, value in Configuration(tree).typed.items():
        read_here = key in READ or key.startswith("tracking.")
        require(key, value, read_here, "left out where `export` is given: it is of a volume")
    _check_way(options_of(tree))
    if find_spec("onnx") is None:
        raise UserError("`export=onnx` needs the package onnx: pip install 'fibsem-sweep[onnx]'.")


def _warn(models: list[LoadedModel]) -> None:
    """Print warnings if models differ in what an export has only once."""
    from fibsem.data.volumes.lengths import in_words
    from fibsem.inference.volume.before.likeness import differs

    warn_of_first(models)
    sizes = list(dict.fromkeys(model.voxel_nm for model in models))
    if any(differs(sizes[0], size) for size in sizes):
        learned_on = " and ".join(map(in_words, sizes))
        print(
            f"warning: the models of `{WEIGHTS}` learned on voxels of {learned_on} nm (z, y, x), "
            "and what is written tells the first size"
        )


def _check_way(options: Options) -> None:
    """Refuse several views and precisions other than float32, which the graph does not support."""
    for key, value, only in (
        ("symmetry", options.symmetry, 1),
        ("precision", options.precision, "float32"),
    ):
        require(
            key, value, value == only,
            f"{only} where `export` is given: the graph is of one view, in float32",
        )  # fmt: skip
