"""Slabs in other processes: here, and on a real Dask cluster on loopback."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import create_volume, open_volume
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.labelling.pools import processes
from fibsem.tracking.bundle import Bundle, load_segmenter
from tests.conftest import labels
from tests.inference.volume.segmented import segment_volume
from tests.servers import answers, free_port, wait_until

ROOT = Path(__file__).parents[4]
SHAPE = (8, 90, 110)


@pytest.fixture(scope="module")
def material(trained, tmp_path_factory):
    """A volume and a bundle on disk, and the labels that one process gives it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    grey = np.random.default_rng(4).integers(0, 65535, SHAPE).astype(np.uint16)
    with create_volume(folder / "stack", SHAPE, np.uint16, format="tiff") as writer:
        writer.write(0, grey)
    spec, model = trained(11)
    segmenter = Segmenter.of(spec, model, Recipe(), PostProcessing())
    z, y, x = segmenter.halo
    noise = np.random.default_rng(0).normal(size=(60 + 2 * y, 60 + 2 * x, 2 * z + 1))
    middle = float(np.median(Scorer(segmenter)(noise.astype(np.float32))))
    segmenter = replace(segmenter, postprocessing=PostProcessing(0.5, middle, 1, 5))
    Bundle(segmenter, (50.0, 10.0, 10.0)).save(folder / "bundle")
    load = partial(load_segmenter, [str(folder / "bundle")], "")
    volume = open_volume(folder / "stack")
    segment_volume(volume, load(), folder / "here", Options(slab=2))
    expected = labels(folder / "here" / "labels.ome.zarr")
    assert 0.1 < (expected == 0).mean() < 0.9
    return volume, load, expected


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """Address of a scheduler with two workers, and the workers' processes."""
    port, folder = free_port(), tmp_path_factory.mktemp("dask")
    how = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    address = f"tcp://127.0.0.1:{port}"
    line = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
            "--port", str(port), "--no-dashboard"]  # fmt: skip
    processes = [subprocess.Popen(line, **how)]
    wait_until(lambda: answers(port), process=processes[0])
    for k in range(2):
        line = [
            sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1",
            "--no-nanny", "--no-dashboard", "--local-directory", str(folder / f"w{k}"),
        ]  # fmt: skip
        processes.append(subprocess.Popen(line, **how))
    yield address, processes[1:]
    for process in reversed(processes):
        process.kill()
        process.wait()


@pytest.mark.slow
def test_two_processes_give_the_same_labels(material, tmp_path):
    volume, load, expected = material
    options = Options(slab=2, workers=2)
    record = segment_volume(volume, load(), tmp_path / "out", options, load=load)
    assert record["slabs"] == {"done": 4, "resumed": 0}
    assert record["workers"] == 2
    np.testing.assert_array_equal(labels(tmp_path / "out" / "labels.ome.zarr"), expected)


#: A place without shared memory, as some containers are: a folder /dev with what Python needs.
NO_SHM = """
set -e
mount --rbind /dev "$1"
mount -t tmpfs none /dev
for name in null zero random urandom; do
  touch /dev/$name
  mount --bind "$1/$name" /dev/$name
done
shift
exec "$@"
"""


@pytest.mark.slow
def test_without_shared_memory_workers_are_refused_and_one_process_is_not(material, tmp_path):
    volume, _, expected = material
    (tmp_path / "dev").mkdir()

    def without(*line):
        begin = ["unshare", "--map-root-user", "--mount", "sh", "-c", NO_SHM, "-"]
        how = {"capture_output": True, "text": True, "timeout": 240, "check": False}
        return subprocess.run([*begin, tmp_path / "dev", *line], cwd=ROOT, **how)

    if shutil.which("unshare") is None:
        pytest.skip("/dev/shm cannot be hidden: unshare (Debian package util-linux) is not there")
    if (probe := without("true")).returncode:
        pytest.skip(f"/dev/shm cannot be hidden: {probe.stderr.strip()}")
    line = [
        sys.executable, "-m", "fibsem.segment", f"volume={volume.path}", "slab=2",
        f"weights={volume.path.with_name('bundle')}", f"output={tmp_path / 'out'}",
    ]  # fmt: skip
    done = without(*line, "workers=2")
    assert done.returncode == 2, done.stderr[-3000:]
    assert done.stderr.splitlines()[-1] == (
        "error: `workers` needs shared memory, but the system has none (No such file or directory, "
        "/dev/shm); workers=1 does not."
    )
    assert "Traceback" not in done.stderr
    assert without(*line, "workers=1").returncode == 0
    np.testing.assert_array_equal(labels(tmp_path / "out" / "labels.ome.zarr"), expected)


def test_a_system_that_gives_no_semaphores_is_one_line():
    """As where /dev/shm may not be written to: here, no file may have a byte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        said = (
            r"^`workers` needs shared memory, .* \(File too large, /dev/shm\); workers=1 does not"
        )
        with pytest.raises(UserError, match=said), processes(2):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.slow
def test_a_process_that_is_killed_loses_one_slab(material, tmp_path):
    volume, load, expected = material
    killed, seen, over = [], set(), threading.Event()

    def killer():
        mine = psutil.Process()
        while not over.wait(0.05):
            for server in mine.children():
                with contextlib.suppress(psutil.Error):  # a process may end meanwhile
                    if "forkserver" not in " ".join(server.cmdline()):
                        continue  # servers of other tests have children, too
                    for child in server.children():
                        seen.add(child.pid)
                        if not killed and child.cpu_times().user > 0.5:
                            child.send_signal(signal.SIGKILL)
                            killed.append(child.pid)

    thread = threading.Thread(target=killer)
    thread.start()
    options = Options(slab=1, workers=2)
    record = segment_volume(volume, load(), tmp_path / "out", options, load=load)
    over.set()
    thread.join()
    assert killed
    assert len(seen) == 3  # one in the place of the one that died
    assert record["slabs"]["done"] == 8
    np.testing.assert_array_equal(labels(tmp_path / "out" / "labels.ome.zarr"), expected)


PATTERN = "slice_#.tif"


@pytest.fixture(scope="module")
def gappy(material, tmp_path_factory):
    """The volume without slice 2 and with slice 5 cut off, and what one process makes of it."""
    volume, load, _ = material
    folder = tmp_path_factory.mktemp("gappy")
    shutil.copytree(volume.path, folder / "stack")
    (folder / "stack" / "slice_0002.tif").unlink()
    cut = folder / "stack" / "slice_0005.tif"
    cut.write_bytes(cut.read_bytes()[:300])
    shutil.copy(
        cut, folder / "stack" / "slice_0005 (1).tif"
    )  # which the others must leave out, too
    options = Options(slab=2, missing="skip")
    record = segment_volume(
        open_volume(folder / "stack", gaps=True, pattern=PATTERN), load(), folder / "here", options
    )
    assert record["missing"] == [2, 5]
    return (
        folder / "stack",
        load,
        labels(folder / "here" / "labels.ome.zarr"),
        porosities(folder / "here"),
    )


def porosities(folder):
    return (folder / "porosity.csv").read_text()


def check_gaps(gappy, folder, options):
    path, load, expected, table = gappy
    volume = open_volume(path, gaps=True, pattern=PATTERN)
    record = segment_volume(volume, load(), folder, options, load=load)
    assert record["missing"] == [2, 5]
    assert list(record["why_missing"]) == [2, 5]
    assert record["picked"] == {"pattern": PATTERN}
    np.testing.assert_array_equal(labels(folder / "labels.ome.zarr"), expected)
    assert (expected[[2, 5]] == 127).all()
    assert porosities(folder) == table


@pytest.mark.slow
def test_two_processes_leave_out_the_same_slices(gappy, tmp_path):
    check_gaps(gappy, tmp_path / "out", Options(slab=1, workers=2, missing="skip"))


@pytest.mark.slow
def test_a_dask_cluster_leaves_out_the_same_slices(gappy, tmp_path, dask):
    address, _ = dask
    check_gaps(gappy, tmp_path / "out", Options(slab=1, scheduler=address, missing="skip"))


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_labels_when_a_worker_is_killed(material, tmp_path, dask):
    """The last one of this cluster."""
    volume, load, expected = material
    address, workers = dask

    def kill(text, done, total):
        if done == 1 and workers[0].poll() is None:
            os.kill(workers[0].pid, signal.SIGKILL)

    options = Options(slab=1, scheduler=address)
    record = segment_volume(volume, load(), tmp_path / "out", options, load=load, progress=kill)
    assert workers[0].wait(10) == -signal.SIGKILL
    assert record["slabs"]["done"] == 8
    np.testing.assert_array_equal(labels(tmp_path / "out" / "labels.ome.zarr"), expected)


def test_workers_need_a_model_on_disk(material, tmp_path):
    volume, load, _ = material
    with pytest.raises(UserError, match="`workers` and `scheduler` need"):
        segment_volume(volume, load(), tmp_path / "out", Options(workers=2))
