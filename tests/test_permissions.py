"""What may not be read or written is one line, and no run is left behind it."""

import contextlib
import os
import shutil
import stat
from pathlib import PurePath

import pytest

from fibsem.tracking.store import client_of
from tests.conftest import SMALL
from tests.processes import completed
from tests.test_commands import one_after_the_other

pytestmark = pytest.mark.slow


def as_anybody():
    """What makes root one whom permissions concern."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root needs setpriv (Debian package util-linux) to be without privileges")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


#: What of a film may not be read.
HIDDEN = ("dataset.yaml", "HPC45/regions.csv", "HPC45/slices/slice_0003.tif", "HPC45/masks/001.tif",
          "HPC45/slices", "")  # fmt: skip


@contextlib.contextmanager
def modes(of):
    """Places as they may be used for a while, and as they were again."""
    before = {place: stat.S_IMODE(place.stat().st_mode) for place in of}
    for place, mode in of.items():
        place.chmod(mode)
    try:
        yield
    finally:
        for place, mode in before.items():
            place.chmod(mode)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny):
    """A folder with a film, and copies of it of which a part is hidden each."""
    folder = tmp_path_factory.mktemp("permissions")
    for name in ("film", *(f"film{k}" for k in range(len(HIDDEN)))):
        shutil.copytree(tiny, folder / name)
    for name in ("mine", "read", "shut", "locked", "mounts/out"):
        (folder / name).mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def refused(folder, new_store):
    """The one line that each command says, by what it may not use; all in one interpreter."""
    hidden = [folder / f"film{k}" / part for k, part in enumerate(HIDDEN)]
    stores = {name: new_store(folder / name) for name in ("mine", "read", "shut")}
    film = ["data.path=film", *SMALL]
    elsewhere = f"tracking.uri=sqlite:///{folder}/locked/x.db"
    lines = {
        **{part: ("inspect", f"data.path=film{k}", f"output=look{k}")
           for k, part in enumerate(HIDDEN)},
        "tables": ("evaluate", *film, *stores["mine"], "seeds=2", "output=mounts/out"),
        "output": ("train", *film, *stores["mine"], "output=locked/out"),
        "new store": ("train", *film, elsewhere, "output=a"),
        "database": ("train", *film, *stores["read"], "tracking.experiment=new", "output=b"),
        "its folder": ("train", *film, *stores["shut"], "output=c"),
    }  # fmt: skip
    databases = {folder / name / "ml.db": 0o444 for name in ("read", "shut")}
    folders = dict.fromkeys([folder / name for name in ("locked", "shut", "mounts")], 0o555)
    with modes(dict.fromkeys(hidden, 0) | databases), modes(folders):
        told = one_after_the_other(list(lines.values()), folder, as_anybody())
    return {key: one_line(code, said) for key, (code, _, said, _) in zip(lines, told, strict=True)}


def one_line(code, said):
    """The only line of a command that could not go on."""
    assert code == 2, said
    lines = said.splitlines()
    assert len(lines) == 1, said
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_may_not_be_read_is_named(refused, hidden):
    assert "Permission denied" in refused[hidden]
    assert PurePath(f"film{HIDDEN.index(hidden)}", hidden).name in refused[hidden]


def test_an_evaluation_is_refused_before_it_trains_where_its_tables_cannot_lie(refused, folder):
    """A folder alone that is writable, as one that a container mounts."""
    said = "`output` must be a folder that can be written to, but mounts/tables-"
    assert said in refused["tables"]
    assert not list((folder / "mounts" / "out").rglob("*.keras"))
    assert not (folder / "mounts" / "out" / "to_do.json").exists()


def test_a_place_that_may_not_be_written_is_named_and_no_run_is_left(refused, folder):
    assert "locked/out" in refused["output"]
    assert "Permission denied" in refused["output"]
    assert "locked" in refused["new store"]
    assert "`tracking.uri` must take a new experiment, but" in refused["database"]
    assert "readonly database" in refused["database"]
    line = refused["its folder"]
    assert "ml.db" in line
    assert "Permission denied" in line or "readonly database" in line
    for name in ("mine", "read", "shut"):
        assert "RUNNING" not in statuses(folder / name)


def test_a_training_whose_disk_is_full_leaves_no_run_running(folder, tmp_path, new_store):
    line = [f"data.path={folder}/film", *SMALL, *new_store(tmp_path), "output=out"]
    # of a file: more than a record takes, less than weights
    done = completed(["tests.limited", 40_000, "fibsem.train", *line], tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "RUNNING" not in statuses(tmp_path)


def statuses(place):
    """Of the runs of a store in a folder."""
    client = client_of(f"sqlite:///{place}/ml.db")
    experiments = [one.experiment_id for one in client.search_experiments()]
    return [run.info.status for run in client.search_runs(experiments)]
