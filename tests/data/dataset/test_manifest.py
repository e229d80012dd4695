"""Manifests with region tables and dense labels, and one line for everything that is wrong."""

from itertools import pairwise

import numpy as np
import pytest
import tifffile
import zarr

from fibsem.data.dataset.dataset import check_depth
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.split import SPLITS, SplitRecipe
from fibsem.data.doubts.contrast import classed
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.training.material.datasets import look_at
from tests.data.conftest import H, W, bad_mask, stripes


def test_squares_are_where_the_table_says(make):
    dataset = make()
    assert dataset.name == "film"
    assert dataset.voxel_nm == (50.0, 10.0, None)
    assert {r.box.start for r in dataset.samples[0].regions} == {
        (12 * k, 4 * k, 8 * k) for k in range(5)
    }
    for region in dataset.samples[0].regions:
        assert region.read().shape == region.box.shape[1:] == (16, 16)
        assert (region.read()[0, :4] == [1, 0, 1, 0]).all()
    assert {split for split in SPLITS if dataset.regions(split)} == set(SPLITS)


def test_a_given_split_is_taken_as_it_is(make):
    table = "mask,z,y,x,split\nm0.tif,0,0,0,val\nm1.tif,1,0,0,test\nm2.tif,2,0,0,train\n"
    assert [r.split for r in make(table=table).samples[0].regions] == ["val", "test", "train"]


def test_the_path_may_be_the_file_or_its_folder(make):
    dataset = make()
    assert load_dataset(make.folder / "dataset.yaml").hash == dataset.hash


def test_home_is_home_in_a_manifest_and_before_it(make, monkeypatch):
    monkeypatch.setenv("HOME", str(make.folder))
    tifffile.imwrite(make.folder / "mask.tif", np.ones((H, W), np.uint8))
    expected = make(sample={"valid": "mask.tif"})
    paths = {"volume": "~/slices", "regions": "~/regions.csv", "valid": "~/mask.tif"}
    assert make(sample=paths).hash == expected.hash
    assert load_dataset("~/").samples[0].valid == str(make.folder / "mask.tif")


def test_ignored_labels_count_as_none(make):
    mask = stripes((16, 16))
    mask[0] = 7
    tifffile.imwrite(make.folder / "m0.tif", mask)
    region = make(ignore=7).samples[0].regions[0]
    assert (region.read()[0] == IGNORE).all()
    assert (region.read()[1:] != IGNORE).all()


def test_dense_labels_are_cut_by_slices_with_a_gap(make, dense):
    dataset = make(sample=dense, recipe=SplitRecipe(gap=5))
    slices = {s: sorted({r.box.start[0] for r in dataset.regions(s)}) for s in SPLITS}
    assert slices["val"][0] - slices["train"][-1] == slices["test"][0] - slices["val"][-1] == 6
    assert sum(r.box.size for s in SPLITS for r in dataset.regions(s)) == 40 * H * W
    check_depth(dataset, 5, SplitRecipe(gap=5))
    with pytest.raises(UserError, match=r"n_z is 7.*up to 5"):
        check_depth(dataset, 7, SplitRecipe(gap=5))


def drawn_in(make, slices):
    """The film with a stack of labels in which some slices were drawn, with gaps of 5."""
    labels = np.full((50, H, W), 7, np.uint8)
    labels[slices] = stripes((H, W))
    tifffile.imwrite(make.folder / "labels.tif", labels)
    sample = {"regions": "drop", "labels": "labels.tif"}
    return make(sample=sample, ignore=7, recipe=SplitRecipe(gap=5))


def slices_of(dataset):
    """In which slices each part has labels."""
    return {s: sorted({r.box.start[0] for r in dataset.regions(s)}) for s in SPLITS}


def test_regions_that_nobody_labelled_are_nobodys(make):
    dataset = drawn_in(make, [0, 10, 30, 49])
    assert slices_of(dataset) == {"train": [0, 10], "val": [30], "test": [49]}
    assert dataset.pixels("train") == (H * W, H * W)
    (sample,) = dataset.samples
    assert len(sample.regions) == 40  # the hash is of all of them
    assert [one.split for one in classed(sample)] == ["train", "train", "val", "test"]


def test_a_stack_that_was_drawn_in_one_range_is_divided_there(make):
    """Of the whole stack, slices 0 to 23 are for training."""
    parts = slices_of(drawn_in(make, range(1, 22)))
    assert parts == {"train": [*range(1, 8)], "val": [13, 14], "test": [20, 21]}


def test_a_stack_that_was_drawn_too_narrowly_is_told_so(make):
    with pytest.raises(
        UserError, match=r"`split\.gap` must leave .* of 5 leave 1 of 11; the choices"
    ):
        drawn_in(make, [20, 30])


def test_chunks_that_a_label_picture_does_not_store_are_said(make, dense):
    """They are pores where 0 is, whether somebody drew so or a copy left them out."""
    labels = stripes((50, H, W))
    labels[1] = 0
    stored = zarr.create_array(
        make.folder / "l.zarr", shape=labels.shape, dtype="u1", chunks=(1, H, W)
    )
    stored[...] = labels
    assert not (make.folder / "l.zarr" / "c" / "1").exists()
    sample = {**dense, "labels": "l.zarr"}
    with pytest.raises(UserError, match=r"slice 1 lacks .*; labels_sparse=true reads .* value, 0"):
        make(sample=sample)
    drawn = make(sample={**sample, "labels_sparse": True})
    assert not next(r for r in drawn.samples[0].regions if r.box.start[0] == 1).read().any()


def test_chunks_of_labels_that_nobody_drew_need_not_be_stored(make, dense):
    labels = np.where(stripes((50, H, W)) > 0, 2, 1).astype(np.uint8)
    labels[1] = 0
    stored = zarr.create_array(
        make.folder / "l.zarr", shape=labels.shape, dtype="u1", chunks=(1, H, W)
    )
    stored[...] = labels
    sample = {**dense, "labels": "l.zarr"}
    dataset = make(sample=sample, classes={"pore": 1, "solid": 2}, ignore=0)
    slices = {r.box.start[0] for r in dataset.samples[0].labelled}
    assert slices >= {0, 2}
    assert 1 not in slices


def test_a_sample_without_labels_can_only_be_segmented(make):
    assert make(sample={"regions": "drop"}).samples[0].regions == ()


def test_float_volumes_are_read_by_their_declared_range(make):
    tifffile.imwrite(
        make.folder / "f.tif", np.linspace(0, 500, 50 * H * W, dtype=np.float32).reshape(50, H, W)
    )
    volume = make(sample={"volume": "f.tif", "range": [0, 1000]}).samples[0].volume
    assert volume.value_range == (0.0, 1000.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"voxel": 3}, r"unknown key 'voxel'; the keys are name, voxel_nm"),
        ({"sample": {"voluem": "x"}}, r"sample 0 has the unknown key 'voluem'"),
        ({"classes": {"pore": 0}}, r"`solid` must be given"),
        ({"classes": {"pore": 3, "solid": 3}}, r"different label values"),
        ({"classes": {"pore": "dark", "solid": 1}}, r"label values from 0 to 65535.*'dark'"),
        ({"classes": {"pore": 0, "solid": 1}}, r"in `classes`.*m0.tif.* 255; .* third"),
        ({"voxel_nm": {"z": -1, "y": 1, "x": 1}}, r"positive nanometres or null.* z: -1"),
        ({"voxel_nm": {"z": float("inf"), "y": 1}}, r"positive nanometres or null.* z: inf"),
        ({"voxel_nm": {"z": float("nan"), "y": 1}}, r"positive nanometres or null.* z: nan"),
        ({"voxel_nm": {"z": 10**400, "y": 1, "x": 1}}, r"positive nanometres or null.* z: 1000"),
        ({"voxel_nm": {"z": 1, "y": True, "x": 1}}, r"positive nanometres or null.* y: True"),
        ({"voxel_nm": {"z": 0.05, "y": 0.01, "x": 0.01}}, r"no less than an atom .* z: 0\.05"),
        ({"voxel_nm": {"z": 1, "y": 1e300, "x": 9}}, r"no more than a millimetre .* y: 1e\+300"),
        ({"voxel_nm": {"z": 1, "y": 0, "x": "9"}}, r"positive nanometres or null.* y: 0"),
        ({"voxel_nm": 10}, r"written like \{z: 50, y: 10, x: 10\}, but .* has 10\.$"),
        ({"voxel_nm": [50, 10, 10]}, r"written like .* but .* has \[50, 10, 10\]"),
        ({"voxel_nm": {"z": 11, 4: None, "y": 5}}, r"have decimal points, .* has \{'z': 11, 4"),
        ({"voxel_nm": {"z": "50nm", "y": 1}}, r"z: '50nm'; write plain numbers, 1000 for a micro"),
        ({"classes": {"pore": 0, "solid": 1, "clay": 2}}, r"two, .* has 'clay', too; .* `ignore`"),
        ({"classes": {"pore": False, "solid": True}}, r"label values from 0 to 65535.*False"),
        ({"ignore": True}, r"label values from 0 to 65535.*True"),
        ({"sample": {"range": [0, float("inf")]}}, r"`range` must be two finite .*\[0, inf\]"),
        ({"sample": {"range": [False, True]}}, r"`range` must be two finite .*\[False, True\]"),
        ({"sample": {"range": [10**400, 1]}}, r"`range` must be two finite"),
        ({"sample": {"expected_porosity": True}}, r"from 0 to 1, but .* True"),
        ({"sample": {"expected_porosity": float("nan")}}, r"from 0 to 1, but .* nan"),
        ({"sample": {"sparse": "yes"}}, r"`sparse` must be true or false, but .* 'yes'"),
        ({"sample": {"pattern": "x#.tif"}}, r"x#.tif fits none of the 50"),
        ({"sample": {"series": [1]}}, r"`series` .* must be a text, but is \[1\]"),
        ({"sample": {"labels_pattern": "x#.tif"}}, r"`labels_pattern` is for `labels`"),
        ({"sample": {"labels_sparse": True}}, r"`labels_sparse` is for `labels`"),
        ({"name": None}, r"`name` must be given"),
        ({"samples": []}, r"at least one sample"),
        ({"samples": "a"}, r"`samples` must be a list"),
        ({"sample": {"volume": "nowhere"}}, r"nowhere is not there"),
        ({"sample": {"volume": "C:\\film"}}, r"this system, but got C:\\film; in WSL .* /mnt/c"),
        ({"sample": {"labels": "x"}}, r"`regions` or `labels`, but .* has both"),
        ({"sample": {"regions": "none.csv"}}, r"must name a CSV file, but .*none.csv is not there"),
        ({"sample": {"expected_porosity": 22}}, r"from 0 to 1, but .* 22"),
        ({"table": "mask,z,y\nm0.tif,0,0\n"}, r"lacks x"),
        ({"table": "mask,z,y,x\nm0.tif,0,0\n"}, r"4 values, but line 2"),
        ({"table": "mask,z,y,x\nm0.tif,0,0,1.5\n"}, r"column x, line 2 .* whole .* is '1.5'"),
        ({"table": "mask,z,y,x\nm0.tif,0,60,0\n"}, r"lie inside.*\(0, 60, 0\) to \(1, 76, 16\)"),
        ({"table": "mask,z,y,x\nm0.tif,-1,0,0\n"}, r"must lie inside its volume"),
        ({"table": "mask,z,y,x,split\nm0.tif,0,0,0,training\n"}, r"test, but line 2.*training"),
        (
            {"table": "mask,z,y,x,split\nm0.tif,0,0,0,train\nm1.tif,0,9,9,val\n"},
            r"must not overlap, but m0.tif \(train\) and m1.tif \(val\)",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(make, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("name: a\nclasses: {pore: 0}\nname: b", "name"),
        ("samples: []\nsamples: [{name: a}]", "samples"),
        ("classes: {pore: 0, solid: 1, pore: 2}", "pore"),
        ("voxel_nm: {z: 1, y: 1, x: 1, z: 50}", "z"),
        ("other: [{a: 1, b: 2, a: 3}]", "a"),
    ],
)
def test_a_key_that_occurs_twice_is_refused(tmp_path, line, key):
    (tmp_path / "dataset.yaml").write_text(line)
    with pytest.raises(UserError, match=rf"the key '{key}' occurs twice.*line \d+") as caught:
        load_dataset(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "line", ["samples: *i", "samples: [{name: a, volume: *i}]", "samples: [*i]", "name: *i",
             "classes: {pore: *i, solid: 1}", "classes: *i", "voxel_nm: *i", "voxel_nm: {z: *i}"],
)  # fmt: skip
def test_what_grows_with_each_level_is_shown_by_its_beginning(tmp_path, line):
    """A billion values of few lines: told in full they would fill the memory."""
    levels = [f"{b}: &{b} {{x: *{a}, y: *{a}, z: *{a}}}" for a, b in pairwise("abcdefghijkl")]
    value = "{a: &a {x: 1}, " + ", ".join(levels) + "}"
    kept = ["name: b", "classes: {pore: 0, solid: 1}", "samples: [{name: a, volume: b}]"]
    given = [one for one in kept if one.split(":")[0] != line.split(":")[0]]
    (tmp_path / "dataset.yaml").write_text("\n".join([*given, line.replace("*i", value)]))
    with pytest.raises(UserError) as caught:
        load_dataset(tmp_path)
    assert len(str(caught.value)) < 1500


def test_volume_and_labels_may_lie_in_one_folder(make):
    labels = stripes((50, H, W))
    for z, image in enumerate(labels):
        tifffile.imwrite(make.folder / "slices" / f"s{z:03d}_mask.tif", image)
    sample = {"volume": "slices", "regions": "drop", "labels": "slices"}
    with pytest.raises(UserError, match=r"'s#\.tif' \(50 files\).*`pattern` picks one"):
        make(sample=sample)
    with pytest.raises(UserError, match=r"`labels_pattern` picks one series"):
        make(sample={**sample, "pattern": "s#.tif"})
    picked = {"pattern": "s#.tif", "labels_pattern": "s#_mask.tif"}
    dataset = make(sample={**sample, **picked})
    assert dataset.samples[0].volume.shape == (50, H, W)
    assert (dataset.samples[0].regions[0].read()[0, :4] == [1, 0, 1, 0]).all()


def test_a_scene_is_picked_in_the_manifest(make):
    grey = np.random.default_rng(1).integers(0, 255, (50, H, W), np.uint8)
    with tifffile.TiffWriter(make.folder / "two.ome.tif", ome=True) as tiff:
        for name, stack in (("film", grey), ("2", 255 - grey)):
            tiff.write(stack, metadata={"axes": "ZYX", "Name": name})
    for series, wanted in ((0, grey), ("film", grey), (1, 255 - grey), ("2", 255 - grey)):
        volume = make(sample={"volume": "two.ome.tif", "series": series}).samples[0].volume
        assert (volume.read(Box.whole(volume.shape)) == wanted).all()


def test_chunks_that_a_film_does_not_store_are_read_on_demand(make):
    stored = zarr.create_array(make.folder / "f.zarr", shape=(50, H, W), dtype="u1")
    sample = {"volume": "f.zarr", "regions": "drop", "sparse": True}
    volume = make(sample=sample).samples[0].volume
    assert not volume.read(Box.whole(volume.shape)).any()
    assert stored.shape == volume.shape


def test_the_voxel_size_is_the_manifests_else_that_of_the_files(make):
    notes = {"axes": "ZYX", "spacing": 0.03, "unit": "um"}
    for name in ("a", "b"):
        tifffile.imwrite(
            make.folder / f"{name}.tif", np.zeros((9, H, W), np.uint8), imagej=True,
            resolution=(100, 50 if name == "a" else 25), metadata=notes,
        )  # fmt: skip
    one = [{"name": "a", "volume": "a.tif"}]
    assert make(samples=one, voxel_nm=None).voxel_nm == pytest.approx((30, 20, 10))
    assert make(samples=one).voxel_nm == pytest.approx((50, 10, 10))


def test_films_of_another_magnification_are_refused_unless_the_manifest_decides(make, capsys):
    """Hardly another one is the same; a size that not every film states is not known."""
    for name, y_px in (("a", 50), ("b", 25), ("c", 51)):
        tifffile.imwrite(
            make.folder / f"{name}.tif", np.zeros((9, H, W), np.uint8), imagej=True,
            resolution=(100, y_px), metadata={"axes": "ZYX", "spacing": 0.03, "unit": "um"},
        )  # fmt: skip
    tifffile.imwrite(make.folder / "d.tif", np.zeros((9, H, W), np.uint8), photometric="minisblack")
    films = {name: {"name": name, "volume": f"{name}.tif"} for name in "abcd"}
    said = "along y the files of a state 20 nm and those of b 40 nm"
    for declared in (None, {"z": 30, "x": 10}):
        with pytest.raises(UserError, match=said):
            make(samples=[films["a"], films["b"]], voxel_nm=declared)
    decided = make(samples=[films["a"], films["b"]], voxel_nm={"y": 20})
    assert decided.voxel_nm == pytest.approx((30, 20, 10))
    look_at(decided, needed=())
    assert "b: its files state 40 nm along y, but the dataset says 20" in capsys.readouterr().err
    same = make(samples=[films["a"], films["c"]], voxel_nm=None)
    assert same.voxel_nm == pytest.approx((30, 20, 10))
    assert make(samples=[films["a"], films["d"]], voxel_nm=None).voxel_nm == (None, None, None)


def test_dense_labels_of_another_shape_are_refused(make, dense):
    tifffile.imwrite(make.folder / "labels.tif", stripes((49, H, W)))
    with pytest.raises(UserError, match=r"shape of their volume, \(50, 64, 80\)"):
        make(sample=dense)


def test_a_mask_of_many_pages_is_refused(make):
    bad_mask(make.folder, stripes((2, 16, 16)))
    with pytest.raises(UserError, match=r"one picture, but .*m0.tif has 2 pages"):
        make()


@pytest.mark.parametrize("text", ["a: [", "- 1", "\x00"])
def test_a_manifest_that_is_none_is_named(tmp_path, text):
    (tmp_path / "dataset.yaml").write_text(text)
    with pytest.raises(UserError, match=r"dataset\.yaml"):
        load_dataset(tmp_path)


def test_a_path_that_is_not_there_and_a_folder_without_manifest(tmp_path):
    with pytest.raises(UserError, match="is not there"):
        load_dataset(tmp_path / "none")
    with pytest.raises(UserError, match=r"folder with a dataset\.yaml"):
        load_dataset(tmp_path)


@pytest.mark.real
def test_the_real_labelled_stack(real):
    dataset = load_dataset(real / "flyem")
    assert [len(dataset.regions(split)) for split in SPLITS] == [138, 46, 46]
    assert dataset.samples[0].volume.shape == (250, 250, 250)


@pytest.fixture
def films(make):
    """Function (squares of each of ten films, table of the last) -> squares in each part."""

    def counted(number, last=None):
        rows = [f"m{k}.tif,{12 * k},{4 * k},{8 * k}" for k in range(number)]
        (make.folder / "few.csv").write_text("\n".join(["mask,z,y,x", *rows, ""]))
        film = {"volume": "slices", "regions": "few.csv"}
        samples = [{**film, "name": f"film {k}"} for k in range(10)]
        if last:
            (make.folder / "last.csv").write_text(last)
            samples[-1]["regions"] = "last.csv"
        dataset = make(samples=samples, recipe=SplitRecipe(guard_px=0))
        return [len(dataset.regions(split)) for split in SPLITS]

    return counted


@pytest.mark.parametrize(
    ("number", "parts"), [(1, [6, 2, 2]), (2, [12, 4, 4]), (3, [10, 10, 10]), (4, [20, 10, 10])]
)
def test_films_of_few_squares_fill_every_part_together(films, number, parts):
    """Three squares of a film fill its parts as they always did; fewer cannot."""
    assert films(number) == parts


def test_parts_that_a_table_names_are_left_as_they_are(films):
    named = "mask,z,y,x,split\nm0.tif,0,0,0,val\nm1.tif,12,4,8,val\n"
    train, val, test = films(1, named)
    assert train + val + test == 11
    assert val >= 2
    assert train
    assert test
