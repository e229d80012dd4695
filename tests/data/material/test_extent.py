"""What an extent says, and what correction, windows and labels make of it."""

import functools
import pickle
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from fibsem.data.corrected import CorrectedVolume, mirrored
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.samples import left_out
from fibsem.data.material import Extent, find_extent, given_extent
from fibsem.data.material.extent import KeptExtent
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume, create_volume, open_volume
from fibsem.data.volumes.source import Around
from fibsem.errors import UserError
from fibsem.geometry import Box
from tests.data.material.films import SHAPE, drifted, film, turned, with_bar, with_blanks

GREY, _ = film()


@functools.cache  # nobody changes them
def spoiled(spoil):
    """The film with what an instrument does to it, and its extent."""
    volume = ArrayVolume(spoil(GREY))
    return volume, find_extent(volume)


@pytest.mark.parametrize("spoil", [drifted, turned, with_bar, with_blanks])
def test_it_is_read_as_it_was_written(spoil):
    _, extent = spoiled(spoil)
    again = Extent(extent.shape).with_parts(KeptExtent.from_json(extent.as_kept.to_json()))
    assert again == extent
    assert again.left_out() == extent.left_out() != {}


def test_a_mask_goes_before_what_would_be_found(tmp_path):
    mask = np.ones((1, *SHAPE[1:]), np.uint8)
    mask[:, :, 100:] = 0
    tifffile.imwrite(tmp_path / "mask.tif", mask[0])
    extent = given_extent(SHAPE, str(tmp_path / "mask.tif"))
    assert extent.left_out() == {"mask": 24 * 200 * 120}
    assert given_extent(SHAPE, "all").left_out() == {}
    assert given_extent(SHAPE, "auto") is None
    tifffile.imwrite(tmp_path / "other.tif", mask[0, 1:])
    with pytest.raises(UserError, match=r"`valid` must be .*\(24, 200, 220\).*\(1, 199, 220\)"):
        given_extent(SHAPE, str(tmp_path / "other.tif"))


def test_a_mask_may_lie_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    tifffile.imwrite(tmp_path / "mask.tif", np.resize(np.uint8([0, 1]), SHAPE[1:]))
    assert given_extent(SHAPE, "~/mask.tif").left_out()["mask"] > 0


def test_a_mask_is_found_from_any_folder(tmp_path, monkeypatch):
    """Workers of a cluster get it as it was opened, and work elsewhere."""
    tifffile.imwrite(tmp_path / "mask.tif", np.resize(np.uint8([0, 1]), SHAPE[1:]))
    monkeypatch.chdir(tmp_path)
    sent = pickle.dumps(given_extent(SHAPE, "mask.tif"))
    (tmp_path / "worker").mkdir()
    monkeypatch.chdir(tmp_path / "worker")
    assert pickle.loads(sent).left_out()["mask"] > 0


@pytest.mark.parametrize("scaling", ["none", "standardise", "minmax", "mode"])
def test_a_mask_that_leaves_out_all_is_named_as_the_reason(tmp_path, scaling):
    tifffile.imwrite(tmp_path / "mask.tif", np.zeros(SHAPE[1:], np.uint8))
    extent = given_extent(SHAPE, str(tmp_path / "mask.tif"))
    with pytest.raises(UserError, match=r"nothing of array counts as such; .* valid=all, a mask"):
        fit_correction(ArrayVolume(GREY), Recipe("none", scaling), extent=extent)


@pytest.mark.parametrize("first", [0, 1])
def test_a_mask_has_one_value_in_all_its_slices(tmp_path, first):
    """Labels of two materials are no mask, also where each has slices of its own."""
    mask = np.ones(SHAPE, np.uint8)
    mask[:first], mask[-1, :2] = 0, 2
    mask[-1, 2:] = 0
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    extent, last = given_extent(SHAPE, str(tmp_path / "mask.tif")), SHAPE[0] - 1
    assert extent.inside(first) is None
    with pytest.raises(UserError, match=rf"holds 1 and, in slice {last}, 2, of which either"):
        extent.inside(last)


@pytest.mark.parametrize("values", [(1, 2, 1), (0, 128, 255), (0.0, 0.5, 1.0)])
def test_a_mask_of_three_values_or_without_0_is_refused(tmp_path, values):
    """Of 1 and 2 either may be the material: all of it would be measured."""
    mask = np.resize(np.array(values), SHAPE[1:])
    tifffile.imwrite(tmp_path / "mask.tif", mask.astype("f4" if mask.dtype == float else "u1"))
    extent = given_extent(SHAPE, str(tmp_path / "mask.tif"))
    with pytest.raises(
        UserError, match=r"must hold 0.*one other value, but .* holds .* in slice 0"
    ):
        extent.kinds(0)
    for value in (1, 255):
        tifffile.imwrite(tmp_path / "mask.tif", (np.resize([0, 1], SHAPE[1:]) * value).astype("u1"))
        assert given_extent(SHAPE, str(tmp_path / "mask.tif")).left_out()["mask"] > 0


@pytest.mark.parametrize("scaling", ["standardise", "minmax", "mode"])
@pytest.mark.parametrize("spoil", [drifted, with_blanks, with_bar])
def test_the_correction_is_that_of_the_material(spoil, scaling):
    recipe = Recipe("x", scaling)
    clean = fit_correction(ArrayVolume(GREY), recipe)
    volume, extent = spoiled(spoil)
    found = fit_correction(volume, recipe, extent=extent)
    box = Box((0, 0, 0), (1, *SHAPE[1:]))
    grey = ArrayVolume(GREY).read_unit(box)
    right = clean.apply(grey, box)
    assert np.abs(found.apply(grey, box) - right).mean() < 0.03
    if scaling == "standardise":
        naive = fit_correction(volume, recipe)
        assert np.abs(naive.apply(grey, box) - right).mean() > 0.1


def test_the_mean_of_material_at_one_side_stays_without_its_gradient(tmp_path):
    """Of grey values that are not scaled, it is what a network learns."""
    fall = np.linspace(0, 50, SHAPE[2]).astype("u1")
    mask = np.broadcast_to(np.arange(SHAPE[2]) >= 0.4 * SHAPE[2], SHAPE[1:])
    tifffile.imwrite(tmp_path / "mask.tif", mask.astype("u1"))
    volume = ArrayVolume((GREY // 2 + fall).astype("u1"))
    box, extent = Box((0, 0, 0), SHAPE), given_extent(SHAPE, str(tmp_path / "mask.tif"))
    grey = volume.read_unit(box)
    found = fit_correction(volume, Recipe("x", "none"), extent=extent).apply(grey, box)
    assert found[:, mask].mean() == pytest.approx(grey[:, mask].mean(), abs=1e-3)
    assert found[:, ~mask].mean() > grey[:, ~mask].mean() + 0.01


def test_without_fill_the_correction_is_what_it_was():
    volume = ArrayVolume(GREY)
    recipe = Recipe()
    assert fit_correction(volume, recipe, extent=find_extent(volume)) == fit_correction(
        volume, recipe
    )


def test_windows_see_mirrored_material_beside_a_rim():
    """At the border of the material everything is as at the border of a volume that ends there."""
    volume, extent = spoiled(drifted)
    stack = volume.whole()
    correction = fit_correction(volume, Recipe("none"), extent=extent)
    seen = CorrectedVolume(volume, correction, extent)
    cut = ArrayVolume(np.ascontiguousarray(stack[12:13, 31:, 28:]))  # the drift of slice 12
    alone = CorrectedVolume(cut, correction)
    window = Box((0, 0, 0), (1, 30, 30)).grow((0, 16, 16))
    assert np.array_equal(
        seen.read(Box((12, 31, 28), (13, 61, 58)).grow((0, 16, 16))), alone.read(window)
    )


def test_a_lost_slice_is_seen_as_its_neighbour():
    volume, extent = spoiled(with_blanks)
    seen = CorrectedVolume(volume, fit_correction(volume, Recipe(), extent=extent), extent)
    assert np.array_equal(seen.slice(11), seen.slice(10))
    assert np.array_equal(seen.slice(12), seen.slice(13))


def damaged(folder, grey, *lost):
    """A film of which some slices cannot be read."""
    with create_volume(folder, grey.shape, np.uint8, format="tiff") as writer:
        writer.write(0, grey)
    for z in lost:
        (folder / f"slice_{z:04d}.tif").write_bytes(b"damaged")
    return open_volume(folder, gaps=True)


@pytest.mark.parametrize("again", [False, True])
def test_a_slice_that_is_lost_beside_a_black_one_is_read_as_the_nearest_material(tmp_path, again):
    """A second start, or another process, knows the extent and not yet what is missing."""
    grey = with_blanks(film(shape=(16, 200, 220))[0], (1, 6))
    volume = damaged(tmp_path / "film", grey, 0, 7)
    extent = find_extent(volume)
    correction = fit_correction(volume, Recipe(), extent=extent)
    material = np.delete(grey, (0, 1, 6, 7), axis=0)
    assert correction == fit_correction(ArrayVolume(material), Recipe())
    volume = open_volume(tmp_path / "film", gaps=True) if again else volume
    corrected = CorrectedVolume(volume, correction, extent)
    for z, nearest in ((0, 2), (1, 2), (6, 5), (7, 8)):
        assert (corrected.slice(z) == corrected.slice(nearest)).all()


def test_what_stands_for_a_lost_slice_has_its_own_rims(tmp_path):
    volume = damaged(tmp_path / "film", drifted(film(shape=(16, 200, 220))[0]), 8)
    extent = find_extent(volume)
    corrected = CorrectedVolume(volume, fit_correction(volume, Recipe(), extent=extent), extent)
    assert extent.inside(7) is not None
    held = corrected.holding(Box((6, 0, 0), (10, 200, 220)))
    for one in (corrected, held):
        assert (one.slice(8) == corrected.slice(7)).all()


def test_beside_an_edge_that_is_not_straight_the_nearest_material_is_mirrored():
    grey = np.arange(16, dtype=np.float32).reshape(2, 8)
    inside = np.ones((2, 8), bool)
    inside[:, :3] = False
    assert mirrored(grey, inside)[0].tolist() == [6, 5, 4, 3, 4, 5, 6, 7]


@given(st.integers(0, 10_000), st.floats(0.02, 0.98), st.integers(0, 3))
def test_a_part_is_that_of_the_whole_slice_whatever_the_material_looks_like(seed, share, smooth):
    """To the bit: where two pixels are equally near the same one is taken."""
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.normal(size=(24, 31)), smooth)
    mask = noise < np.quantile(noise, share)
    volume = ArrayVolume(rng.integers(0, 255, (1, 24, 31)).astype("u1"))
    extent = Extent((1, 24, 31), mask=ArrayVolume(mask[None].astype("u1")))
    seen = CorrectedVolume(volume, fit_correction(volume, Recipe(), extent=extent), extent)
    whole = seen.read(Box((0, -20, -20), (1, 44, 51)))
    y, x = rng.integers(-20, 30, 2).tolist()
    bottom, right = y + int(rng.integers(1, 14)), x + int(rng.integers(1, 14))
    part = seen.read(Box((0, y, x), (1, bottom, right)))
    assert np.array_equal(part, whole[:, y + 20 : bottom + 20, x + 20 : right + 20])


def test_what_lies_far_from_a_rim_is_read_without_the_rest_of_its_slice():
    volume, extent = spoiled(drifted)
    seen = CorrectedVolume(volume, fit_correction(volume, Recipe(), extent=extent), extent)
    read, source = [], volume.source

    class Told(Around):
        def read(self, box):
            read.append(box)
            return source.read(box)

    told = replace(seen, volume=volume.with_source(Told(source)))
    box = Box((12, 100, 100), (13, 120, 130))
    assert np.array_equal(told.read(box), seen.read(box))
    assert read == [box]


@pytest.fixture
def dataset(tmp_path):
    """A manifest of a drifted film with two squares a part, some of them half in the rim."""
    stack = drifted(GREY)
    tifffile.imwrite(tmp_path / "film.tif", stack)
    rows = []
    for k, split in enumerate(["train", "train", "val", "val", "test", "test"]):
        tifffile.imwrite(tmp_path / f"m{k}.tif", np.tile(np.uint8([0, 255]), (32, 16)))
        z = 4 * k
        rows.append(f"m{k}.tif,{z},{60 * z // 23 - 16 if k == 5 else 100},150,{split}")
    (tmp_path / "regions.csv").write_text("mask,z,y,x,split\n" + "\n".join(rows) + "\n")

    def load(extra=""):
        (tmp_path / "dataset.yaml").write_text(
            "name: film\nclasses: {pore: 0, solid: 255}\nsamples:\n"
            f"  - {{name: a, volume: film.tif, regions: regions.csv{extra}}}\n"
        )
        return load_dataset(tmp_path)

    return load


def test_labels_that_lie_in_fill_are_ignored(dataset):
    regions = dataset().samples[0].regions
    assert [left_out(region) for region in regions] == [0, 0, 0, 0, 0, 16 * 32]
    labels = regions[5].read()
    assert (labels[:16] == IGNORE).all()
    assert not (labels[16:] == IGNORE).any()


def test_the_manifest_says_what_is_material(dataset, tmp_path):
    assert left_out(dataset(", valid: all").samples[0].regions[5]) == 0
    mask = np.zeros(SHAPE[1:], np.uint8)
    mask[:, 160:] = 255
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    sample = dataset(", valid: mask.tif").samples[0]
    assert [left_out(region) for region in sample.regions] == [32 * 10] * 6
    assert sample.valid == str(tmp_path / "mask.tif")
    with pytest.raises(UserError, match="nowhere"):
        dataset(", valid: nowhere.tif")


def test_inspect_says_what_was_left_out(dataset):
    from fibsem.reporting.inspection import Inspection

    inspection = Inspection.of(dataset(), Recipe())
    sample = inspection.summary().samples["a"]
    assert sample.ignored_px == 512
    assert sample.left_out == {"rim": pytest.approx(0.2695, abs=0.005)}
    assert any("512 labelled pixels of 1 regions" in line for line in inspection.warnings())
    assert any("of the film shows no material" in line for line in inspection.warnings())


def test_data_with_another_idea_of_material_are_other_data(dataset, tmp_path):
    mask = np.full(SHAPE[1:], 255, np.uint8)
    hashes = {dataset().hash, dataset(", valid: all").hash}
    for corner in (0, 1):  # far from every square
        mask[corner, 0] = 0
        tifffile.imwrite(tmp_path / "mask.tif", mask)
        hashes.add(dataset(", valid: mask.tif").hash)
    assert len(hashes) == 4


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr"])
def test_a_slice_of_a_mask_that_changes_in_place_is_a_change_of_the_data(dataset, tmp_path, kind):
    """A folder keeps its time when a file in it is overwritten."""
    with create_volume(tmp_path / "mask", SHAPE, np.uint8, format=kind) as writer:
        for z in range(SHAPE[0]):
            writer.write(z, np.ones((1, *SHAPE[1:]), np.uint8))
    opened = dataset(", valid: mask")
    assert opened.hash
    assert opened.check_unchanged()
    with create_volume(tmp_path / "mask", SHAPE, np.uint8, format=kind, resume=True) as writer:
        writer.write(4, np.zeros((1, *SHAPE[1:]), np.uint8))
    with pytest.raises(UserError, match=r"grey values of a, labels of a .*did; the choices"):
        opened.check_unchanged()
