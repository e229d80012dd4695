"""Segmentations as they are opened: whole, with the labels that they tell of, or refused."""

import json
import shutil

import numpy as np
import pytest
import tifffile
import zarr

from fibsem.config import compose
from fibsem.errors import UserError
from fibsem.inference.volume.before.likeness import TrainedOn
from fibsem.quantification.options import QuantifyConfig
from fibsem.quantification.quantification import quantify
from fibsem.quantification.segmented import open_segmented
from tests.conftest import labels
from tests.quantification.conftest import run


def test_an_unfinished_segmentation_says_how_far_it_is(segment, film, tmp_path):
    out = segment(tmp_path, film[:6])
    ledger = json.loads((out / "ledger.json").read_text())
    del ledger["slabs"]["4"]
    (out / "ledger.json").write_text(json.dumps(ledger))
    with pytest.raises(UserError, match=r"4 of 6 slices are labelled; the same fibsem\.segment"):
        run(out, tmp_path / "q")
    (out / "summary.json").unlink()
    with pytest.raises(UserError, match="4 of 6 slices are labelled"):
        run(out, tmp_path / "q")


def test_labels_that_are_gone_or_others_are_one_line(segment, film, tmp_path):
    out = segment(tmp_path, film[:2])
    record = json.loads((out / "summary.json").read_text())
    (out / "summary.json").write_text(json.dumps({**record, "shape": [3, 90, 100]}))
    with pytest.raises(UserError, match=r"labels of \[3, 90, 100\] voxels"):
        run(out, tmp_path / "q")
    (out / "summary.json").write_text(json.dumps({**record, "labels": "labels.tif"}))
    with pytest.raises(UserError, match="is not there"):
        run(out, tmp_path / "q")


def _copy(segmented, tmp_path, **changes):
    """A copy of a segmentation with other entries in its summary."""
    out = shutil.copytree(segmented, tmp_path / "copy")
    record = json.loads((out / "summary.json").read_text())
    (out / "summary.json").write_text(json.dumps({**record, **changes}))
    return out


def test_a_voxel_size_that_nobody_stated_limits_every_length(segment, film, tmp_path):
    trained = [TrainedOn((50.0, 10.0, 10.0))]
    out = segment(tmp_path, film[:4], voxel_nm=(None, 10.0, None), trained=trained)
    assert json.loads((out / "summary.json").read_text())["voxel_nm_assumed"] == ["z", "x"]
    record = run(out, tmp_path / "q", "blocks=0", "mesh=stl", "mesh_cell=50")
    assert (record["unit"], record["voxel_nm_assumed"]) == ("nm", ["z", "x"])
    assert any("stated the size of a voxel along z, x" in limit for limit in record["limits"])
    assert (
        (tmp_path / "q" / "surface.stl")
        .read_bytes()
        .startswith(b"surface between pores and solid, nm, voxel size assumed ")
    )


@pytest.fixture(scope="module")
def right(segment, film, tmp_path_factory):
    """Figures of six slices whose voxel size was right at once."""
    folder = tmp_path_factory.mktemp("right")
    return run(segment(folder, film[:6]), folder / "q", "blocks=0")


@pytest.mark.parametrize(
    ("before", "given"),
    [((None, 10.0, None), "[50,null,10]"), ((None, None, None), "[50,10,10]"),
     ((10.0, 10.0, 50.0), "[50,10,10]")],
)  # fmt: skip
def test_a_voxel_size_that_is_stated_later_needs_no_other_labels(
    segment, film, right, tmp_path, before, given
):
    """Unknown, the model's or wrong: figures are those of a film whose size was right at once."""
    trained = [TrainedOn((40.0, 20.0, 20.0))] if before[1] else []
    out = segment(tmp_path, film[:6], voxel_nm=before, trained=trained)
    record = run(out, tmp_path / "b", "blocks=0", f"voxel_nm={given}")
    assert record["voxel_nm"] == [50, 10, 10]
    assert record["voxel_nm_assumed"] == []
    assert not any("size of a voxel" in limit for limit in record["limits"])
    for name in ("unit", "surface_per_um", "chord_nm", "components", "integral_range_nm3"):
        assert record[name] == right[name]


def test_labels_that_follow_from_a_voxel_size_are_of_that(segment, film, tmp_path):
    out = segment(tmp_path, film[:6], min_volume_nm3=1e4)
    assert run(out, tmp_path / "q", "blocks=0", "voxel_nm=[50,10,10]")["unit"] == "nm"
    with pytest.raises(UserError, match=r"must be that of the segmentation, \[50.*segment again"):
        run(out, tmp_path / "q", "blocks=0", "voxel_nm=[25,10,10]")


def test_a_voxel_size_that_was_stated_is_no_limit(segmented, tmp_path):
    record = run(segmented, tmp_path / "q", "blocks=0")
    assert record["voxel_nm_assumed"] == []
    assert not any("size of a voxel" in limit for limit in record["limits"])


def _paint(out, value):
    """Give the upper half of every slice another label, as annotation programs do."""
    stored = zarr.open_group(out / "labels.ome.zarr", mode="r+")["0"]
    stored[:, : stored.shape[1] // 2] = value


def test_an_interval_is_not_told_of_labels_that_were_changed_since(segmented, tmp_path):
    told = {"volume": [0.4, 0.6], "error": 0.01, "degrees": 6, "squares": 7, "why": None}
    more = {"porosity_corrected": 0.5, "porosity_interval": told, "porosity_ci": [0.4, 0.6]}
    out = _copy(segmented, tmp_path, **more)
    assert run(out, tmp_path / "q", "blocks=0")["porosity_corrected"] == 0.5
    _paint(out, 255)
    record = run(out, tmp_path / "q", "blocks=0")
    assert record["porosity"] == pytest.approx((labels(out / "labels.ome.zarr") == 0).mean())
    assert record["porosity_corrected"] is record["porosity_ci"] is None
    interval = record["porosity_interval"]
    assert interval["volume"] is interval["material"] is None
    assert "labels were changed after they were segmented" in interval["why"]


@pytest.mark.parametrize("when", ["slices", "parts"])
def test_labels_that_are_mended_while_they_are_measured_give_no_figures(segmented, tmp_path, when):
    """Porosity would be of one film, and tortuosity of another."""
    out = _copy(segmented, tmp_path)

    def mend(text, done, total):
        if when in text and done >= total - 1:
            _paint(out, 255)

    parts = ["blocks=2", "block_voxels=8000"]
    config = QuantifyConfig.of(compose("quantify", [f"segmentation={out}", *parts]))
    said = r"labels must not change while they are measured, but slice .* of it is not what"
    with pytest.raises(UserError, match=said) as caught:
        quantify(open_segmented(out), config, tmp_path / "q", mend)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "q" / "summary.json").exists()
    assert run(out, tmp_path / "q", "blocks=0")["porosity"] < 0.5


def test_labels_that_another_program_saved_in_another_size_need_one_that_is_stated(
    segmented, tmp_path
):
    out = _copy(segmented, tmp_path, labels="labels.tif", voxel_nm=[50, 10, 10])
    found, notes = labels(segmented / "labels.ome.zarr"), {"spacing": 25, "unit": "nm"}
    tifffile.imwrite(out / "labels.tif", found, imagej=True, resolution=(0.2, 0.2), metadata=notes)
    with pytest.raises(UserError, match=r"of their segmentation, \[50\.0, 10\.0, 10\.0\] nm"):
        run(out, tmp_path / "q", "blocks=0")
    stated = run(out, tmp_path / "q", "blocks=0", "voxel_nm=[25,5,5]")
    assert stated["voxel_nm"] == [25, 5, 5]


@pytest.fixture(scope="module")
def cube(segment, tmp_path_factory):
    """Segmentation of 16 x 16 x 16 voxels, which its shape does not tell how they lie."""
    solid = np.random.default_rng(0).random((16, 16, 16)) > 0.4
    return segment(tmp_path_factory.mktemp("cube"), solid)


@pytest.mark.parametrize(
    ("turned", "refused"),
    [
        (lambda found: found.transpose(2, 1, 0), True), (lambda found: found[::-1], True),
        (lambda found: found.transpose(1, 2, 0), True), (lambda found: found, False),
        (lambda found: np.where(np.arange(16) < 2, 0, found), False),
    ],
)  # fmt: skip
def test_labels_that_another_program_turned_are_refused(cube, tmp_path, turned, refused):
    """Porosity and its interval were right, and every length was along another axis."""
    out = _copy(cube, tmp_path, labels="labels.tif")
    found = np.ascontiguousarray(turned(labels(cube / "labels.ome.zarr"))).astype(np.uint8)
    tifffile.imwrite(out / "labels.tif", found, photometric="minisblack")
    if refused:
        with pytest.raises(UserError, match=r"labels must lie as .* an axis is turned or") as one:
            run(out, tmp_path / "q", "blocks=0")
        assert "\n" not in str(one.value)
    else:
        record = run(out, tmp_path / "q", "blocks=0")
        assert record["porosity"] == pytest.approx((found == 0).mean())


@pytest.mark.parametrize("of", [{"grey_hash": "0" * 12}, {"model": "another"}])
def test_the_summary_of_another_film_or_model_is_not_that_of_these_labels(segmented, tmp_path, of):
    """Its corrected porosity and voxel size were told of these labels."""
    out = _copy(segmented, tmp_path, **of)
    said = r"summary\.json is of another film or model than ledger\.json"
    with pytest.raises(UserError, match=said) as caught:
        run(out, tmp_path / "q", "blocks=0")
    assert "\n" not in str(caught.value)
    (out / "ledger.json").unlink()  # of an earlier version, or lost: nobody knows
    run(out, tmp_path / "q", "blocks=0")


def test_labels_that_lost_a_chunk_are_made_again_and_not_read_as_pores(segmented, tmp_path):
    out = _copy(segmented, tmp_path)
    next(path for path in (out / "labels.ome.zarr/0/c").rglob("*") if path.is_file()).unlink()
    with pytest.raises(UserError, match=r"every chunk must be stored, .* on; make it again\.$"):
        run(out, tmp_path / "q", "blocks=0")


def test_label_values_of_nobody_are_not_taken_for_no_material(segmented, tmp_path):
    out = _copy(segmented, tmp_path)
    _paint(out, 1)
    with pytest.raises(UserError, match=r"holds 1; they are 0 \(pore\), 255 \(solid\), 127 "):
        run(out, tmp_path / "q", "blocks=0")


@pytest.mark.parametrize("bits", [np.uint8, np.uint16])
def test_labels_that_another_program_saved_as_tiff_are_read_as_numbers(segmented, tmp_path, bits):
    out = _copy(segmented, tmp_path, labels="labels.tif")
    found = labels(segmented / "labels.ome.zarr").astype(bits)
    tifffile.imwrite(out / "labels.tif", found)
    record = run(out, tmp_path / "q", "blocks=0")
    assert record["porosity"] == pytest.approx((found == 0).mean())


@pytest.mark.parametrize(
    "damage",
    [
        {"classes": [0, 0]}, {"classes": ["0", "255"]}, {"classes": [0, 300]}, {"classes": [0, -1]},
        {"voxel_nm": [-50, 10, 10]}, {"voxel_nm": [float("nan"), 10, 10]}, {"voxel_nm": [10, 10]},
        {"voxel_nm": ["50", 10, 10]}, {"missing": ["3"]}, {"missing": [99]}, {"labels": None},
        {"shape": [0, 90, 100]}, {"porosity": None},
    ],
)  # fmt: skip
def test_a_summary_that_nobody_can_have_written_is_one_line(segmented, tmp_path, damage):
    out = _copy(segmented, tmp_path, **damage)
    with pytest.raises(UserError, match=rf"summary\.json is damaged \({next(iter(damage))}: "):
        run(out, tmp_path / "q", "blocks=0")


def test_a_voxel_in_another_order_is_said_beside_what_follows_from_it(segmented, tmp_path):
    record = run(segmented, tmp_path / "q", "blocks=0", "voxel_nm=[10,10,50]")
    assert record["voxel_nm"] == [10, 10, 50]
    assert any(limit.startswith("pixels of 10 x 50 nm") for limit in record["limits"])
    usual = run(segmented, tmp_path / "q2", "blocks=0")
    assert not any("square" in limit for limit in usual["limits"])
