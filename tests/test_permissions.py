"""What may not be read or written is one line, and no run is left behind it."""

import os
import shutil
import stat
import subprocess
import sys

import pytest

from fibsem.tracking.store import client_of
from tests.conftest import SMALL

pytestmark = pytest.mark.slow


def as_anybody():
    """What makes root one whom permissions concern."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root needs setpriv (Debian package util-linux) to be without privileges")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def call(command, *overrides, cwd, before=()):
    line = [*before, *as_anybody(), sys.executable, "-m", f"fibsem.{command}", *overrides]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=300)


def one_line(done):
    """The only line of a command that could not go on."""
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.fixture
def film(tiny, tmp_path):
    """Function (name) -> a copy of the tiny phantom."""

    def copy(name):
        shutil.copytree(tiny, tmp_path / name)
        return tmp_path / name

    return copy


@pytest.mark.parametrize(
    "hidden",
    ["dataset.yaml", "HPC45/regions.csv", "HPC45/slices/slice_0003.tif", "HPC45/masks/001.tif",
     "HPC45/slices", ""],
)  # fmt: skip
def test_what_may_not_be_read_is_named(film, tmp_path, hidden):
    place = film("film") / hidden
    mode = place.stat().st_mode
    place.chmod(0)
    try:
        line = one_line(call("inspect", "data.path=film", "output=look", cwd=tmp_path))
    finally:
        place.chmod(stat.S_IMODE(mode))
    assert "Permission denied" in line
    assert (place.name or "film") in line


def test_an_evaluation_is_refused_before_it_trains_where_its_tables_cannot_lie(
    film, tmp_path, new_store
):
    """A folder alone that is writable, as one that a container mounts."""
    film("film")
    (tmp_path / "mounts" / "out").mkdir(parents=True)
    (tmp_path / "mounts").chmod(0o555)
    line = ["data.path=film", *SMALL, *new_store(tmp_path), "seeds=2", "output=mounts/out"]
    try:
        said = one_line(call("evaluate", *line, cwd=tmp_path))
    finally:
        (tmp_path / "mounts").chmod(0o755)
    assert "`output` must be a folder that can be written to, but mounts/tables-" in said
    assert not list((tmp_path / "mounts" / "out").rglob("*.keras"))
    assert not (tmp_path / "mounts" / "out" / "to_do.json").exists()


def test_a_place_that_may_not_be_written_is_named_and_no_run_is_left(film, tmp_path, new_store):
    film("film")
    (tmp_path / "mine").mkdir()
    store = new_store(tmp_path / "mine")
    locked = tmp_path / "locked"
    locked.mkdir(0o555)
    database = tmp_path / "mine" / "ml.db"
    train = ["data.path=film", *SMALL, *store]
    line = one_line(call("train", *train, f"output={locked}/out", cwd=tmp_path))
    assert "locked/out" in line
    assert "Permission denied" in line
    elsewhere = f"tracking.uri=sqlite:///{locked}/x.db"
    assert "locked" in one_line(call("train", *train[:-2], elsewhere, "output=a", cwd=tmp_path))
    database.chmod(0o444)
    line = one_line(call("train", *train, "tracking.experiment=new", "output=c", cwd=tmp_path))
    assert "`tracking.uri` must take a new experiment, but" in line
    assert "readonly database" in line
    (tmp_path / "mine").chmod(0o555)
    line = one_line(call("train", *train, "output=b", cwd=tmp_path))
    (tmp_path / "mine").chmod(0o755)
    assert "ml.db" in line
    assert "Permission denied" in line or "readonly database" in line
    database.chmod(0o644)
    client = client_of(f"sqlite:///{database}")
    experiments = [one.experiment_id for one in client.search_experiments()]
    assert "RUNNING" not in [run.info.status for run in client.search_runs(experiments)]


def test_a_training_whose_disk_is_full_leaves_no_run_running(film, tmp_path, new_store):
    film("film")
    store = new_store(tmp_path)
    few = ["prlimit", "--fsize=40000"]  # of a file: more than a record takes, less than weights
    done = call("train", "data.path=film", *SMALL, *store, "output=out", cwd=tmp_path, before=few)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    client = client_of(f"sqlite:///{tmp_path}/ml.db")
    experiments = [one.experiment_id for one in client.search_experiments()]
    assert "RUNNING" not in [run.info.status for run in client.search_runs(experiments)]
