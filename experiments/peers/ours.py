"""A model of this project: trained by its command, scored by what ``fibsem.segment`` runs.

Slices are scored from memory to memory, as by the other methods.
"""

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
from fibsem.config import Configuration, compose, with_architecture
from fibsem.data import Correction, Recipe
from fibsem.data.volumes import ArrayVolume
from fibsem.inference import Options, Room, Scorer, Segmenter, SlabWorker, tiling_of
from fibsem.models import ModelSpec

#: Slices of a whole film, with which the command times its tiles.
WHOLE = 200

args = arguments(__doc__)
material = Material(args.material)


def segmenter_of() -> Segmenter:
    spec = ModelSpec.from_json(json.loads((args.trained / "fit.json").read_text())["spec"])
    model = models.load(spec, args.trained)
    return Segmenter.of(spec, model, Recipe(), PostProcessing())


def fit() -> None:
    """Train as a user with a time budget does: only data, network and budget are given."""
    command = [
        sys.executable, "-m", "fibsem.train", *args.what, f"seed={args.seed}",
        f"output={args.trained}",
        f"tracking.uri=sqlite:///{args.trained.parent / 'mlflow.db'}",
        f"tracking.artifacts={args.trained.parent / 'artifacts'}",
    ]  # fmt: skip
    planned = "model=forest" not in args.what
    started = time.perf_counter()
    subprocess.run([*command, *([f"budget={args.seconds:g}s"] if planned else [])], check=True)
    seconds = time.perf_counter() - started  # with start-up, probe, validation and scoring
    trained = json.loads((args.trained / "summary.json").read_text())
    spec = Configuration(compose("train", with_architecture("train", args.what))).run.spec
    record = {"train_seconds": seconds, "parameters": trained["parameters"]}
    if planned:
        record["steps"] = trained["plan"]["epochs"] * trained["plan"]["steps"]
    write(args.trained / "fit.json", {**record, "spec": spec.to_json()})


def squares() -> None:
    """Score squares as blocks."""
    scorer = Scorer(segmenter_of(), args.precision)
    cut = slice(MARGIN - scorer.halo[1], scorer.halo[1] - MARGIN)

    def score(image: np.ndarray) -> np.ndarray:
        """Score the square itself; its surroundings, which are not used, get zeros."""
        scores = np.zeros(image.shape[:2], np.float32)
        scores[MARGIN:-MARGIN, MARGIN:-MARGIN] = scorer(np.ascontiguousarray(image[cut, cut]))
        return scores

    score_squares(material, args.output, score)


def slices() -> None:
    """Score slices as the command does: from 16-bit values, in the tiles of a whole film."""
    segmenter = segmenter_of()
    scorer = Scorer(segmenter, args.precision)
    volume = ArrayVolume(np.array(material.film("film")))
    correction = Correction.from_json(json.loads((args.material / "correction.json").read_text()))
    tiling = tiling_of(scorer, (WHOLE, *volume.shape[1:]), Room(Options().memory_gib))

    def seconds(count: int) -> float:
        worker = SlabWorker(volume, correction, segmenter, scorer, tiling)
        started = time.perf_counter()
        for scored in worker.scored(range(count)):
            assert scored.scores.shape == volume.shape[1:]
        return time.perf_counter() - started

    seconds(1)
    report(material, args.output, seconds(volume.shape[0]))


{"fit": fit, "squares": squares, "slices": slices}[args.stage]()
