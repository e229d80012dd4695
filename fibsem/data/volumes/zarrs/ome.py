"""Metadata of an OME-Zarr 0.5: its levels, the voxel size, and the meaning of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fibsem.data.volumes.voxels import VoxelNm
from fibsem.system.records import Record

#: Maximum number of pixels along a side of a chunk.
CHUNK = 1024


@dataclass(frozen=True)
class Meaning:
    """What a label value stands for, and the colour in which viewers show it.

    Examples
    --------
    >>> Meaning(0, "pore", (0, 114, 178, 255)).name
    'pore'
    """

    value: int
    name: str
    rgba: tuple[int, int, int, int]


def levels_of(shape: tuple[int, int]) -> list[int]:
    """Return the steps of the levels of a slice, down to one that fits into half a chunk.

    >>> levels_of((2247, 3372)), levels_of((300, 300))
    ([1, 2, 4, 8], [1])
    """
    levels = [1]
    while max(shape) // levels[-1] > CHUNK // 2:
        levels.append(2 * levels[-1])
    return levels


def ome_attributes(
    name: str, voxel_nm: VoxelNm, levels: Sequence[int], meanings: Sequence[Meaning] = ()
) -> Record:
    """Return ``multiscales``, and ``image-label`` of labels; unknown sizes get scale 1, no unit."""
    axes = [
        {"name": axis, "type": "space"} | ({"unit": "nanometer"} if nm else {})
        for axis, nm in zip("zyx", voxel_nm, strict=True)
    ]
    z, y, x = (float(nm) if nm else 1.0 for nm in voxel_nm)
    datasets = [
        {
            "path": str(k),
            "coordinateTransformations": [{"type": "scale", "scale": [z, y * step, x * step]}],
        }
        for k, step in enumerate(levels)
    ]
    multiscale = {"name": name, "axes": axes, "datasets": datasets}
    image = {"version": "0.5", "multiscales": [multiscale]}
    return image | ({"image-label": _image_label(meanings)} if meanings else {})


def _image_label(meanings: Sequence[Meaning]) -> Record:
    return {
        "version": "0.5",
        "colors": [
            {"label-value": meaning.value, "rgba": list(meaning.rgba)} for meaning in meanings
        ],
        "properties": [
            {"label-value": meaning.value, "class": meaning.name} for meaning in meanings
        ],
    }
