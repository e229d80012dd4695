"""Mesh files: binary STL, which every program reads, and binary PLY, which is smaller."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from fibsem.analysis.structure.film import Film
from fibsem.analysis.structure.mesh import Mesh, mesh_cell
from fibsem.system.files import beside

MeshFormat = Literal["stl", "ply"]

#: A triangle of an STL file: normal, corners, and an unused attribute.
TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])
#: A triangle of a PLY file.
FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])


def write_mesh(path: Path, parts: Iterable[Mesh], kind: MeshFormat, unit: str) -> int:
    """Write a mesh atomically; return the number of its triangles.

    Neither format has units, so the header names the ``unit`` of the vertices, nm or voxels, in at
    most 40 characters.
    """
    title = f"surface between pores and solid, {unit}"
    if kind == "stl":
        return _write_stl(path, parts, title)
    return _write_ply(path, list(parts), title)


def why_none(film: Film, cell: float, unit: str) -> str:
    """Explain why a film has no surface in cells of ``cell``.

    >>> why_none(Film.of(np.zeros((3, 80, 80), np.uint8), (5.0, 5.0, 5.0)), 10.0, "nm")
    'the surface has no triangles: the film has 1 x 40 x 40 cells (z, y, x) of 10 nm, and two \
along every axis are needed (mesh_cell=)'
    """
    counts = [n // c for n, c in zip(film.shape, mesh_cell(film, cell), strict=True)]
    size = f"{max(cell, *film.spacing):g} {unit}"
    if min(counts) < 2:
        cells = " x ".join(map(str, counts))
        why = f"the film has {cells} cells (z, y, x) of {size}, and two along every axis are needed"
    else:
        why = f"no cell of {size} that is mostly pore lies beside one that is mostly solid"
    return f"the surface has no triangles: {why} (mesh_cell=)"


def _write_stl(path: Path, parts: Iterable[Mesh], title: str) -> int:
    """Write STL part by part; the number of triangles is filled in at the end."""
    count = 0
    with beside(path) as hidden, hidden.open("wb") as file:
        file.write(title.encode().ljust(80) + np.uint32(0).tobytes())
        for corners, triangles in parts:
            rows = np.zeros(len(triangles), TRIANGLE)
            rows["corners"] = corners[triangles]
            a, b, c = np.moveaxis(rows["corners"], 1, 0)
            normals = np.cross(b - a, c - a)
            lengths = np.linalg.norm(normals, axis=1, keepdims=True)
            rows["normal"] = normals / np.maximum(lengths, 1e-12)
            file.write(rows.tobytes())
            count += len(rows)
        file.seek(80)
        file.write(np.uint32(count).tobytes())
    return count


def _write_ply(path: Path, parts: list[Mesh], title: str) -> int:
    """Write PLY: the vertices of all parts, then their triangles."""
    offsets = np.cumsum([0, *(len(corners) for corners, _ in parts)])
    count = sum(len(triangles) for _, triangles in parts)
    header = [
        "ply", "format binary_little_endian 1.0", f"comment {title}",
        f"element vertex {offsets[-1]}", *(f"property float {axis}" for axis in "xyz"),
        f"element face {count}", "property list uchar int vertex_indices", "end_header", "",
    ]  # fmt: skip
    with beside(path) as hidden, hidden.open("wb") as file:
        file.write("\n".join(header).encode())
        for corners, _ in parts:
            file.write(corners.astype("<f4").tobytes())
        for (_, triangles), offset in zip(parts, offsets, strict=False):
            rows = np.zeros(len(triangles), FACE)
            rows["count"], rows["corners"] = 3, triangles + offset
            file.write(rows.tobytes())
    return count
