"""A model of this project: trained by its command, scored by what ``fibsem.segment`` runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from exchange import MARGIN, Material, arguments, report, score_squares, write

from fibsem import models
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import RunConfig, compose
from fibsem.data.preprocessing import Correction
from fibsem.data.volumes import ArrayVolume
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.tiling.tiles import choose_tiling
from fibsem.inference.tiling.tuning import tiling_of
from fibsem.inference.volume.slab import SlabWorker
from fibsem.models.spec import ModelSpec

#: Slices of a whole film: from so many on the command times its tiles.
WHOLE = 200

#: Steps between two validations.
STEPS = 100

args = arguments(__doc__)
material = Material(args.material)
correction = Correction.from_json(json.loads((args.material / "correction.json").read_text()))


def segmenter_of(spec: ModelSpec) -> Segmenter:
    model = models.load(spec, args.trained)
    return Segmenter.of(spec, model, correction.recipe, PostProcessing())


def fit() -> None:
    """Train; then choose tiles as for a whole film, so that inference is nothing but that."""
    command = [
        sys.executable, "-m", "fibsem.train", *args.what, f"seed={args.seed}",
        f"train.max_seconds={args.seconds}", "train.epochs=1000", "train.patience=null",
        f"train.steps={STEPS}", "train.val_all=false", f"output={args.trained}",
        f"tracking.uri=sqlite:///{args.trained.parent / 'mlflow.db'}",
        f"tracking.artifacts={args.trained.parent / 'artifacts'}",
    ]  # fmt: skip
    subprocess.run(command, check=True)
    trained = json.loads((args.trained / "summary.json").read_text())
    spec = RunConfig.of(compose("train", args.what)).spec
    shape = (WHOLE, *material.film().shape[1:])
    sides = {}
    for precision in ("float32", "bfloat16") if spec.convertible else ("float32",):
        tiling = tiling_of(Scorer(segmenter_of(spec), precision), shape, Options())
        sides[precision] = max(tiling.height, tiling.width)
    record = {key: trained[key] for key in ("train_seconds", "parameters")}
    if spec.is_network:
        record["steps"] = STEPS * trained["epochs"]
    write(args.trained / "fit.json", {**record, "spec": spec.to_json(), "tile": sides})


def infer() -> None:
    """Score squares as blocks, and slices as the command does: from 16 bit on, tile by tile."""
    fitted = json.loads((args.trained / "fit.json").read_text())
    spec = ModelSpec.from_json(fitted["spec"])
    segmenter = segmenter_of(spec)
    scorer = Scorer(segmenter, args.precision)
    cut = slice(MARGIN - scorer.halo[1], scorer.halo[1] - MARGIN)

    def score(image):  # the scores of a square, in the middle of zeros that nobody looks at
        scores = np.zeros(image.shape[:2], np.float32)
        scores[MARGIN:-MARGIN, MARGIN:-MARGIN] = scorer(np.ascontiguousarray(image[cut, cut]))
        return scores

    score_squares(material, args.output, score)
    volume = ArrayVolume(np.array(material.film("film")))
    side = fitted["tile"][args.precision]
    tiling = choose_tiling(scorer, volume.shape[1:], Options().memory_gib, side)

    def slices(count: int) -> float:
        worker = SlabWorker(volume, correction, segmenter, scorer, tiling)
        started = time.perf_counter()
        for scored in worker.scored(range(count)):
            assert scored.scores.shape == volume.shape[1:]
        return time.perf_counter() - started

    slices(1)
    report(material, args.output, slices(volume.shape[0]))


{"fit": fit, "infer": infer}[args.stage]()
