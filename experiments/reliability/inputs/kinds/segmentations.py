"""Segmentations that were mended by hand, or whose records were, as `quantify` is given them.

Segmentations of a known truth are made by a threshold, without training a network.
"""

import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO

import numpy as np
import tifffile
import zarr
from films import GREY, place

from fibsem import quantify
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import compose
from fibsem.data import Recipe
from fibsem.data.volumes import open_volume
from fibsem.geometry import Nbhd
from fibsem.inference import Options, Segmenter, segment_volume
from fibsem.models import resolve, untrained

TOLD = {"volume": [0.4, 0.6], "error": 0.01, "degrees": 6, "squares": 7, "why": None}
RECORDS = (
    {"classes": [0, 0]}, {"classes": ["0", "255"]}, {"classes": [0, 300]}, {"classes": [0, -1]},
    {"voxel_nm": [-50, 10, 10]}, {"voxel_nm": [float("nan"), 10, 10]}, {"voxel_nm": [10, 10]},
    {"missing": ["3"]}, {"missing": [99]}, {"labels": None}, {"porosity": None},
)  # fmt: skip
LINES = [f"{z},50" for z in range(12)]
TABLES = {
    "good": (["z,nm", *LINES], True),
    "in any order": (["z,nm", *LINES[::-1]], True),
    "middles of slices": (["z,nm", *(f"{z}.7,50" for z in range(12))], False),
    "truth values": (["z,nm", *(f"{z},True" for z in range(12))], False),
    "an endless slice": (["z,nm", *LINES[:-1], "11,1e308"], False),
    "a value too many": (["z,nm", *LINES[:-1], "11,50,9"], False),
    "semicolons": (["z;nm", *(line.replace(",", ";") for line in LINES)], True),
    "from 1": (["z,nm", *(f"{z + 1},50" for z in range(12))], False),
    "nothing": ([], False),
}


@cache
def network():
    spec = resolve("threshold", Nbhd(1, 5, 5), "valid")
    plain = Recipe(gradient="none", scaling="none")
    return Segmenter.of(spec, untrained(spec), plain, PostProcessing())


def segmented_at(film, folder, progress=None, **options):
    """Segment a film; ``progress`` is called during the work."""
    how = Options(previews=0, **{"valid": "all", **options})
    more = {"voxel_nm": (50.0, 10.0, 10.0), "progress": progress, "say": lambda _: None}
    segment_volume(open_volume(film), network(), folder, how, **more)


def segmented():
    folder = place()
    tifffile.imwrite(film := place(".tif"), GREY, photometric="minisblack")
    segmented_at(film, folder)
    return folder


def measured(folder, right_of, *line):
    """Return a check that the summary of `quantify` is right, by ``right_of``."""

    def right():
        out = place()
        keys = [f"segmentation={folder}", f"output={out}", "blocks=0", *line]
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            quantify.main(compose("quantify", keys))
        return right_of(json.loads((out / "summary.json").read_text()))

    return right


def never(_):
    return False


def copied(base, **changes):
    folder = place()
    shutil.copytree(base, folder)
    record = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps({**record, **changes}))
    return folder


def painted(base, value, where):
    folder = copied(base, porosity_corrected=0.5, porosity_interval=TOLD)
    zarr.open_group(folder / "labels.ome.zarr", mode="r+")["0"][where] = value
    return folder


def inputs():
    base = segmented()
    labels = zarr.open_group(base / "labels.ome.zarr", mode="r")["0"][:]
    porosity = float((labels == 0).mean())
    yield "as it is", measured(base, lambda found: abs(found["porosity"] - porosity) < 1e-9)
    for value in (0, 255):
        for name, where in (
            ("a slice", np.s_[3]),
            ("half", np.s_[:, :20]),
            ("a pixel", np.s_[5, 5, 5]),
        ):
            folder = painted(base, 255 - labels[5, 5, 5] if name == "a pixel" else value, where)
            yield (
                f"{name} painted {value}",
                measured(folder, lambda found: found["porosity_corrected"] is None),
            )
    for value in (1, 2, 254):
        yield f"painted {value}", measured(painted(base, value, np.s_[:, :20]), never)
    for dtype in ("u1", "u2", "i4"):
        folder = copied(base, labels="labels.tif")
        tifffile.imwrite(folder / "labels.tif", labels.astype(dtype), photometric="minisblack")
        yield (
            f"saved as TIFF, {dtype}",
            measured(folder, lambda found: abs(found["porosity"] - porosity) < 1e-9),
        )
    for changes in RECORDS:
        yield f"record: {changes}", measured(copied(base, **changes), never)
    for name, (lines, known) in TABLES.items():
        (table := place(".csv")).write_text("\n".join(lines))
        given = measured(base, lambda _, known=known: known, f"thickness={table}")
        yield f"thickness: {name}", given
