"""Films with lost slices and rims: what is not known closes nothing."""

import numpy as np
import pytest

from fibsem.analysis.structure.film import NEITHER
from fibsem.analysis.structure.transport import diffuse
from fibsem.quantification.options import QuantifyConfig
from fibsem.quantification.quantification import quantify
from fibsem.quantification.summary import in_words
from fibsem.system.records import as_record, typed
from fibsem.system.summaries import QuantificationSummary
from tests.conftest import labels
from tests.quantification.conftest import SPACING, in_memory, run


def measured(phases, folder, missing=(), **how):
    segmented = in_memory(phases, folder, tuple(missing))
    return as_record(quantify(segmented, QuantifyConfig(**how), folder / "q"))


@pytest.mark.parametrize(("lost", "first", "end"), [(5, 6, 12), (6, 0, 6)])
def test_a_lost_slice_closes_no_part(segment, film, tmp_path, lost, first, end):
    """The part lies in the longest run of slices, and is measured as that run alone is."""
    out = segment(tmp_path, film[:, :48, :52], lost=[lost], missing="skip")
    record = run(out, tmp_path / "q", "blocks=1")
    assert record["blocks"] == [[[first, 0, 0], [end, 48, 52]]]
    assert record["parts_through"] == {axis: [1, 1] for axis in "zyx"}
    run_alone = np.uint8(labels(out / "labels.ome.zarr")[first:end] == 255)
    for axis, name in enumerate("zyx"):
        factor = diffuse(run_alone, SPACING, axis).tortuosity_factor
        assert record["tortuosity_factor"][name] == pytest.approx(factor)
    assert record["throat_size_nm"]["none_fits_share"] < 0.1


def test_a_rim_without_material_closes_no_part(film, tmp_path):
    whole = film[:, :40, :40]
    rimmed = whole.copy()
    rimmed[:, :, :2] = rimmed[:, -3:] = NEITHER
    found = measured(rimmed, tmp_path, blocks=1)
    assert found["parts_through"] == {axis: [1, 1] for axis in "zyx"}
    for axis, name in enumerate("zyx"):
        of_whole = diffuse(whole, SPACING, axis).tortuosity_factor
        assert found["tortuosity_factor"][name] == pytest.approx(of_whole, rel=0.1)


def test_a_slice_without_material_inside_decides_nothing_along_z_and_it_is_said(film, tmp_path):
    cut = film.copy()
    cut[5] = NEITHER  # black, and missing in no list
    record = measured(cut, tmp_path, blocks=0)
    assert record["percolates"] == {"z": None, "y": True, "x": True}
    assert record["connected_share"]["z"] is None
    said = [limit for limit in record["limits"] if limit.startswith("nothing is known of slice 5,")]
    assert len(said) == 1
    assert "components are cut there" in said[0]


def test_a_rim_beside_a_lost_slice_is_no_way_past_it(film, tmp_path):
    """Lines of the rim end before the slice, and are long enough for faces."""
    cut = film.copy()
    cut[9] = cut[10:, :, :3] = NEITHER
    record = measured(cut, tmp_path, blocks=0)
    assert record["percolates"]["z"] is record["connected_share"]["z"] is None


@pytest.mark.parametrize(
    ("axis", "unknown"),
    [
        ("x", np.s_[:, :, 50:53]),  # between the tiles of a mosaic
        ("y", np.s_[:, 40:43]),
        ("x", np.s_[:, 2:, 50:53]),  # a strip beside it is known, where nothing leads through
        ("z", np.s_[5, :, 2:]),
    ],
)
def test_a_band_without_material_decides_nothing_across_it_and_it_is_said(tmp_path, axis, unknown):
    """Pores are channels along all axes, of which the band cuts those across it."""
    cut = np.ones((12, 90, 100), np.uint8)
    cut[4:6, 40:46] = cut[4:6, :, 60:66] = cut[:, 40:46, 60:66] = 0
    assert measured(cut, tmp_path, blocks=0)["percolates"] == dict.fromkeys("zyx", True)
    cut[unknown] = NEITHER
    record = measured(cut, tmp_path, blocks=0)
    assert record["percolates"][axis] is record["connected_share"][axis] is None
    said = f"what is not known lies across most lines along {axis}"
    assert [limit.startswith(said) for limit in record["limits"]].count(True) == 1


def test_pores_through_the_longer_of_two_tiles_lead_to_the_band_alone(tmp_path):
    """It is higher than the other: lines beside that one end at the band, and had a face there."""
    tiles = np.ones((12, 90, 100), np.uint8)
    tiles[4:6, 84:88] = 0  # a channel along x
    tiles[:, :, 60:63] = tiles[:, 80:, 60:] = NEITHER
    record = measured(tiles, tmp_path, blocks=0)
    assert record["percolates"] == {"z": False, "y": False, "x": None}
    assert record["connected_share"]["x"] is None


def test_halves_of_slices_without_material_decide_nothing_along_z(film, tmp_path):
    cut = film.copy()
    cut[5, :45] = cut[6, 45:] = NEITHER  # no slice is unknown as a whole
    record = measured(cut, tmp_path, blocks=0)
    assert record["percolates"] == {"z": None, "y": True, "x": True}


def test_what_leads_through_beside_a_hole_does_so_and_rims_cut_nothing(film, tmp_path):
    cut = film.copy()
    cut[:, 10:60, 10:60] = cut[:, :, :5] = cut[3:6, 85:] = NEITHER
    record = measured(cut, tmp_path, blocks=0)
    assert record["percolates"] == dict.fromkeys("zyx", True)
    closed = np.ones_like(film)
    closed[::3, ::9, ::9] = 0
    closed[:, 30:40, 30:40] = closed[:, :, :5] = closed[3:6, 85:] = NEITHER
    record = measured(closed, tmp_path / "closed", blocks=0)
    assert record["percolates"] == dict.fromkeys("zyx", False)


def test_slices_without_material_at_an_end_close_nothing(film, tmp_path):
    """What of the film is known percolates as it does alone, whatever is missing before it."""
    cut = film.copy()
    cut[:2] = cut[-1] = NEITHER
    record = measured(cut, tmp_path, missing=[0, 1], blocks=0)
    alone = measured(film[2:-1], tmp_path, blocks=0)
    assert record["percolates"] == alone["percolates"] == dict.fromkeys("zyx", True)
    assert record["connected_share"] == alone["connected_share"]
    assert not any("nothing is known of slice" in limit for limit in record["limits"])


def test_parts_with_gaps_decide_nothing_of_transport_and_throats_and_it_is_said(film, tmp_path):
    holes = film.copy()
    holes[:, ::5, ::5] = NEITHER
    record = measured(holes, tmp_path, blocks=2, block_voxels=20_000)
    parts = len(record["blocks"])
    assert record["parts_through"] == {axis: [0, 0] for axis in "zyx"}
    assert record["tortuosity_factor"] == dict.fromkeys("zyx")
    assert record["throat_size_nm"]["none_fits_share"] is None
    assert record["pore_size_nm"]["median"] > 0
    said = f"{parts} of {parts} parts hold what is not known"
    assert any(limit.startswith(said) for limit in record["limits"])
    words = in_words(typed(QuantificationSummary, record))
    assert "tortuosity factor z not measured, y not measured" in words
    assert "by intrusion" not in words


def test_a_film_that_is_thinner_than_two_cells_has_no_surface_and_it_is_said(film, tmp_path):
    record = measured(film[:3], tmp_path, blocks=0, mesh="stl", mesh_cell=100.0)
    assert record["mesh"]["triangles"] == 0
    assert record["limits"][-1] == (
        "the surface has no triangles: the film has 1 x 9 x 10 cells (z, y, x) of 100 nm, and two "
        "along every axis are needed (mesh_cell=)"
    )
    thick = measured(film, tmp_path, blocks=0, mesh="stl", mesh_cell=100.0)
    assert thick["mesh"]["triangles"] > 0
    assert not any("no triangles" in limit for limit in thick["limits"])
