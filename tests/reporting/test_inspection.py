"""What `inspect` says is odd about a dataset."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.special import logit

from fibsem import inspect
from fibsem.analysis import figures
from fibsem.api.inspecting import InspectResult
from fibsem.config import compose
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.samples import Region
from fibsem.data.preprocessing import Recipe
from fibsem.geometry import Box
from fibsem.reporting.inspection import Inspection
from fibsem.reporting.inspection_tables import tables
from fibsem.reporting.label_porosity import label_porosity
from fibsem.reporting.page import Picture
from fibsem.reporting.results import FinishedCommand
from fibsem.reporting.sections import inspection
from fibsem.system.summaries import InspectionSummary
from fibsem.system.summaries.inspection import InspectedSample, Regions


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
    (line,) = warnings(voxel_nm)
    assert line.startswith("a: no labels, it can only be segmented; docs/data.md (Drawing squares)")


def test_another_voxel_size_than_that_of_the_files_is_said_with_both(warnings):
    assert warnings("{z: 30, y: 10, x: 10}")[:2] == [
        "a: its files state 50 nm along z, but the dataset says 30 nm",
        "a: its files state 20 nm along x, but the dataset says 10 nm",
    ]


@pytest.mark.parametrize(
    ("voxel_nm", "pixel_nm", "told"),
    [
        ("null", (20, 10), False),
        ("null", (10, 5), True),  # of a picture that was magnified
        ("null", None, False),
        ("{z: 50, y: 10, x: 5}", (10, 5), False),  # where the film's files are wrong
        ("{z: 50, y: 10, x: 5}", (20, 10), False),
        ("{z: 50, y: 10, x: 5}", (40, 40), True),
    ],
)
def test_a_mask_with_pixels_of_another_size_is_said(tmp_path, voxel_nm, pixel_nm, told):
    """The film has 50 x 20 x 10 nm."""
    rng = np.random.default_rng(0)
    tifffile.imwrite(
        tmp_path / "film.tif", rng.integers(1, 255, (4, 20, 24), np.uint8), imagej=True,
        resolution=(100, 50), metadata={"axes": "ZYX", "spacing": 0.05, "unit": "um"},
    )  # fmt: skip
    mask, options = rng.choice([0, 255], (8, 8)).astype(np.uint8), {}
    if pixel_nm:
        resolution = tuple(1000 / nm for nm in reversed(pixel_nm))
        options = {"imagej": True, "resolution": resolution, "metadata": {"unit": "um"}}
    tifffile.imwrite(tmp_path / "m.tif", mask, **options)
    (tmp_path / "regions.csv").write_text("mask,z,y,x\nm.tif,1,5,5\n")
    (tmp_path / "dataset.yaml").write_text(
        f"name: a\nvoxel_nm: {voxel_nm}\nclasses: {{pore: 0, solid: 255}}\n"
        "samples: [{name: a, volume: film.tif, regions: regions.csv}]\n"
    )
    lines = " ".join(Inspection.of(load_dataset(tmp_path), Recipe()).warnings())
    assert ("a: m.tif states " in lines and "had been scaled?" in lines) == told


def test_squares_of_several_annotators_tell_how_far_they_agree(tmp_path):
    """Two draw one square, a row apart; the other squares have one annotator each."""
    film = np.random.default_rng(0).integers(1, 255, (4, 40, 40), np.uint8)
    tifffile.imwrite(tmp_path / "film.tif", film, photometric="minisblack")
    first = np.full((10, 10), 255, np.uint8)
    first[:4] = 0
    second = first.copy()
    second[4] = 0
    second[9] = 7  # which nobody knows
    for name, mask in (("a", first), ("b", second), ("c", first)):
        tifffile.imwrite(tmp_path / f"{name}.tif", mask)
    (tmp_path / "regions.csv").write_text(
        "mask,z,y,x,annotator\na.tif,1,5,5,Ada\nb.tif,1,5,5,Bo|b\nc.tif,3,20,20,Ada\n"
    )
    (tmp_path / "dataset.yaml").write_text(
        "name: a\nvoxel_nm: null\nclasses: {pore: 0, solid: 255}\nignore: 7\n"
        "samples: [{name: a, volume: film.tif, regions: regions.csv}]\n"
    )
    summary = Inspection.of(load_dataset(tmp_path), Recipe()).summary()
    told = summary.samples["a"].agreement
    # of 90 pixels that both know 40 are pores to both, 40 solid to both, 10 to one
    assert told.miou == pytest.approx((40 / 50 + 40 / 50) / 2)
    assert told.porosity_difference == pytest.approx(10 / 90)
    assert (told.squares, told.annotators) == (1, ("Ada", "Bo|b"))
    assert r"squares labelled by several (Ada, Bo\|b): 1, mIoU 0.800" in tables(summary)


@pytest.fixture
def labelled(tmp_path):
    """Function (where squares of two films are listed, which films are inverted) -> warnings."""

    def told(places, inverted=(), names=("0.tif", "1.tif", "2.tif", "3.tif")):
        rng = np.random.default_rng(1)
        for film in "ab":
            labels = rng.choice([0, 255], (4, 10, 10)).repeat(4, 1).repeat(4, 2).astype(np.uint8)
            grey = (np.where(labels, 180, 60) + rng.integers(0, 20, labels.shape)).astype(np.uint8)
            grey = 255 - grey if film in inverted else grey
            tifffile.imwrite(tmp_path / f"{film}.tif", grey, photometric="minisblack")
            for z in range(4):
                tifffile.imwrite(tmp_path / f"{film}{z}.tif", labels[z, :20, 10:30])
            rows = [
                f"{film}{name},{z},{y},{x}" for name, (z, y, x) in zip(names, places, strict=True)
            ]
            (tmp_path / f"{film}.csv").write_text("\n".join(["mask,z,y,x", *rows, ""]))
        samples = [f"{{name: {film}, volume: {film}.tif, regions: {film}.csv}}" for film in "ab"]
        (tmp_path / "dataset.yaml").write_text(
            "name: a\nvoxel_nm: null\nclasses: {pore: 0, solid: 255}\n"
            f"samples: [{', '.join(samples)}]\n"
        )
        return "; ".join(Inspection.of(load_dataset(tmp_path), Recipe()).warnings())

    return told


RIGHT = [(z, 0, 10) for z in range(4)]


@pytest.mark.parametrize(("inverted", "told"), [((), False), (("b",), True), (("a", "b"), False)])
def test_films_of_opposite_contrast_are_named(labelled, inverted, told):
    said = "pores are darker than solid in a, but brighter in b: grey values or labels of one kind "
    assert (said in labelled(RIGHT, inverted)) == told


@pytest.mark.parametrize(("inverted", "told"), [((), False), (("b",), False), (("a", "b"), True)])
def test_pores_that_are_brighter_in_every_film_are_said(labelled, inverted, told):
    said = "pores are brighter than solid in a, b: are the values of `classes` exchanged?"
    assert (said in labelled(RIGHT, inverted)) == told


@pytest.mark.parametrize(
    ("places", "told"),
    [
        (RIGHT, False),
        ([(z, 10, 0) for z in range(4)], True),
        ([((z + 1) % 4, 0, 10) for z in range(4)], True),
    ],
)
def test_squares_that_lie_elsewhere_are_noticed(labelled, places, told):
    """x taken for y, and slices counted from another one."""
    assert ("a: labels say nothing sure of the grey value (" in labelled(places)) == told


def test_a_mask_of_two_places_is_noticed(labelled):
    said = "a: a0.tif is listed for more than one place"
    assert said not in labelled(RIGHT)
    assert said in labelled(RIGHT, names=("0.tif", "0.tif", "2.tif", "3.tif"))


@pytest.mark.parametrize(("test", "said"), [(0, False), (5, True), (6, False)])
def test_too_few_test_squares_are_said_before_anything_is_trained(tmp_path, test, said):
    rows = [f"m{k}.tif,0,{10 * k},0,{'test' if k < test else 'train'}" for k in range(7)]
    film = np.random.default_rng(0).integers(1, 255, (2, 80, 30), np.uint8)
    tifffile.imwrite(tmp_path / "film.tif", film, photometric="minisblack")
    for k in range(7):
        tifffile.imwrite(tmp_path / f"m{k}.tif", np.repeat(np.uint8([[0, 255]]), 5, 1).repeat(9, 0))
    (tmp_path / "regions.csv").write_text("\n".join(["mask,z,y,x,split", *rows, ""]))
    (tmp_path / "dataset.yaml").write_text(
        "name: a\nvoxel_nm: null\nclasses: {pore: 0, solid: 255}\n"
        "samples: [{name: a, volume: film.tif, regions: regions.csv}]\n"
    )
    summary = Inspection.of(load_dataset(tmp_path), Recipe()).summary()
    text = (
        f"Places of test squares: a {test}. Below 6 no porosity of a film is corrected, and a cha"
    )
    assert (text in tables(summary)) == said


def test_test_squares_of_one_place_are_one(tmp_path):
    film = InspectedSample(
        regions=Regions(3, 3, 8), shape=(1, 2, 3), dtype="uint8", mean=0.1, std=0.1, median=0.1,
        gradient=0.0, porosity=None, porosity_ci=None, expected_porosity=None, test_places=1,
    )  # fmt: skip
    films = {"a": film, "b": replace(film, test_places=7)}
    text = tables(InspectionSummary(voxel_nm=(None,) * 3, samples=films, warnings=()))
    assert "Places of test squares: a 1. Below 6 no porosity of a film is corrected.\n" in text


@pytest.mark.parametrize(("count", "drawn"), [(4, 4), (6, 4)])
def test_all_squares_are_drawn_or_it_is_said_of_how_many(tmp_path, monkeypatch, count, drawn):
    film = np.random.default_rng(0).integers(1, 255, (2, 80, 120), np.uint8)
    tifffile.imwrite(tmp_path / "film.tif", film, photometric="minisblack")
    rows = [f"m{k}.tif,0,{10 * (k % 8)},{20 * (k // 8)}" for k in range(count)]
    for k in range(count):
        tifffile.imwrite(tmp_path / f"m{k}.tif", np.repeat(np.uint8([[0, 255]]), 5, 1).repeat(9, 0))
    (tmp_path / "regions.csv").write_text("\n".join(["mask,z,y,x", *rows, ""]))
    (tmp_path / "dataset.yaml").write_text(
        "name: a\nvoxel_nm: null\nclasses: {pore: 0, solid: 255}\n"
        "samples: [{name: a, volume: film.tif, regions: regions.csv}]\n"
    )
    inspection, saved = Inspection.of(load_dataset(tmp_path), Recipe()), {}
    monkeypatch.setattr(figures, "save", lambda figure, path: saved.setdefault(path.stem, figure))
    monkeypatch.setattr("fibsem.reporting.inspection.SHOWN", 4)
    inspection.figures(tmp_path)
    pictures = [ax for ax in saved["squares_a"].axes if ax.images]
    said = InspectResult(inspection.summary(), tmp_path, ()).text
    assert len(pictures) == drawn
    assert ("drawn: 4 of 6 squares of a" in said) == (drawn < count)
    assert saved["squares_a"].get_suptitle() == ("4 of 6 squares" if drawn < count else "")


def test_labels_say_as_much_as_their_pixels_and_a_place_counts_once(tmp_path):
    """Three tiles with 30 % pores, one labelled twice, and 20 pixels that are all pore."""
    film = np.random.default_rng(0).integers(1, 255, (4, 64, 64), np.uint8)
    tifffile.imwrite(tmp_path / "film.tif", film, photometric="minisblack")
    tile = np.full((20, 20), 255, np.uint8)
    tile[:6] = 0
    solid, corner = np.full_like(tile, 255), np.full_like(tile, 7)
    corner[0] = 0
    masks = {"a": tile, "b": tile, "c": tile, "again": solid, "corner": corner}
    for name, mask in masks.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", mask)
    places = {"a": "5,5", "b": "5,30", "c": "30,5", "again": "30,5", "corner": "30,30"}
    rows = [f"{name}.tif,0,{at},{name}" for name, at in places.items()]
    (tmp_path / "regions.csv").write_text("\n".join(["mask,z,y,x,annotator", *rows, ""]))
    (tmp_path / "dataset.yaml").write_text(
        "name: a\nvoxel_nm: null\nclasses: {pore: 0, solid: 255}\nignore: 7\nsamples: "
        "[{name: a, volume: film.tif, regions: regions.csv, expected_porosity: 0.9}]\n"
    )
    inspection = Inspection.of(load_dataset(tmp_path), Recipe())
    sample = inspection.summary().samples["a"]
    pooled = (120 + 120 + 60 + 20) / (3 * 400 + 20)
    assert sample.porosity == pytest.approx(pooled)
    assert logit(sample.porosity_ci).mean() == pytest.approx(logit(pooled))
    said = r"expected porosity 90.0 % is outside .* over 4 places"
    assert any(re.search(said, line) for line in inspection.warnings())
    (tmp_path / "regions.csv").write_text("mask,z,y,x\na.tif,0,5,5\n")
    (line,) = (
        line for line in Inspection.of(load_dataset(tmp_path), Recipe()).warnings()
        if "expected porosity" in line
    )  # fmt: skip
    assert "90.0 % is compared with nothing: the 30.0 % of its labels have no interval" in line


def test_slices_of_one_place_do_not_narrow_what_labels_tell():
    """Each tile is the same in forty slices: the interval is that of the four in one of them."""
    rng = np.random.default_rng(0)
    tiles = [(rng.random((8, 8)) > share).astype(np.uint8) for share in (0.1, 0.2, 0.3, 0.4)]
    dense = [
        Region("a", f"{z} {k}", Box((z, 0, 8 * k), (z + 1, 8, 8 * k + 8)), "train", tile.copy)
        for z in range(40) for k, tile in enumerate(tiles)
    ]  # fmt: skip
    found, once = label_porosity(dense), label_porosity(dense[:4])
    assert (found.porosity, found.places) == (pytest.approx(once.porosity), 4)
    assert found.interval == pytest.approx(once.interval)


def test_the_same_data_are_the_same_pictures(tiny, tmp_path):
    """So an inspection that is repeated changes nothing for whoever has the first one."""
    written = []
    for place in (tmp_path / "first", tmp_path / "again"):
        place.mkdir()
        paths = Inspection.of(load_dataset(tiny), Recipe()).figures(place)
        assert len(paths) == 4
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]


def test_squares_of_a_sample_that_is_gone_are_no_figures_of_today(tiny, tmp_path):
    film, out = shutil.copytree(tiny, tmp_path / "film"), tmp_path / "out"

    def look():
        inspect.main(compose("inspect", [f"data.path={film}", f"output={out}"]))
        return json.loads((out / "summary.json").read_text())

    def shown(record):
        items = inspection(FinishedCommand("inspection", out, record)).items
        return {item.name for item in items if isinstance(item, Picture)}

    before = look()["figures"]
    (out / "mine.png").write_bytes(b"drawn by hand")
    manifest = film / "dataset.yaml"
    manifest.write_text(manifest.read_text().replace("name: HPC45", "name: other"))
    record = look()
    assert set(before) - set(record["figures"]) == {"squares_HPC45.png"}
    assert {path.name for path in out.glob("*.png")} == {*record["figures"], "mine.png"}
    assert not (out / "squares_HPC45.svg").exists()
    assert shown(record) == {f"data-{Path(name).stem}" for name in record["figures"]}
    del record["figures"]  # a version before: all that lies there
    assert "data-mine" in shown(record)
