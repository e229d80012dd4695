"""What `inspect` says is odd about a dataset."""

import numpy as np
import pytest
import tifffile

from fibsem.data.manifest import load_dataset
from fibsem.data.preprocessing import Recipe
from fibsem.reporting.inspection import Inspection


@pytest.fixture
def warnings(tmp_path):
    """Function (voxel size of the manifest) -> warnings about a film of 50 x 10 x 20 nm."""
    grey = np.random.default_rng(0).integers(1, 255, (4, 20, 24), np.uint8)
    tifffile.imwrite(
        tmp_path / "film.tif", grey, imagej=True, resolution=(50, 100),
        metadata={"axes": "ZYX", "spacing": 0.05, "unit": "um"},
    )  # fmt: skip

    def told(voxel_nm):
        (tmp_path / "dataset.yaml").write_text(
            f"name: a\nvoxel_nm: {voxel_nm}\nclasses: {{pore: 0, solid: 255}}\n"
            "samples: [{name: a, volume: film.tif}]\n"
        )
        return list(Inspection.of(load_dataset(tmp_path), Recipe()).warnings())

    return told


@pytest.mark.parametrize("voxel_nm", ["{z: 50, y: 10, x: 20}", "{z: 51, y: 10.4, x: 20}", "null"])
def test_a_voxel_size_that_the_files_confirm_is_no_matter(warnings, voxel_nm):
    assert warnings(voxel_nm) == ["a: no labels, it can only be segmented"]


def test_another_voxel_size_than_that_of_the_files_is_said_with_both(warnings):
    assert warnings("{z: 30, y: 10, x: 10}")[:2] == [
        "a: its files state 50 nm along z, but the dataset says 30 nm",
        "a: its files state 20 nm along x, but the dataset says 10 nm",
    ]
