"""Scores, bundles and ledgers that give no figure: an error, or what is none.

Looks inside: no command makes such scores, bundles and ledgers.
"""

import json
import runpy
from dataclasses import MISSING, fields
from pathlib import Path

import keras
import numpy as np
from films import place

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data import Recipe
from fibsem.data.volumes import ArrayVolume
from fibsem.geometry import Nbhd
from fibsem.inference import Options, Segmenter
from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.models import build, resolve
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


def ledger(changed):
    folder, options = place(), Options(slab=2)
    key = {"volume": "film", "model": "weights", **options.key}

    def opened():
        try:
            return Ledger.open(folder, key, options, FILM)
        except TypeError:  # a version without this argument
            return Ledger.open(folder, key, options)

    def right():
        opened().write()
        file = folder / "ledger.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))
        opened()
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
