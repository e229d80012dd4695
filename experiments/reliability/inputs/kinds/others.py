"""Results of one command where another one is told to write its own.

Commands are called in this process, without one for each.
"""

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from films import dataset, place

from fibsem import inspect, report
from fibsem.config import TrackingConfig, compose
from fibsem.tracking import Tracking

#: Some keys of the summary of each command.
SUMMARIES = {
    "evaluation": ("groups", "val", "seconds_per_gigapixel"),
    "sweep": ("study", "trials", "parent_run_id"),
    "promotion": ("winner", "version", "gate"),
    "segmentation": ("labels", "porosity", "slabs"),
    "quantification": ("segmentation", "percolates", "porosity_interval"),
    "training": ("run_id", "val", "field"),
    "another program": ("a", "b"),
}


def left(command, line, summary):
    """Return a check that an existing summary is kept."""
    folder = place()
    folder.mkdir()
    (folder / "summary.json").write_text(summary)

    def right():
        with redirect_stdout(StringIO()):
            command.main(compose(command.__name__.split(".")[1], [*line, f"output={folder}"]))
        return (folder / "summary.json").read_text() == summary

    return right


def inputs():
    path, found = dataset(), place()
    found.mkdir()
    sweep = {"study": "s", "trials": {}, "parent_run_id": "p", "dataset": "film", "data": "d"}
    (found / "summary.json").write_text(json.dumps(sweep))
    uri = f"sqlite:///{place('.db')}"
    Tracking.open(TrackingConfig(uri, str(place())), "film")  # creates the store
    store = f"tracking.uri={uri}"
    line = [f"data.path={path}", f"folders=[{found}]", store]
    with (
        redirect_stdout(StringIO()),
        redirect_stderr(StringIO()),
    ):  # loads modules before the time limit of an input starts
        report.main(compose("report", [*line, f"output={place()}"]))
    for kind, keys in SUMMARIES.items():
        summary = json.dumps(dict.fromkeys(keys, 1))
        yield f"inspect over: {kind}", left(inspect, [f"data.path={path}"], summary)
        yield f"report over: {kind}", left(report, line, summary)
