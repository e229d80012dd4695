"""Scores, bundles and ledgers that give no figure: an error, or what is none.

No command makes such scores, bundles and ledgers.
"""

import json
import runpy
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path

import keras
import numpy as np
from films import place

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data import Recipe
from fibsem.data.volumes import ArrayVolume
from fibsem.geometry import Nbhd
from fibsem.inference import Options, Segmenter, segment_volume
from fibsem.models import build, resolve, untrained
from fibsem.tracking import Bundle, load_bundle

try:
    from fibsem.training import check_alive
except ImportError:  # a version that accepted every network

    def check_alive(labels, scores):
        pass


#: Origin of a bundle: none; an earlier version requires a mapping.
ORIGIN = ({},) if fields(Bundle)[2].default_factory is MISSING else ()
TRIED = runpy.run_path(str(Path(__file__).parents[4] / "tests" / "impossible.py"))
FILM = ArrayVolume(np.random.default_rng(0).integers(0, 255, (5, 8, 9)).astype(np.uint8))


def scored(scores, alive):
    def right():
        check_alive(TRIED["LABELS"], scores.astype(np.float32))
        return alive

    return right


def bundle(changed):
    keras.utils.set_random_seed(1)
    spec = resolve("2dcnn", Nbhd(1, 11, 11), "valid", {"blocks": 1, "filters": 4})
    segmenter = Segmenter.of(spec, build(spec), Recipe(), PostProcessing(0.5, 0.5))
    Bundle(segmenter, (None,) * 3, *ORIGIN).save(folder := place())
    file = folder / "bundle.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))

    def right():
        load_bundle(folder)
        return False

    return right


@cache
def thresholded():
    """A model that is applied in milliseconds."""
    spec = resolve("threshold", Nbhd(1, 1, 1), "valid")
    return Segmenter.of(spec, untrained(spec), Recipe(scaling="none"), PostProcessing())


def ledger(changed):
    folder, options = place(), Options(slab=2, precision="float32", previews=0)

    def right():
        segment_volume(FILM, thresholded(), folder, options, say=str)
        file = folder / "ledger.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))
        segment_volume(FILM, thresholded(), folder, options, say=str)
        return False

    return right


def inputs():
    for alive, some in ((False, TRIED["DEAD"]), (True, TRIED["ALIVE"])):
        for name, scores in some.items():
            yield f"scores: {name}", scored(scores, alive)
    for name, changed in TRIED["BUNDLES"].items():
        yield f"bundle: {name}", bundle(changed)
    for name, changed in TRIED["LEDGERS"].items():
        yield f"ledger: {name}", ledger(changed)
