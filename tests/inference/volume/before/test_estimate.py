"""What a segmentation will take, before it is begun."""

import numpy as np
import pytest

from fibsem import api, segment
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import compose
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume, create_volume
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.before import estimate
from fibsem.inference.volume.before.budget import RUNTIME_GIB
from fibsem.inference.volume.before.estimate import estimate_segmentation
from fibsem.models import build
from fibsem.models.spec import resolve
from fibsem.tracking.bundle import Bundle


def test_the_command_tells_and_writes_nothing(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    segmenter = Segmenter.of(*trained(11), Recipe(), PostProcessing())
    Bundle(segmenter, (50.0, 10.0, 10.0)).save(tmp_path / "bundle")
    with create_volume("stack", (2, 40, 50), np.uint8, format="tiff") as writer:
        writer.write(0, np.zeros((2, 40, 50), np.uint8))
    segment.main(compose("segment", ["volume=stack", "weights=bundle", "estimate=true"]))
    lines = capsys.readouterr().out.splitlines()
    shown = ["tiles", "memory", "read", "written", "time"]
    assert [line.split()[0] for line in lines] == shown
    assert lines[0].endswith("40 x 50, 1 x 1 a slice")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "stack"]
    of_path = api.estimate("stack", "bundle", probabilities=True)
    of_array = api.estimate(np.zeros((2, 40, 50), np.uint8), api.load("bundle"), probabilities=True)
    for found in (of_path, of_array):
        assert (found.voxels, found.bytes_read) == (4000, 4000)
        assert (found.tiling.height, found.tiling.width) == (40, 50)
        assert [line.split()[0] for line in repr(found).splitlines()] == shown
    assert of_path.bytes_written == 2 * api.estimate("stack", "bundle").bytes_written
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "stack"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [("table", r"experiments/benchmarks/patch_vs_dense\.py"), ("later", "but got later")],
)
def test_an_estimate_is_wanted_or_not(asked, says):
    with pytest.raises(UserError, match=rf"`estimate` must be true or false.*{says}"):
        segment.main(compose("segment", ["volume=stack", f"estimate={asked}"]))


@pytest.mark.parametrize("name", ["2dcnn", "1dcnn"])
def test_patches_take_the_memory_of_a_batch(name, monkeypatch):
    monkeypatch.setattr(estimate, "pixels_per_second", lambda scorer, *sides: 1.0)
    spec = resolve(name, Nbhd(5, 81, 81), "same")
    segmenter = Segmenter.of(spec, build(spec), Recipe(), PostProcessing())
    volume = ArrayVolume(np.zeros((2, 300, 300), np.uint8))
    memory_gib = estimate_segmentation(volume, segmenter, Options()).memory_gib
    assert RUNTIME_GIB < memory_gib < 4
