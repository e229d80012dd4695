"""View of a segmentation in napari, in nanometres if the voxel size is known.

Slices are read lazily, at the resolution of the window, so that a film may be larger than memory.
napari is an optional dependency: it is imported when a window is opened.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fibsem.data.volumes import Volume, open_volume, resolutions
from fibsem.geometry import Box
from fibsem.quantification.segmented import Segmented
from fibsem.reporting.labelled_film import grey_values
from fibsem.system.files import beside, remove_leftovers, write_json

#: Colours of pores, of voxels that are neither pore nor solid, and of solid.
PORE, NEITHER, SOLID = "#ffa600", "#999999", "transparent"
#: Size in pixels of the window of a screenshot.
WINDOW = (1080, 720)


def view(
    segmented: Segmented,
    *,
    volume: Path | None = None,
    quantified: Path | None = None,
    screenshot: Path | None = None,
    layers: Path | None = None,
    z: int | None = None,
) -> None:
    """Show a segmentation until the window is closed, or save a screenshot.

    Parameters
    ----------
    segmented
        Segmentation to show.
    volume
        Path of the grey values; None: the recorded one.
    quantified
        Folder of a quantification whose maps are shown, too.
    screenshot
        Save a screenshot to this file and close the window.
    layers
        Write a description of the layers to this JSON file.
    z
        Slice that is shown first.
    """
    import napari

    viewer = napari.Viewer(title=f"fibsem: {segmented.folder.name}")
    add_layers(viewer, segmented, volume, quantified)
    if z is not None:
        viewer.dims.set_current_step(0, z)
    if layers is not None:
        write_json(layers, [described(layer) for layer in viewer.layers])
    if screenshot is None:
        napari.run()
        return
    viewer.window.resize(*WINDOW)
    viewer.reset_view()
    save(viewer.screenshot(canvas_only=False)[..., :3], screenshot)
    viewer.close()


def save(rgb: npt.NDArray[np.uint8], path: Path) -> None:
    """Write a picture atomically, in 256 colours, since noise would make the file large."""
    remove_leftovers(path.parent, deep=False)
    with beside(path) as hidden:
        Image.fromarray(rgb).quantize(256).save(hidden, optimize=True)


def add_layers(
    viewer: Any, segmented: Segmented, volume: Path | None, quantified: Path | None
) -> None:
    """Add all available layers, from grey values at the bottom to pores on top."""
    from napari.utils.colormaps import DirectLabelColormap

    summary, folder = segmented.summary, segmented.folder
    in_nm = segmented.unit == "nm"
    calibration = {"scale": segmented.film.spacing, "units": ("nm" if in_nm else "pixel",) * 3}
    if (grey := _grey(segmented, volume)) is not None:
        middle = np.asarray(grey[-1][grey[-1].shape[0] // 2])
        low, high = np.percentile(middle, (0.5, 99.5))
        viewer.add_image(grey, name="grey values", contrast_limits=(low, high), **calibration)
    if summary.probabilities:
        probabilities = levels(folder / summary.probabilities)
        viewer.add_image(
            probabilities, name="probability of solid", contrast_limits=(0, 255), visible=False,
            **calibration,
        )  # fmt: skip
    for name in ("thickness", "components"):
        if quantified is not None and (quantified / f"{name}.ome.zarr").exists():
            numbered = levels(quantified / f"{name}.ome.zarr")
            if name == "thickness":
                viewer.add_image(
                    numbered, name=name, colormap="viridis", blending="additive", visible=False,
                    **calibration,
                )  # fmt: skip
            else:
                viewer.add_labels(numbered, name=name, opacity=0.5, visible=False, **calibration)
    pore, solid = summary.classes
    colours = {pore: PORE, solid: SOLID, None: NEITHER}
    viewer.add_labels(
        levels(folder / summary.labels), name="pores", opacity=0.5,
        colormap=DirectLabelColormap(color_dict=colours), **calibration,
    )  # fmt: skip
    viewer.canvas.overlays.scale_bar.visible = True


def _grey(segmented: Segmented, volume: Path | None) -> list[Any] | None:
    """Return the grey values, or None with a message if they are not found."""
    summary = segmented.summary
    picked = {"gaps": bool(segmented.missing), **(summary.picked.choice if summary.picked else {})}
    if volume is not None:
        return levels(volume, **picked)
    if film := grey_values(segmented.folder, summary):
        return levels(film.path, **picked)
    source = summary.volume or "the film"
    print(f"without grey values: {source} is gone, or another film; volume=PATH says where it is")
    return None


def levels(path: Path, **picked: Any) -> list[Any]:
    """Return lazy arrays of all resolutions of an OME-Zarr, or of another volume in full.

    ``picked`` selects one of several volumes in a file, as in :func:`open_volume`.
    """
    if levels_of := resolutions(path, picked.get("series")):
        return levels_of
    import dask.array as da
    from dask import delayed

    volume = open_volume(path, **picked)
    slices = [
        da.from_delayed(delayed(_slice)(volume, z), volume.shape[1:], volume.dtype)
        for z in range(volume.shape[0])
    ]
    return [da.stack(slices)]


def _slice(volume: Volume, z: int) -> npt.NDArray[Any]:
    return volume.read(Box((z, 0, 0), (z + 1, *volume.shape[1:])))[0]


def described(layer: Any) -> dict[str, object]:
    """Return the name, shape of each resolution, scale and units of a layer."""
    data = layer.data if layer.multiscale else [layer.data]
    return {
        "name": layer.name,
        "levels": [list(level.shape) for level in data],
        "scale": [float(nm) for nm in layer.scale],
        "units": [str(unit) for unit in layer.units],
    }
