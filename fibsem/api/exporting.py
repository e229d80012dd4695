"""The networks of a model as a file for other programs: what ``segment export=onnx`` does."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fibsem.api.models import load_all
from fibsem.config import TrackingConfig, Tree, output_folder, read, require, weights_of
from fibsem.errors import UserError
from fibsem.system.files import write_json
from fibsem.system.locks import at_work

#: Name of the file.
FILE = "network.onnx"


def export(tree: Tree) -> Path:
    """Write the mean of the networks as ONNX with their geometry; returns the file.

    Beside it lies its description for bioimage.io, with an example.

    Raises
    ------
    UserError
        If a volume is given, too, the package onnx is missing, or a model has no such form.
    """
    kind, volume = tree["export"], tree["volume"]
    require("export", kind, kind == "onnx", "onnx")
    require("volume", volume, volume is None, "left out where `export` is given")
    if find_spec("onnx") is None:
        raise UserError("`export=onnx` needs the package onnx: pip install 'fibsem-sweep[onnx]'.")
    store, names = read(TrackingConfig, tree["tracking"], "tracking"), weights_of(tree)
    folder = output_folder("segment", tree, "export")
    models = load_all(names, store.uri)

    from fibsem.inference.model.bioimage import write_description
    from fibsem.inference.model.onnx_form import write_onnx
    from fibsem.inference.model.segmenter import Segmenter

    segmenter = Segmenter.ensemble([model.bundle.segmenter for model in models])
    with at_work(folder):
        metadata = write_onnx(segmenter, models[0].voxel_nm, folder / FILE)
        described = write_description(segmenter, models[0].voxel_nm, folder / FILE, metadata)
        record = {
            "onnx": FILE, "weights": [model.place for model in models], "metadata": metadata,
            "bioimage": described,
        }  # fmt: skip
        write_json(folder / "summary.json", record)
    return folder / FILE
