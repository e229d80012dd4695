"""Disks that fill, slices that vanish, memory that runs out: each really happens here.

Whatever it is, the command ends with one line and exit code 2, and goes on when it is mended.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume, create_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.memory import ask_for
from fibsem.inference.model.segmenter import Scorer, Segmenter
from tests.conftest import CutOffError, labels
from tests.inference.volume import short_of_memory
from tests.inference.volume.conftest import plain
from tests.inference.volume.segmented import segment_volume
from tests.processes import Command, completed

SHAPE = (40, 300, 300)
SLAB = 2
NAMES = {"ome-zarr": "labels.ome.zarr", "tiff": "labels", "bigtiff": "labels.tif"}
#: What TensorFlow says on its own when it is loaded, whatever its log level is.
TENSORFLOW = ("WARNING: All log messages before absl", "I0000 ")


@pytest.fixture(scope="module")
def grey():
    return np.random.default_rng(0).integers(0, 65535, SHAPE).astype(np.uint16)


@pytest.fixture(scope="module")
def segmenter(grey, trained):
    """Its labels are half pore, half solid."""
    spec, model = trained(11, filters=4)
    segmenter = Segmenter.of(spec, model, Recipe(), PostProcessing(), "weights-1")
    volume = ArrayVolume(grey)
    corrected = CorrectedVolume(volume, fit_correction(volume, segmenter.recipe))
    box = Box((0, 0, 0), (1, 100, 100)).grow(segmenter.halo)
    scores = Scorer(segmenter)(np.ascontiguousarray(np.moveaxis(corrected.read(box), 0, -1)))
    return replace(segmenter, postprocessing=PostProcessing(1.0, float(np.median(scores))))


@contextmanager
def disk(folder, mib):
    """A disk of its own of so many MiB."""
    folder.mkdir()
    how = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)]
    done = subprocess.run(how, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder, leave=0):
    """Take what is left of a disk, but for so many bytes; returns the file that does."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(folder).free - leave))
    return ballast


# In this process


def test_a_segmentation_that_would_not_fit_does_not_begin(grey, segmenter, tmp_path):
    with disk(tmp_path / "disk", 1) as small:  # half a byte a voxel takes 1.7 MiB
        with pytest.raises(UserError, match=r"room for about 1\.7 MiB, but .*disk has") as caught:
            segment_volume(ArrayVolume(grey), segmenter, small, plain())
        assert "\n" not in str(caught.value)
        assert {path.name for path in small.iterdir()} == {"ledger.json", ".lock"}


@pytest.mark.parametrize("kind", ["ome-zarr", "tiff"])
def test_a_slab_that_is_half_written_does_not_count(grey, segmenter, tmp_path, kind):
    volume, options = ArrayVolume(grey[:6, :50, :60]), plain(format=kind, slab=3)
    name = NAMES[kind]

    def stop(text, done, total):
        if done == 4:
            raise CutOffError

    with pytest.raises(CutOffError):
        segment_volume(volume, segmenter, tmp_path / "cut", options, progress=stop)
    assert list(json.loads((tmp_path / "cut" / "ledger.json").read_text())["slabs"]) == ["0"]
    half = tmp_path / "cut" / name / {"ome-zarr": "0/c/3/0/0", "tiff": "slice_0003.tif"}[kind]
    assert half.exists()
    wrong = {"ome-zarr": "0/c/0/0/0", "tiff": "slice_0000.tif"}[kind]
    shutil.copy(tmp_path / "cut" / name / wrong, half)  # something else is in it
    record = segment_volume(volume, segmenter, tmp_path / "cut", options)
    assert record["slabs"] == {"done": 2, "resumed": 1}
    segment_volume(volume, segmenter, tmp_path / "whole", options)
    np.testing.assert_array_equal(
        labels(tmp_path / "cut" / name), labels(tmp_path / "whole" / name)
    )


def test_memory_that_is_not_there_is_refused():
    ask_for(1.0)
    with pytest.raises(MemoryError):
        ask_for(2.0**50)


# Commands


@pytest.fixture(scope="module")
def parts(grey, segmenter, tmp_path_factory):
    """Folder with a stack, a bundle, and the labels of a segmentation that nothing disturbed."""
    from fibsem.tracking.bundle import Bundle

    folder = tmp_path_factory.mktemp("parts")
    Bundle(segmenter, (50.0, 10.0, 10.0)).save(folder / "bundle")
    with create_volume(folder / "stack", SHAPE, np.uint16, format="tiff") as writer:
        writer.write(0, grey)
    Segmentation(folder, folder / "whole").finish()
    return folder


class Segmentation:
    """The command at work."""

    def __init__(self, folder, output, *overrides):
        line = [
            "fibsem.segment", f"volume={folder / 'stack'}", f"weights={folder / 'bundle'}",
            f"output={output}", f"slab={SLAB}", "previews=0", *overrides,
        ]  # fmt: skip
        self.output, self.errors = output, folder / f"errors-{time.monotonic_ns()}"
        self.process = Command(line, folder, Path(os.devnull), self.errors)

    def slabs(self):
        ledger = self.output / "ledger.json"
        return len(json.loads(ledger.read_text())["slabs"]) if ledger.exists() else 0

    @contextmanager
    def stopped(self, slabs):
        """Hold the process, once it has finished some slabs, while something happens to it."""
        until = time.monotonic() + 120
        while self.slabs() < slabs:
            assert self.process.poll() is None, self.errors.read_text()[-3000:]
            assert time.monotonic() < until, "it never got so far"
            time.sleep(0.002)
        self.process.send_signal(signal.SIGSTOP)
        try:
            assert self.slabs() < SHAPE[0] // SLAB, "it was done before it could be stopped"
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def fails(self):
        """The one line with which it ends, and exit code 2."""
        code, errors = self.process.wait(timeout=120), self.errors.read_text()
        assert code == 2, errors[-3000:]
        said = [line for line in errors.splitlines() if line and not line.startswith(TENSORFLOW)]
        assert len(said) == 1, errors
        assert said[0].startswith("error: ")
        return said[0]

    def finish(self):
        code, errors = self.process.wait(timeout=240), self.errors.read_text()
        assert code == 0, errors[-3000:]
        return json.loads((self.output / "summary.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ome-zarr", "tiff"])
def test_a_disk_that_fills_up_stops_the_work_until_there_is_room(parts, tmp_path, kind):
    with disk(tmp_path / "disk", 16) as small:
        work = Segmentation(parts, small / "out", f"format={kind}")
        with work.stopped(2):
            ballast = fill(small)
        assert f"the disk must have room for {small / 'out'}" in work.fails()
        done = work.slabs()
        assert 2 <= done < SHAPE[0] // SLAB
        ballast.unlink()
        summary = Segmentation(parts, small / "out", f"format={kind}").finish()
        assert summary["slabs"] == {"done": SHAPE[0] // SLAB, "resumed": done}
        found = labels(small / "out" / NAMES[kind])
        assert not list((small / "out").rglob("*.tmp")) + list((small / "out").rglob("*.partial"))
    np.testing.assert_array_equal(found, labels(parts / "whole" / NAMES["ome-zarr"]))


@pytest.mark.slow
def test_a_disk_that_fills_up_in_the_export_leaves_the_labels(parts, tmp_path):
    with disk(tmp_path / "disk", 16) as small:
        Segmentation(parts, small / "out", "format=bigtiff").finish()
        exported = small / "out" / NAMES["bigtiff"]
        size = exported.stat().st_size
        exported.unlink()  # as if it had been stopped after the last slab
        ballast = fill(small, leave=size // 2)
        message = Segmentation(parts, small / "out", "format=bigtiff").fails()
        assert f"the disk must have room for {exported}, but it is full" in message
        assert not list((small / "out").glob("*.tif*"))
        ballast.unlink()
        Segmentation(parts, small / "out", "format=bigtiff").finish()
        found = labels(exported)
    np.testing.assert_array_equal(found, labels(parts / "whole" / NAMES["ome-zarr"]))


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["removed", "cut"])
def test_a_slice_that_turns_unreadable_stops_the_work_until_it_is_back(parts, tmp_path, harm):
    last = parts / "stack" / f"slice_{SHAPE[0] - 1:04d}.tif"
    work = Segmentation(parts, tmp_path / "out")
    with work.stopped(2):
        last.rename(tmp_path / "aside")
        if harm == "cut":
            last.write_bytes((tmp_path / "aside").read_bytes()[:5000])
    try:
        message = work.fails()
    finally:
        (tmp_path / "aside").replace(last)  # with the time of its last change
    assert str(last) in message
    done = work.slabs()
    assert 2 <= done < SHAPE[0] // SLAB
    summary = Segmentation(parts, tmp_path / "out").finish()
    assert summary["slabs"] == {"done": SHAPE[0] // SLAB, "resumed": done}
    np.testing.assert_array_equal(
        labels(tmp_path / "out" / NAMES["ome-zarr"]), labels(parts / "whole" / NAMES["ome-zarr"])
    )


@pytest.mark.slow
def test_memory_that_runs_out_halves_the_tiles(tmp_path, capsys):
    short_of_memory.main(str(tmp_path / "large"), "1000")
    line = [short_of_memory.__name__, tmp_path / "short", "1000", "1.6"]
    done = completed(line, tmp_path, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert result["said"] == [
        "warning: memory ran out with tiles of 1000 x 1000; going on with 500 x 500"
    ]
    assert result["tile"] == [500, 500]
    assert result["fastest"] < 1000  # larger ones could not even be timed
    name = NAMES["ome-zarr"]
    short = labels(tmp_path / "short" / name)
    np.testing.assert_array_equal(short, labels(tmp_path / "large" / name))
