"""--multirun through the submitit launcher: every job a process, as SLURM starts them."""

import json

import pytest

from tests.processes import completed

pytestmark = pytest.mark.slow
LAUNCHER = ["--multirun", "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=10"]


def call(*overrides, cwd):
    return completed(["fibsem.sweep", *LAUNCHER, *overrides], cwd)


def test_every_job_is_a_sweep_of_its_own(tmp_path, tiny, new_store):
    done = call(
        f"data.path={tiny}", "model=threshold", "nbhd=11x11x1,33x33x1", "space=threshold",
        "search.trials=1", *new_store(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = sorted(tmp_path.glob("outputs/sweep/*/summary.json"))
    assert [path.parent.name.split("-")[2] for path in found] == ["11x11x1", "33x33x1"]
    for path in found:
        assert json.loads(path.read_text())["trials"]["complete"] == 1


def test_the_mistake_of_a_job_is_one_line_and_exit_code_2(tmp_path):
    done = call("data.path=nowhere", "nbhd=11x11x3", cwd=tmp_path)
    assert done.returncode == 2, done.stderr[-3000:]
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("error: `data.path` must name")
    assert said.endswith("(of the job data.path=nowhere nbhd=11x11x3)")
