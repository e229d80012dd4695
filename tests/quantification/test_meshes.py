"""Meshes are read back byte by byte as their formats say."""

import numpy as np
import pytest

from fibsem.analysis.structure.film import Film
from fibsem.analysis.structure.mesh import surface_mesh
from fibsem.quantification.meshes import FACE, TRIANGLE, write_mesh
from tests.analysis.structure.shapes import SPACINGS, ball


@pytest.fixture(scope="module")
def parts():
    return list(surface_mesh(Film.of(ball((100.0,) * 3, 30.0, SPACINGS[1]), SPACINGS[1]), 5.0))


def test_stl_holds_every_triangle_with_its_normal(parts, tmp_path):
    count = write_mesh(tmp_path / "a.stl", parts, "stl", "nm")
    data = (tmp_path / "a.stl").read_bytes()
    assert data[:80].rstrip() == b"surface between pores and solid, nm"
    assert int.from_bytes(data[80:84], "little") == count == sum(len(t) for _, t in parts)
    rows = np.frombuffer(data[84:], TRIANGLE)
    assert len(rows) == count
    corners, triangles = parts[0]
    assert (rows["corners"][: len(triangles)] == corners[triangles]).all()
    # normals are as long as one, and all look to the same side of the surface of a ball
    out = ((rows["corners"].mean(1) - 50) * rows["normal"]).sum(1)
    assert (out > 0).all() or (out < 0).all()
    assert np.linalg.norm(rows["normal"], axis=1) == pytest.approx(1, abs=1e-5)


def test_ply_holds_the_same_triangles(parts, tmp_path):
    count = write_mesh(tmp_path / "a.ply", parts, "ply", "voxels")
    header, _, body = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")
    assert b"comment surface between pores and solid, voxels\n" in header
    vertices = sum(len(corners) for corners, _ in parts)
    assert f"element vertex {vertices}\n".encode() in header
    assert f"element face {count}\n".encode() in header
    corners = np.frombuffer(body[: 12 * vertices], "<f4").reshape(-1, 3)
    faces = np.frombuffer(body[12 * vertices :], FACE)
    assert (faces["count"] == 3).all()
    expected = np.concatenate([c[t] for c, t in parts])
    assert (corners[faces["corners"]] == expected).all()
