"""Export the networks of a model to a file for other programs: ``segment export=onnx``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fibsem.api.inputs import options_of
from fibsem.api.models import check_unlike, load_all
from fibsem.config import (
    Configuration,
    TrackingConfig,
    Tree,
    output_folder,
    read,
    require,
    weights_of,
)
from fibsem.errors import UserError
from fibsem.inference.options import Options
from fibsem.system.files import write_json
from fibsem.system.identity import check_others
from fibsem.system.locks import at_work

#: Name of the exported file.
FILE = "network.onnx"
#: Keys of ``segment`` that are read here; all others concern a volume and its labels.
READ = ("export", "weights", "output", "overwrite", "volume", "symmetry", "precision")


def export(tree: Tree) -> Path:
    """Write the mean of the networks as ONNX with their geometry, and return its path.

    A description for bioimage.io, with an example, is written beside it.

    Raises
    ------
    UserError
        If a volume is given, or views or a precision that the graph does not support; if the
        package onnx is missing, a model cannot be exported, or the folder holds other results.
    """
    kind, volume = tree["export"], tree["volume"]
    require("export", kind, kind == "onnx", "onnx")
    require("volume", volume, volume is None, "left out where `export` is given")
    for key, value in Configuration(tree).typed.items():
        read_here = key in READ or key.startswith("tracking.")
        require(key, value, read_here, "left out where `export` is given: it is of a volume")
    _check_way(options_of(tree))
    if find_spec("onnx") is None:
        raise UserError("`export=onnx` needs the package onnx: pip install 'fibsem-sweep[onnx]'.")
    store, names = read(TrackingConfig, tree["tracking"], "tracking"), weights_of(tree)
    folder = output_folder("segment", tree, "export")
    check_unlike(models := load_all(names, store.uri))

    from fibsem.data.volumes.lengths import in_words
    from fibsem.inference.model.bioimage import write_description
    from fibsem.inference.model.onnx_form import write_onnx
    from fibsem.inference.model.segmenter import Segmenter, first_one_warnings
    from fibsem.inference.volume.before.likeness import differs

    named = {f"{k} {model.name}": model.bundle.segmenter for k, model in enumerate(models, 1)}
    for warning in first_one_warnings(named):
        print(f"warning: {warning}")
    sizes = list(dict.fromkeys(model.voxel_nm for model in models))
    if any(differs(sizes[0], size) for size in sizes):
        learned_on = " and ".join(map(in_words, sizes))
        print(
            f"warning: the models of `weights` learned on voxels of {learned_on} nm (z, y, x), and "
            "what is written tells the first size"
        )
    segmenter = Segmenter.ensemble(list(named.values()))
    scales = tuple(dict.fromkeys(scale for model in models for scale in model.bundle.scales))
    with at_work(folder):
        check_others(folder, "export")
        metadata = write_onnx(segmenter, models[0].voxel_nm, folder / FILE, scales)
        described = write_description(segmenter, models[0].voxel_nm, folder / FILE, metadata)
        record = {
            "onnx": FILE, "weights": [model.place for model in models], "metadata": metadata,
            "bioimage": described,
        }  # fmt: skip
        write_json(folder / "summary.json", record)
    return folder / FILE


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
