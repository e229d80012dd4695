"""Structure of segmentations as the command tells it, and what it refuses."""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import ndimage

from fibsem import api, view
from fibsem.analysis.porosity_told import porosity_text
from fibsem.analysis.structure.cells import CellCounts
from fibsem.analysis.structure.film import Film
from fibsem.analysis.structure.surface import Surface
from fibsem.analysis.structure.thickness import diameters_up_to, local_thickness
from fibsem.analysis.structure.walk import walk
from fibsem.config import compose
from fibsem.errors import UserError
from fibsem.quantification.folder import begin
from fibsem.quantification.segmented import open_segmented
from fibsem.reporting.measured import check_of
from fibsem.system.records import typed
from fibsem.system.summaries.porosity import FilmPorosity
from tests.conftest import labels
from tests.quantification.conftest import SPACING, run


@pytest.fixture(scope="module")
def told(segmented, tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantified")
    return folder, run(segmented, folder, "blocks=2", "block_voxels=20000")


def test_the_figures_are_those_of_the_film(told, segmented, film):
    _, record = told
    found = (labels(segmented / "labels.ome.zarr") == 255).astype(np.uint8)
    assert (found == film).mean() > 0.99
    assert record["porosity"] == (found == 0).mean()
    summary = json.loads((segmented / "summary.json").read_text())
    assert record["porosity"] == pytest.approx(summary["porosity"], abs=1e-12)
    assert record["percolates"] == {"z": True, "y": True, "x": True}
    known = Film.of(found, SPACING)
    surface, cells = Surface(known), CellCounts(known)
    walk(known, [surface, cells])
    assert record["surface_per_um"] == pytest.approx(1000 * surface.per_volume)
    assert record["porosity_per_px_of_boundary"] == pytest.approx(10 * surface.outline_per_area)
    assert 10 < record["pore_size_nm"]["median"] < 300
    throats = record["throat_size_nm"]
    assert throats["face"] == "z0"
    assert throats["median"] <= record["pore_size_nm"]["median"]
    assert all(factor > 1 for factor in record["tortuosity_factor"].values())
    assert all(1 <= way < 3 for way in record["geodesic_tortuosity"].values())
    assert record["unit"] == "nm"
    assert record["limits"] == []


def test_tables_hold_the_curves(told):
    folder, record = told
    assert {path.name for path in folder.iterdir()} == {
        *record["tables"], "summary.json", "identity.json", ".lock"
    }  # fmt: skip
    names = {name.partition(".")[0] for name in record["tables"]}
    assert names == {"profile", "correlation", "chords", "parts", "pore_sizes", "transport"}
    rows = (folder / "profile.csv").read_text().splitlines()
    assert rows[0] == "z,z (nm),porosity,known pixels"
    assert len(rows) == 13
    assert rows[2].startswith("1,50.0,0.")
    lines = (folder / "transport.csv").read_text().splitlines()
    assert len(lines) == 1 + 3 * len(record["blocks"])


@pytest.mark.parametrize(
    "hostile",
    [{"tables": ["*", "../mine.txt", "notes.txt"]}, {"mesh": {"file": "notes.txt"}},
     {"maps": ["../mine.txt", ".", "notes.txt"]}],
    ids=lambda hostile: next(iter(hostile)),
)  # fmt: skip
def test_only_files_of_a_quantification_are_removed_by_the_next_one(told, tmp_path, hostile):
    """Whatever names its summary has, which may come from elsewhere."""
    folder, record = told
    copied = shutil.copytree(folder, tmp_path / "out")
    for file in (copied / "notes.txt", tmp_path / "mine.txt"):
        file.write_text("of the user")
    (copied / "summary.json").write_text(json.dumps(record | hostile))
    begin(copied, SimpleNamespace(summary=SimpleNamespace(model="a")), SimpleNamespace())
    assert (copied / "notes.txt").read_text() == (tmp_path / "mine.txt").read_text()
    kept = set() if "tables" in hostile else {"tables"}
    assert not (copied / "summary.json").exists()
    assert (copied / "profile.csv").exists() == (not kept)


def test_the_interval_of_the_material_is_wider_than_that_of_the_film(segmented, tmp_path):
    shutil.copytree(segmented, tmp_path / "out")
    record = json.loads((segmented / "summary.json").read_text())
    assert record["porosity_interval"]["why"].startswith("the model has no test squares with it")
    told = {"volume": [0.44, 0.56], "error": 0.025, "degrees": 6, "squares": 7, "why": None}
    more = {"porosity_corrected": 0.5, "porosity_interval": told}
    (tmp_path / "out" / "summary.json").write_text(json.dumps({**record, **more}))
    found = run(tmp_path / "out", tmp_path / "q", "blocks=0")
    assert found["porosity_corrected"] == 0.5
    low, high = found["porosity_interval"]["material"]
    assert found["porosity_sd_of_such_volumes"] > 0.01
    assert low < 0.44
    assert high > 0.56
    smooth = {"porosity_interval": {**told, "labelled_over_mapped": 2.0}}
    (tmp_path / "out" / "summary.json").write_text(json.dumps({**record, **more, **smooth}))
    wider = run(tmp_path / "out", tmp_path / "q2", "blocks=0")["porosity_interval"]["material"]
    error = np.hypot(0.025, 2 * found["porosity_sd_of_such_volumes"])
    assert 0.5 - wider[0] > 1.96 * error  # and of few degrees
    assert wider[0] < low
    interval, per_px = found["porosity_interval"], found["porosity_per_px_of_boundary"]
    assert interval["volume"] == told["volume"]
    assert interval["one_pixel_off"] == pytest.approx([0.44 - per_px, 0.56 + per_px])


def test_segment_tells_what_a_pixel_of_boundary_is_worth_from_some_slices(told, segmented):
    _, record = told
    summary = json.loads((segmented / "summary.json").read_text())
    measured = record["porosity_per_px_of_boundary"]
    assert summary["porosity_per_px_of_boundary"] == pytest.approx(measured, rel=0.01)
    assert summary["porosity_interval"]["one_pixel_off"] is None
    text = porosity_text(typed(FilmPorosity, summary))
    assert "no interval: the model has no test squares with it (promote scores them); ± " in text


def test_a_slice_at_a_time_finds_the_same(told, segmented, tmp_path):
    _, whole = told
    thin = run(segmented, tmp_path / "thin", "blocks=2", "block_voxels=20000", "slab=1")
    for record in (thin, whole):
        for key in ("seconds", "peak_rss_gib"):
            record.pop(key)
    assert thin == whole


def test_a_lost_slice_is_said_and_decides_nothing_along_z(segment, film, tmp_path):
    out = segment(tmp_path, film, lost=[5], missing="skip")
    record = run(out, tmp_path / "q", "blocks=0")
    assert record["missing"] == [5]
    assert record["percolates"]["z"] is None
    assert record["percolates"]["x"] is True
    kept = np.delete(labels(out / "labels.ome.zarr"), 5, axis=0)
    assert record["porosity"] == (kept == 0).mean()
    assert "1 slice is missing (5)" in record["limits"][0]
    assert "cannot be told" in record["limits"][1]
    assert "blocks=0" in record["limits"][2]


def test_parts_that_lost_slices_make_thin_are_said(segment, film, tmp_path):
    out = segment(tmp_path, film, lost=[*range(3, len(film), 4)], missing="skip")
    record = run(out, tmp_path / "q", "blocks=2", "block_voxels=20000")
    (said,) = (line for line in record["limits"] if line.startswith("parts are "))
    assert "parts are 3 of" in said
    assert "voxels along z, as what is not known lies between" in said


def test_a_film_thinner_than_its_structure_is_said(segment, film, tmp_path):
    """How its porosity varies is that of a film so thin, and pores lead through it anyhow."""
    thin = run(segment(tmp_path / "thin", film[:1]), tmp_path / "q", "blocks=0")
    (said,) = (line for line in thin["limits"] if line.startswith("the film is thinner along"))
    assert "the film is thinner along z than the" in said
    assert "tells nothing of one" in said


def test_an_intrusion_tells_what_it_does_not_reach(segment, tmp_path, capsys):
    """A closed pore has no throat: between nothing and a voxel there is nothing."""
    z, y, x = np.indices((20, 60, 60))
    solid = (z - 10) ** 2 + (y - 30) ** 2 + (x - 30) ** 2 >= 8**2
    how = ["blocks=1", "block_voxels=72000"]
    record = run(segment(tmp_path, solid), tmp_path / "q", *how)
    (throats,) = (record[key] for key in record if key.startswith("throat_size"))
    assert throats["none_fits_share"] == 1
    assert [throats[key] for key in ("p10", "median", "p90")] == [None] * 3
    assert "- nm, which does not reach 100 % of it" in capsys.readouterr().out
    assert throats["median_between"] == [None, None]  # and is read again: see `run`


def test_without_the_size_of_a_voxel_all_is_in_voxels_and_said(segment, film, tmp_path, capsys):
    out = segment(tmp_path, film[:4], voxel_nm=(None, None, None))
    how = ["block_voxels=8000", "blocks=1", "mesh=stl", "mesh_cell=2"]
    record = run(out, tmp_path / "q", *how)
    assert record["unit"] == "voxels"
    assert (
        (tmp_path / "q" / "surface.stl")
        .read_bytes()
        .startswith(b"surface between pores and solid, voxels ")
    )
    assert "the surface is coarsened to cells of 2 voxels (mesh_cell=)" in record["limits"]
    assert not any(key.endswith(("_nm", "_nm3", "_um")) for key in record if key != "voxel_nm")
    assert {"pore_size_voxels", "surface_per_voxel", "chord_voxels"} < set(record)
    assert "the size of a voxel is not known" in capsys.readouterr().out


def test_the_surface_is_written_where_it_is_asked_for(segmented, tmp_path):
    record = run(segmented, tmp_path / "q", "blocks=0", "mesh=stl", "mesh_cell=20")
    size = (tmp_path / "q" / "surface.stl").stat().st_size
    assert size == 84 + 50 * record["mesh"]["triangles"]
    assert record["mesh"]["triangles"] > 1000


def test_maps_hold_thickness_and_components_of_every_voxel(segmented, tmp_path):
    record = run(segmented, tmp_path / "q", "blocks=0", "maps=true", "largest=150")
    assert record["maps"] == ["components.ome.zarr", "thickness.ome.zarr"]
    pores = labels(segmented / "labels.ome.zarr") == 0
    numbers, thick = (labels(tmp_path / "q" / name) for name in record["maps"])
    assert ((numbers > 0) == pores).all()
    sizes = np.bincount(numbers[pores])[1:]
    assert len(sizes) == record["components"]
    assert (np.diff(sizes) <= 0).all()
    assert sizes[0] / sizes.sum() == pytest.approx(record["largest_share"])
    film = (~pores).astype(np.uint8)
    tried = np.unique(thick[pores])
    assert (thick[~pores] == 0).all()
    again = local_thickness(film, diameters_up_to(150.0, SPACING), SPACING)
    assert (np.append(0, diameters_up_to(150.0, SPACING))[again] == thick).all()
    assert len(tried) > 3


def test_what_is_said_of_pore_sizes_names_the_largest_ball(segmented, tmp_path, capsys):
    how = ["blocks=1", "block_voxels=8000", "largest=110"]
    record = run(segmented, tmp_path / "q", *how)
    assert record["pore_size_nm"]["largest"] == 110
    said = capsys.readouterr().out
    low, high = record["pore_size_nm"]["median_between"]
    assert low < record["pore_size_nm"]["median"] <= high
    around = f"; balls of {low:.0f} and {high:.0f} nm were tried around it, the largest 110)"
    assert f"{around}, by intrusion from z0" in said


def test_one_class_alone_has_no_structure(segment, tmp_path):
    solid = np.ones((3, 40, 40))
    solid[:, ::2] = 0.9
    out = segment(tmp_path, solid)
    only = "solid" if (labels(out / "labels.ome.zarr") == 255).all() else "pores"
    with pytest.raises(UserError, match=f"must hold pores and solid .* holds only {only}"):
        run(out, tmp_path / "q")


def test_what_is_no_segmentation_is_said_in_one_line(segmented, told, tmp_path, capsys):
    """A file, an empty folder, a folder that is not there, and one of another command."""
    (tmp_path / "empty").mkdir()
    for place in (segmented / "summary.json", tmp_path / "empty", tmp_path / "not", told[0]):
        with pytest.raises(
            UserError, match=r"must be a folder of fibsem\.segment, with its"
        ) as one:
            run(place, tmp_path / "q")
        assert "\n" not in str(one.value)
    assert capsys.readouterr().err == ""


def test_results_of_another_command_are_not_written_over(segmented, told, tmp_path):
    before = (segmented / "summary.json").read_text()
    with pytest.raises(UserError, match="`output` must be a new folder or hold a quantification"):
        run(segmented, segmented)
    assert (segmented / "summary.json").read_text() == before
    (tmp_path / "summary.json").write_text('{"val": 1}')
    with pytest.raises(UserError, match="holds other results"):
        run(segmented, tmp_path)


def test_slices_are_weighed_by_their_thickness(segmented, film, tmp_path, monkeypatch):
    """A slice that is three times as thick counts three times; the profile is at its depths."""
    monkeypatch.setenv("HOME", str(tmp_path))
    nm = np.where(np.arange(len(film)) % 2, 150.0, 50.0)
    rows = [f"{z},{nm[z]}" for z in reversed(range(len(film)))]  # in any order
    (tmp_path / "nm.csv").write_text("\n".join(["z,nm", *rows]))
    record = run(segmented, tmp_path / "q", "blocks=0", "thickness=~/nm.csv")
    found = labels(segmented / "labels.ome.zarr") == 0
    by_slice = found.mean((1, 2))
    assert record["porosity"] == pytest.approx(by_slice.mean())
    assert record["porosity_by_thickness"] == pytest.approx(np.average(by_slice, weights=nm))
    assert record["porosity_by_thickness"] != pytest.approx(record["porosity"], abs=1e-6)
    other = (
        "slices are 100 nm thick on average by `thickness`, but lengths were measured with 50 nm"
    )
    assert any(limit.startswith(other) for limit in record["limits"])
    lines = (tmp_path / "q" / "profile.csv").read_text().splitlines()
    assert lines[0] == "z,z (nm),thickness (nm),porosity,known pixels"
    assert [line.split(",")[1] for line in lines[1:5]] == ["0.0", "50.0", "200.0", "250.0"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("z,nm\n0,50", r"must have every slice from 0 to 11 once, but .*nm\.csv has 1 lines"),
        ("z,um\n0,50", "must have the columns z,nm, but .* lacks nm"),
        ("z,nm\n" + "\n".join(f"{z},{50 * (z != 3)}" for z in range(12)), "but slice 3 of"),
        (
            "z,nm\n" + "\n".join(f"{z},1e308" for z in range(12)),
            "at most a millimetre .*, but slice 0",
        ),
        ("z,nm\n" + "\n".join(f"{z},0.05" for z in range(12)), "no less than an atom"),
        ("z,nm\n" + "\n".join(f"{z},{50 * (z + 1)}" for z in range(12)), "as depths do"),
        ("z,nm,nm\n" + "\n".join(f"{z},50,5" for z in range(12)), "has nm twice"),
        ("z,nm\n" + "\n".join(f"{z}.7,50" for z in range(12)), "every slice from 0 to 11 once"),
        ("z,nm\n" + "\n".join(f"{z},True" for z in range(12)), "nm in line 2 of .* is 'True'"),
        ("z,nm\n0,50\n1,50,9", r"must have 2 values, but line 3 of .* has 3\.$"),
    ],
)
def test_a_table_of_thicknesses_that_cannot_be_is_said(segmented, tmp_path, table, said):
    (tmp_path / "nm.csv").write_text(table)
    with pytest.raises(UserError, match=said):
        run(segmented, tmp_path / "q", "blocks=0", f"thickness={tmp_path / 'nm.csv'}")


def test_a_second_quantification_of_a_folder_leaves_nothing_of_the_first(
    segment, segmented, film, tmp_path
):
    """Its tables, surface and volumes would be taken for those of the film that is measured now."""
    out, other = tmp_path / "q", segment(tmp_path, film[:6])
    first = api.quantify(
        segmented, output=out, blocks=1, block_voxels=8000, maps=True, mesh="stl", mesh_cell=50
    )
    assert {"pore_sizes", "transport"} < set(first.tables)
    (out / "notes.csv").write_text("mine\n")
    second = api.quantify(other, output=out, blocks=0)
    assert set(second.tables) == {"profile", "correlation", "chords", "parts"}
    assert {path.name for path in out.iterdir()} == {
        *second.summary["tables"], "summary.json", "identity.json", ".lock", "notes.csv"
    }  # fmt: skip


@pytest.mark.parametrize("before", ["nothing", "a quantification"])
@pytest.mark.parametrize("name", ["surface.stl", "profile.csv", "thickness.ome.zarr/0"])
def test_files_of_somebodys_own_stay(segmented, tmp_path, before, name):
    """A second quantification removed what the first one had left alone."""
    if before != "nothing" and name != "profile.csv":
        run(segmented, tmp_path, "blocks=0")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine\n")
    with pytest.raises(UserError, match=f"holds {Path(name).parts[0]} of somebody's own"):
        run(segmented, tmp_path, "blocks=0")
    assert (tmp_path / name).read_text() == "mine\n"


def test_what_is_refused_removes_nothing(segment, segmented, tmp_path):
    before = run(segmented, tmp_path / "q", "blocks=0")
    solid = np.ones((3, 40, 40))
    solid[:, ::2] = 0.9
    out = segment(tmp_path, solid)
    with pytest.raises(UserError, match="must hold pores and solid"):
        run(out, tmp_path / "q", "blocks=0")
    assert json.loads((tmp_path / "q" / "summary.json").read_text()) == before
    assert {path.name for path in (tmp_path / "q").iterdir()} > set(before["tables"])


def test_labels_that_were_mended_after_they_were_measured_are_others(tmp_path, segmented):
    """No record of theirs changes by that: figures and maps of the former ones were shown."""
    folder, measured = shutil.copytree(segmented, tmp_path / "out"), tmp_path / "q"
    run(folder, measured, "blocks=0", "maps=true")
    check_of(open_segmented(folder), measured)
    for file in sorted((folder / "labels.ome.zarr" / "0").rglob("*")):
        os.utime(file)  # copied: what they hold is the same
    check_of(open_segmented(folder), measured)
    level = zarr.open_array(folder / "labels.ome.zarr" / "0", mode="r+")
    level[3, :20] = 255 - level[3, :20]
    with pytest.raises(UserError, match="its former labels"):
        check_of(open_segmented(folder), measured)


def test_maps_that_were_not_made_are_not_laid_over_a_film(tmp_path, segmented):
    run(segmented, tmp_path / "q", "blocks=0")
    with pytest.raises(UserError, match="`quantified` must be a quantification with maps"):
        view.main(compose("view", [f"segmentation={segmented}", f"quantified={tmp_path / 'q'}"]))


def test_only_what_was_measured_of_a_film_is_laid_over_it(segment, segmented, film, tmp_path):
    """By where it lies; by its porosity where it was moved; not where it was labelled anew."""
    run(segmented, tmp_path / "q", "blocks=0")
    shutil.copytree(segmented, tmp_path / "moved")
    check_of(open_segmented(segmented), tmp_path / "q")
    check_of(open_segmented(tmp_path / "moved"), tmp_path / "q")
    other = segment(tmp_path, film[:6])
    with pytest.raises(UserError, match=f"`quantified` must be of the labels in {other}, but"):
        view.main(compose("view", [f"segmentation={other}", f"quantified={tmp_path / 'q'}"]))
    with pytest.raises(UserError, match=r"must be a folder of fibsem\.quantify"):
        check_of(open_segmented(segmented), segmented)
    run(other, tmp_path / "q", "blocks=0")
    record = json.loads((other / "summary.json").read_text())
    (other / "summary.json").write_text(json.dumps({**record, "porosity": 0.1}))
    os.utime(tmp_path / "q" / "summary.json", (0, 0))
    check_of(open_segmented(other), tmp_path / "q")  # its labels are those that were measured
    level = zarr.open_array(other / "labels.ome.zarr" / "0", mode="r+")
    level[3, :20] = 255 - level[3, :20]
    with pytest.raises(UserError, match="is of its former labels"):
        check_of(open_segmented(other), tmp_path / "q")


def test_a_tortuosity_of_the_parts_that_let_through_says_how_many_do(segment, tmp_path, capsys):
    """Pores lead along z in one corner alone; everywhere along y, nowhere along x."""
    solid = np.zeros((8, 80, 80))
    solid[4, :, 20:] = solid[4, 20:] = 1
    solid[:, :, ::20] = 1
    out = segment(tmp_path, solid, voxel_nm=(10.0, 10.0, 10.0))
    record = run(out, tmp_path / "q", "blocks=4", "block_voxels=12800")
    through = record["parts_through"]
    parts = len(record["blocks"])
    assert [total for _, total in through.values()] == [parts] * 3
    assert 0 < through["z"][0] < parts
    assert record["tortuosity_factor"]["z"] is not None
    said = f"(through in {through['z'][0]} of {parts} parts)"
    assert said in capsys.readouterr().out.partition("tortuosity factor z ")[2].partition(", y")[0]
    assert through["x"][0] == 0
    assert record["tortuosity_factor"]["x"] is None


def test_what_is_asked_for_of_the_structure_arrives(segmented, tmp_path):
    how = ["blocks=0", "connectivity=26", "maps=true", "largest=150", "reach=100"]
    record = run(segmented, tmp_path / "q", *how)
    pores = labels(segmented / "labels.ome.zarr") == 0
    by_26, by_6 = ndimage.label(pores, np.ones((3, 3, 3)))[1], ndimage.label(pores)[1]
    numbered = zarr.open_array(tmp_path / "q" / "components.ome.zarr" / "0", mode="r")[:]
    assert record["components"] == by_26 != by_6
    assert len(np.unique(numbered)) - 1 == by_26
    curve = pd.read_csv(tmp_path / "q" / "correlation.csv")
    assert curve["lag (nm)"].max() <= 100


def test_pores_are_intruded_from_the_face_that_is_asked_for(segment, tmp_path):
    """A pore that is open to one side only."""
    solid = np.ones((20, 60, 60))
    solid[5:15, 20:40, :40] = 0
    out = segment(tmp_path / "bottle", solid)
    shares = {}
    for face in ("x0", "x1"):
        how = ["blocks=1", "block_voxels=72000", f"face={face}"]
        shares[face] = run(out, tmp_path / face, *how)["throat_size_nm"]["none_fits_share"]
    assert shares["x0"] < 0.5
    assert shares["x1"] == 1


def test_maps_and_labels_are_shown_in_the_scale_that_the_maps_were_told(segmented, tmp_path):
    """Thickness in nm of one voxel size lay in a window of another."""
    run(segmented, tmp_path / "q", "blocks=0", "maps=true", "voxel_nm=[25,5,5]")
    size = check_of(open_segmented(segmented), tmp_path / "q")
    assert size == (25, 5, 5)
    assert open_segmented(segmented, size).film.spacing == (25, 5, 5)
    run(segmented, tmp_path / "same", "blocks=0", "maps=true")
    assert check_of(open_segmented(segmented), tmp_path / "same") == (None, None, None)


@pytest.mark.parametrize(
    ("typed", "said"),
    [("z=999", r"`z` must be a slice from 0 to \d+, but got 999"), ("z=-1", "`z` must be"),
     ("z=1.5", "`z` must be"), ("screenshot=a.xyz", r"`screenshot` must be a file .png or"),
     ("volume=nowhere", "`volume` must be the film whose labels")],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused_before_a_window_is_opened(segmented, typed, said):
    with pytest.raises(UserError, match=said):
        view.main(compose("view", [f"segmentation={segmented}", typed]))
