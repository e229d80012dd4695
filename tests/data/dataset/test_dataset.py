"""What a dataset is known by, and what must hold for its samples."""

import numpy as np
import pytest
import tifffile

from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.samples import Region
from fibsem.data.dataset.split import SplitRecipe
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.training.material.datasets import look_at
from tests.data.conftest import bad_mask, stripes


def test_the_hash_follows_labels_places_and_split_not_dates(make):
    first = make().hash
    assert make().hash == first
    mask = make.folder / "m0.tif"
    mask.touch()
    assert make().hash == first
    labels = stripes((16, 16))
    labels[3, 3] = 255 - labels[3, 3]
    tifffile.imwrite(mask, labels)
    changed = make().hash
    assert changed != first
    assert make(recipe=SplitRecipe(seed=3)).hash != changed


@pytest.mark.parametrize("second", ["slices", "copy", "part.tif"])
def test_a_film_that_is_listed_twice_is_not_learned_and_tested_on_the_same_pixels(make, second):
    """By its own path, as a copy, or as some of its slices."""
    slices = sorted((make.folder / "slices").glob("*.tif"))
    (make.folder / "copy").mkdir()
    for file in slices:
        (make.folder / "copy" / file.name).write_bytes(file.read_bytes())
    tifffile.imwrite(
        make.folder / "part.tif", np.stack([tifffile.imread(file) for file in slices[12:37]]),
        photometric="minisblack",
    )  # fmt: skip
    first = -12 if second == "part.tif" else 0
    for name, parts in (("a", ["train", "val", "test"]), ("b", ["test", "train", "val"])):
        rows = [f"m{k}.tif,{12 * k + first * (name == 'b')},0,0,{parts[k - 1]}" for k in (1, 2, 3)]
        table = "\n".join(["mask,z,y,x,split", *rows])
        (make.folder / f"{name}.csv").write_text(table + "\n")
    samples = [
        {"name": "a", "volume": "slices", "regions": "a.csv"},
        {"name": "b", "volume": second, "regions": "b.csv"},
    ]
    with pytest.raises(UserError, match=r"m1\.tif of a \(train\) and m1\.tif of b \(test\) do"):
        make(samples=samples).hash  # noqa: B018 - asked for before any work
    (make.folder / "b.csv").write_text(
        (make.folder / "b.csv").read_text().replace(",0,0,", ",16,0,")
    )
    assert make(samples=samples).hash


def test_samples_of_one_name_are_refused(make):
    sample = {"name": "a", "volume": "slices"}
    with pytest.raises(UserError, match=r"different names.* 2 named a"):
        make(samples=[sample, sample])


@pytest.mark.parametrize(("one", "other"), [("HPC", "hpc"), ("Größe", "Gro\u0308ße"), ("ß", "SS")])
def test_samples_that_some_disk_takes_for_one_are_refused(make, one, other):
    """Their squares, or their segmentations, would be one file there."""
    samples = [{"name": name, "volume": "slices"} for name in (one, other, "apart")]
    with pytest.raises(UserError, match="names that every disk tells apart") as raised:
        make(samples=samples)
    assert "apart." not in str(raised.value)


def test_a_split_without_one_class_is_refused(make):
    bad_mask(make.folder, np.zeros((16, 16), np.uint8), "m1.tif")
    table = "mask,z,y,x,split\nm0.tif,0,0,0,train\nm1.tif,9,0,0,val\n"
    with pytest.raises(
        UserError,
        match=r"both classes, but val .* class solid \(label value 255\).*; the choices .*split",
    ):
        make(table=table)


def test_squares_that_stay_together_are_said_where_no_seed_divides_them_otherwise(make):
    """One group of three, one of two, one of one: whatever the seed, the last is the test part."""
    bad_mask(make.folder, np.full((16, 16), 255, np.uint8), "m5.tif")
    rows = [f"m{k}.tif,{z},0,0" for k, z in enumerate((0, 1, 2, 20, 21, 39))]
    table = "\n".join(["mask,z,y,x", *rows]) + "\n"
    for seed in range(3):
        with pytest.raises(UserError, match=r"class pore .* split\.guard_slices, as near squares"):
            make(table=table, recipe=SplitRecipe(seed=seed))


@pytest.mark.parametrize("name", ["2024_01_15", "007", "no", "~", "12.50", "HPC 30 % (2)", "../x"])
def test_names_and_folders_stay_as_they_are_written(make, name):
    make()
    folder = name.replace("/", "-")
    (make.folder / "slices").rename(make.folder / folder)
    manifest = make.folder / "dataset.yaml"
    text = manifest.read_text().replace("slices", folder).replace("film", name)
    manifest.write_text(text.replace("name: a\n", f"name: {name}\n"))
    dataset = load_dataset(manifest)
    assert (dataset.name, dataset.samples[0].name) == (name, name)


@pytest.mark.parametrize(
    "name", ["", "  ", "a\nb", "a\x1b[31m", "a\0b", ["a"], {"a": 1}, "a\u2028b"]
)
def test_what_is_no_name_is_refused(make, name):
    for changes in ({"name": name}, {"sample": {"name": name}}, {"sample": {"volume": name}}):
        with pytest.raises(
            UserError, match=r"must (be a text|not hold control|be given)"
        ) as caught:
            make(**changes)
        assert "\n" not in str(caught.value)


def test_labels_that_do_not_count_are_told_of(make, capsys):
    """Part of a square in a training, a whole one where its part has no other."""
    table = "mask,z,y,x,split\nm0.tif,0,0,0,train\nm1.tif,12,0,0,val\nm2.tif,24,0,0,test\n"
    material = np.full((50, 64, 80), 255, np.uint8)
    material[12, :4] = 0
    tifffile.imwrite(make.folder / "material.tif", material, photometric="minisblack")
    look_at(make(table=table, sample={"valid": "material.tif"}))
    said = "a: 64 labelled pixels of 1 regions show no material and are ignored; `valid` in"
    assert said in capsys.readouterr().err
    material[12] = 0
    tifffile.imwrite(make.folder / "material.tif", material, photometric="minisblack")
    with pytest.raises(
        UserError, match=r"val .* 1 regions \(256 labelled .* by `valid` of the man"
    ):
        make(sample={"valid": "material.tif"})


def test_places_of_one_mask_are_told_apart(make):
    table = "mask,z,y,x,split\nm0.tif,0,0,0,train\nm1.tif,12,0,0,val\nm1.tif,12,8,8,val\n"
    keys = [region.key for region in make(table=table).samples[0].regions]
    assert keys == ["a m0.tif", "a m1.tif at z12-y0-x0", "a m1.tif at z12-y8-x8"]


def test_regions_of_samples_with_spaces_are_told_apart():
    box = Box((0, 0, 0), (1, 4, 4))
    keys = {
        Region(s, r, box, "val", None).key for s, r in [("a b", "c"), ("a", "b c"), ("a%20b", "c")]
    }
    assert len(keys) == 3
