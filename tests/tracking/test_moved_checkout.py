"""A checkout that was moved with its results: MLflow's server shows all of them, repointed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.servers import mlflow_on

ROOT = Path(__file__).parents[2]
FILM = "data.path=data/tiny"
SWEEP = [FILM, "nbhd=11x11x3", "space=smoke", "space.axes.model.filters=[4]",
         "space.axes.model.blocks=[1]"]  # fmt: skip
PROMOTION = ["rank.k=1", "rank.seeds=1", "postprocessing.sigma=[0,1]",
             "postprocessing.threshold_steps=9"]  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no checkout to be cloned"),
]


def run(folder, command, *overrides):
    """What a command of a checkout says, which runs the code that lies there."""
    line = [sys.executable, "-m", f"fibsem.{command}", *overrides]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        line, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tiny, tmp_path_factory):
    """A clone where a sweep was promoted before it was moved, its store repointed."""
    folder = tmp_path_factory.mktemp("checkouts")
    old, new = folder / "before", folder / "after"
    subprocess.run(["git", "clone", "--quiet", "--local", ROOT, old], check=True)
    shutil.copytree(tiny, old / "data" / "tiny")
    run(old, "sweep", "experiment=smoke", *SWEEP, "study=moved")
    run(old, "promote", "experiment=smoke", FILM, *PROMOTION, "study=moved")
    old.rename(new)
    assert f"begin with {new} instead of {old}" in run(new, "report", f"repoint={old}")
    return new


@pytest.fixture(scope="module")
def server(checkout):
    """Address of a server on the moved store, as the pages start it."""
    with mlflow_on("sqlite:///mlruns/mlflow.db", checkout) as address:
        yield address


def get(address, path, /, **query):
    """The bytes that MLflow's server answers with."""
    with urlopen(f"{address}/{path}?{urlencode(query)}", timeout=60) as answer:
        return answer.read()


def post(address, path, **body):
    """The record that MLflow's server answers with."""
    kind = {"Content-Type": "application/json"}
    request = Request(f"{address}/api/2.0/mlflow/{path}", json.dumps(body).encode(), kind)
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)


def listed(address, run_id, path=""):
    """The files of a run below a path, with their sizes in bytes, as the server lists them."""
    query = {"run_id": run_id} | ({"path": path} if path else {})
    answer = json.loads(get(address, "api/2.0/mlflow/artifacts/list", **query))
    for one in answer.get("files", []):
        if one["is_dir"]:
            yield from listed(address, run_id, one["path"])
        else:
            yield one["path"], int(one["file_size"])


def test_artifacts_of_all_runs_are_listed_and_downloaded(server):
    experiments = post(server, "experiments/search", max_results=100)["experiments"]
    ids = [one["experiment_id"] for one in experiments]
    runs = post(server, "runs/search", experiment_ids=ids)["runs"]
    files = {one["info"]["run_id"]: dict(listed(server, one["info"]["run_id"])) for one in runs}
    assert len(files) >= 4  # the sweep, two trials, the promotion
    assert all(files.values())
    for run_id, sizes in files.items():
        for path, size in sizes.items():
            assert len(get(server, "get-artifact", run_id=run_id, path=path)) == size, path


def test_the_registered_version_loads_and_segments(server, checkout):
    version = {"name": "fibsem", "version": "1"}
    assert b"mlflow_version" in get(
        server, "model-versions/get-artifact", **version, path="MLmodel"
    )
    line = ["volume=data/tiny/HPC45/slices", "weights=models:/fibsem/1", "previews=0"]
    run(checkout, "segment", *line, f"tracking.uri={server}", "output=by-server")
    run(checkout, "segment", *line, "output=by-file")
    summaries = [
        json.loads((checkout / folder / "summary.json").read_text())
        for folder in ("by-server", "by-file")
    ]
    assert 0 < summaries[0]["porosity"] == summaries[1]["porosity"] < 1


def test_a_report_is_made_again(checkout):
    said = run(checkout, "report", FILM)
    assert " results of " in said
    (page,) = (checkout / "outputs" / "report").glob("*/index.html")
    assert "moved" in page.read_text(encoding="utf-8")
