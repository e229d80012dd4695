"""A volume and the pores that were found in it, in napari; see the README beside.

    python experiments/view/napari_view.py data/demo/HPC30/slices outputs/demo/promote/volumes/HPC30

Slices are read when they are looked at, in the resolution that the window needs, so that a volume
may be larger than memory.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import dask.array as da
import napari
import numpy as np
import zarr
from dask import delayed
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from PIL import Image as Picture

from fibsem.data.volumes import Volume, open_volume
from fibsem.geometry import Box

#: Pores in orange, slices that are missing in grey, solid not at all.
PORE, MISSING, SOLID = "#ffa600", "#999999", "transparent"


def levels(path: Path, **picked: Any) -> list[Any]:
    """The resolutions of an OME-Zarr, or the one of another volume; nothing is read yet."""
    if (path / "zarr.json").is_file():
        group = zarr.open_group(path, mode="r")
        (multiscale,) = group.attrs["ome"]["multiscales"]
        return [group[dataset["path"]] for dataset in multiscale["datasets"]]
    volume = open_volume(path, **picked)
    slices = [
        da.from_delayed(delayed(_slice)(volume, z), volume.shape[1:], volume.dtype)
        for z in range(volume.shape[0])
    ]
    return [da.stack(slices)]


def _slice(volume: Volume, z: int) -> np.ndarray:
    return volume.read(Box((z, 0, 0), (z + 1, *volume.shape[1:])))[0]


def show(viewer: napari.Viewer, volume: Path, segmentation: Path) -> tuple[Image, Labels]:
    """Add a volume and its labels to a viewer, in nanometres where the voxel size is known.

    Parameters
    ----------
    viewer
        Of napari.
    volume
        What was segmented.
    segmentation
        Output folder of ``fibsem.segment``.
    """
    summary = json.loads((segmentation / "summary.json").read_text())
    known = all(summary["voxel_nm"])
    place = {
        "scale": summary["voxel_nm"] if known else (1, 1, 1),
        "units": ("nm" if known else "pixel",) * 3,
    }
    grey = levels(volume, gaps=bool(summary["missing"]), **summary.get("picked", {}))
    found = levels(segmentation / summary["labels"])
    middle = np.asarray(grey[-1][grey[-1].shape[0] // 2])
    low, high = np.percentile(middle, (0.5, 99.5))
    image = viewer.add_image(grey, name="grey values", contrast_limits=(low, high), **place)
    pore, solid = summary["classes"]
    colours = {pore: PORE, solid: SOLID, None: MISSING}
    pores = viewer.add_labels(
        found, name="pores", opacity=0.5,
        colormap=DirectLabelColormap(color_dict=colours), **place,
    )  # fmt: skip
    viewer.canvas.overlays.scale_bar.visible = True
    return image, pores


def described(layer: Layer) -> dict[str, Any]:
    """Name, resolutions and place of a layer."""
    data = layer.data if layer.multiscale else [layer.data]
    return {
        "name": layer.name,
        "levels": [list(level.shape) for level in data],
        "scale": [float(nm) for nm in layer.scale],
        "units": [str(unit) for unit in layer.units],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volume", type=Path, help="folder of TIFF slices, TIFF or OME-Zarr")
    parser.add_argument("segmentation", type=Path, help="output folder of fibsem.segment")
    parser.add_argument("--z", type=int, help="slice to begin with; default: the middle one")
    parser.add_argument("--screenshot", type=Path, help="save a picture of the window, and end")
    parser.add_argument("--json", type=Path, help="write what the layers are")
    given = parser.parse_args()
    viewer = napari.Viewer(title=f"fibsem: {given.segmentation.name}")
    show(viewer, given.volume, given.segmentation)
    if given.z is not None:
        viewer.dims.set_current_step(0, given.z)
    if given.json is not None:
        given.json.write_text(json.dumps([described(layer) for layer in viewer.layers], indent=2))
    if given.screenshot is None:
        napari.run()
        return
    viewer.window.resize(1080, 720)
    viewer.reset_view()
    picture = Picture.fromarray(viewer.screenshot(canvas_only=False)[..., :3])
    picture.quantize(256).save(given.screenshot, optimize=True)  # noise makes large files
    viewer.close()


if __name__ == "__main__":
    main()
