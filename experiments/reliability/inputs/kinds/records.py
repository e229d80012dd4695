"""Summaries with one value missing or of another type: right is to name it, or to do without."""

import contextlib
import copy
import io
import json

import numpy as np
from films import dataset, place

from fibsem import api
from fibsem.errors import UserError

LINEAGE = {
    "sweep": {"study": "s"}, "trial": {"run_id": "b", "seed": 3}, "dataset": "film", "data": "c8",
    "promotion": {"run_id": "c", "seeds": [0], "command": "promote"}, "code": "0.1.0",
}  # fmt: skip
SUMMARIES = {
    "sweep": {
        "study": "s", "trials": {"complete": 3, "pruned": 0, "failed": 0}, "seconds": 60,
        "best": {"value": 0.7, "val": {"miou": 0.7}}, "objectives": ["val/miou"],
        "parent_run_id": "a", "dataset": "film", "data": "c8",
    },
    "promotion": {
        "winner": "a", "version": "1", "gate": {"passed": True, "reason": "none yet"},
        "val_all": {"miou": 0.6}, "test_all": {"miou": 0.6, "porosity": 0.3},
        "postprocessing": {"sigma": 1.0, "threshold": 0.5, "rounds": 1, "min_size": 0},
        "samples": {"film": {"porosity": 0.3, "porosity_ci": [0.2, 0.4]}},
        "calibration": {"temperature": 1.5, "ece_before": 0.04, "ece_after": 0.01},
        "lineage": LINEAGE,
    },
    "segmentation": {
        "labels": "labels", "porosity": 0.3, "porosity_ci": [0.2, 0.4], "slabs": {"done": 1},
        "shape": [3, 10, 10], "missing": [1], "members": ["2dcnn 33x33x3"], "mode": "dense",
        "precision": "float32", "seconds": 1.0, "versions": ["1"], "weights": ["models:/fibsem/1"],
        "volume": "film", "model": "a5", "lineage": [LINEAGE],
        "porosity_corrected": 0.31,
        "porosity_interval": {"volume": [0.25, 0.37], "squares": 8, "why": None},
    },
}  # fmt: skip
FILM = dataset()
WRONG = (3, "x", None, {})
MISSING = object()


def keys(record, before=()):
    """Yield the paths of all keys of a record, and of the first items of its lists."""
    items = record.items() if isinstance(record, dict) else list(enumerate(record))[:1]
    for key, value in items:
        yield (*before, key)
        if isinstance(value, dict | list):
            yield from keys(value, (*before, key))


def altered(record, path, value):
    new = copy.deepcopy(record)
    inner = new
    for key in path[:-1]:
        inner = inner[key]
    if value is MISSING:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return new


def read(kind, record):
    """Return a check that a report is made with or without the record, or the file is named."""

    def right():
        home = place()
        (home / "a").mkdir(parents=True)
        (home / "a" / "summary.json").write_text(json.dumps(record))
        (home / "a" / "porosity.csv").write_text("z,porosity,note\n0,0.2,\n1,,missing\n2,0.4,\n")
        (home / "b").mkdir()
        (home / "b" / "summary.json").write_text(json.dumps(SUMMARIES["sweep"]))
        store = {"uri": f"sqlite:///{home / 'none.db'}"}
        with contextlib.redirect_stderr(io.StringIO()):
            try:
                api.report(FILM, folders=[home], output=home / "report", tracking=store)
            except UserError as error:
                return "summary.json is damaged" in str(error)
        return True

    return right


def inputs():
    rng = np.random.default_rng(15)
    read("sweep", SUMMARIES["sweep"])()  # imports what takes seconds to load
    for kind, record in SUMMARIES.items():
        yield f"{kind}: whole", read(kind, record)
        tried = [(path, value) for path in keys(record) for value in (*WRONG, MISSING)]
        for k in sorted(rng.choice(len(tried), 40, replace=False)):
            path, value = tried[k]
            told = "missing" if value is MISSING else json.dumps(value)
            yield (
                f"{kind}: {'.'.join(map(str, path))} {told}",
                read(kind, altered(record, *tried[k])),
            )
