"""Datasets with a manifest, written as a test wants them."""

import shutil

import numpy as np
import pytest
import tifffile
import yaml

from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.split import SplitRecipe

H, W = 64, 80


def stripes(shape, first=0, second=255):
    """Labels with both classes in every rectangle that is wide enough."""
    labels = np.full(shape, first, np.uint8)
    labels[..., ::2] = second
    return labels


@pytest.fixture(scope="session")
def fifty_slices(tmp_path_factory):
    """Folder of 50 slices and the masks of five squares of 16 px; not to be changed."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("film")
    (folder / "slices").mkdir()
    for z in range(50):
        tifffile.imwrite(
            folder / "slices" / f"s{z:03d}.tif", rng.integers(0, 255, (H, W), np.uint8)
        )
    for k in range(5):
        tifffile.imwrite(folder / f"m{k}.tif", stripes((16, 16)))
    return folder


@pytest.fixture
def make(fifty_slices, tmp_path):
    """Write a dataset with five squares of 16 px in a volume of 50 slices, then load it."""
    shutil.copytree(fifty_slices, tmp_path, copy_function=shutil.copyfile, dirs_exist_ok=True)
    rows = [f"m{k}.tif,{12 * k},{4 * k},{8 * k}" for k in range(5)]
    (tmp_path / "regions.csv").write_text("mask,z,y,x\n" + "\n".join(rows) + "\n")
    record = {
        "name": "film",
        "voxel_nm": {"z": 50, "y": 10, "x": None},
        "classes": {"pore": 0, "solid": 255},
        "ignore": None,
        "samples": [{"name": "a", "volume": "slices", "regions": "regions.csv", "valid": "all"}],
    }

    def load(sample=None, table=None, recipe=None, **changes):
        written = {**record, **changes}
        if sample:
            written["samples"] = [{**record["samples"][0], **sample}]
            written["samples"][0] = {k: v for k, v in written["samples"][0].items() if v != "drop"}
        if table is not None:
            (tmp_path / "regions.csv").write_text(table)
        (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(written))
        return load_dataset(tmp_path, recipe or SplitRecipe())

    load.folder = tmp_path
    return load


@pytest.fixture
def dense(make):
    labels = stripes((50, H, W))
    tifffile.imwrite(make.folder / "labels.tif", labels)
    return {"regions": "drop", "labels": "labels.tif"}


def bad_mask(folder, mask, name="m0.tif"):
    tifffile.imwrite(folder / name, mask)
