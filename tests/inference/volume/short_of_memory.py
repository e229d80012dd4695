"""Segments noise in a process that may have only so much more memory; run by test_failures.

    python -m tests.inference.volume.short_of_memory OUTPUT SIDE [GIB] [RLIMIT_DATA]

Prints what the segmentation said, its last tile, and the fastest of those that fit, as JSON.
"""

import json
import resource
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.tiling.tuning import fastest_side
from fibsem.models import build
from fibsem.models.spec import resolve
from tests.inference.volume.segmented import segment_volume

SHAPE = (2, 1000, 1000)


def allow(gib: float, kind: str) -> None:
    """Let this process have so much more address space, or data, than it has."""
    field = {"RLIMIT_AS": "VmSize", "RLIMIT_DATA": "VmData"}[kind]
    status = Path("/proc/self/status").read_text()
    has_kib = int(status.partition(f"{field}:")[2].split()[0])
    most = 1024 * has_kib + int(gib * 2**30)
    resource.setrlimit(getattr(resource, kind), (most, most))


def main(output: str, side: str, gib: str = "", kind: str = "RLIMIT_AS") -> None:
    keras.utils.set_random_seed(0)
    spec = resolve("2dcnn", Nbhd(3, 11, 11), "valid", {"blocks": 1, "filters": 4})
    segmenter = Segmenter.of(spec, build(spec), Recipe(), PostProcessing(1.0), "weights")
    volume = ArrayVolume(np.random.default_rng(0).integers(0, 65535, SHAPE).astype(np.uint16))
    z, y, x = segmenter.halo
    noise = np.random.default_rng(0).normal(size=(64 + 2 * y, 64 + 2 * x, 2 * z + 1))
    scores = Scorer(segmenter)(noise.astype(np.float32))  # TensorFlow has all its threads now
    segmenter = replace(segmenter, postprocessing=PostProcessing(1.0, float(np.median(scores))))
    if gib:
        allow(float(gib), kind)
    said: list[str] = []
    options = Options(tile=int(side), memory_gib=64)
    record = segment_volume(volume, segmenter, Path(output), options, say=said.append)
    fastest = fastest_side(Scorer(segmenter), 1024) if gib else None
    print(json.dumps({"said": said, "tile": record["tile"], "fastest": fastest}))


if __name__ == "__main__":
    main(*sys.argv[1:])
