"""The command `segment` until it loads a model: which volume, which weights, which voxel size."""

from dataclasses import fields

import numpy as np
import pytest
import tifffile
import yaml

from fibsem import segment
from fibsem.api.inputs import volume_of
from fibsem.config import CONF, compose, output_folder, read
from fibsem.data.volumes import Manner, create_volume
from fibsem.errors import UserError
from fibsem.inference.options import Options


@pytest.fixture
def stack(tmp_path, monkeypatch):
    """A stack in a folder that is named by a number, seen from beside it."""
    monkeypatch.chdir(tmp_path)
    with create_volume(tmp_path / "2024", (2, 4, 5), np.uint8, format="tiff") as writer:
        writer.write(0, np.zeros((2, 4, 5), np.uint8))
    return tmp_path


def test_a_folder_may_be_named_by_a_number(stack):
    tree = compose("segment", ["volume=2024", "output=2025"])
    assert volume_of(tree, Options()).path.name == "2024"
    assert output_folder("segment", tree, "2024").name == "2025"


def test_a_series_and_a_scene_are_picked_as_they_are_typed(stack):
    for k in range(3):
        for c in (0, 1):
            tifffile.imwrite(stack / "2024" / f"a (b)_{k}_ch{c}.tif", np.full((4, 5), c, np.uint8))
    with pytest.raises(UserError, match="`pattern` picks one series"):
        volume_of(compose("segment", ["volume=2024"]), Options())
    tree = compose("segment", ["volume=2024", "pattern=a (b)_#_ch1.tif"])
    volume = volume_of(tree, Options(missing="skip"))
    assert volume.shape == (3, 4, 5)
    assert volume.manner == Manner(gaps=True, pattern="a (b)_#_ch1.tif")
    with tifffile.TiffWriter(stack / "two.ome.tif", ome=True) as tiff:
        for name, depth in (("film", 2), ("no", 3)):
            tiff.write(np.zeros((depth, 4, 5), np.uint8), metadata={"Name": name})
    for series, depth in (("no", 3), ("0", 2), ("film", 2), ("1", 3)):
        tree = compose("segment", ["volume=two.ome.tif", f"series={series}"])
        assert volume_of(tree, Options()).shape[0] == depth


def test_keys_that_pick_a_film_name_its_folder_where_they_are_set():
    plain = output_folder("segment", compose("segment", ["volume=a"]), "a")
    assert plain == output_folder("segment", compose("segment", ["volume=a", "series="]), "a")
    others = ["pattern=s#.tif", "series=0", "series=1", "sparse=true"]
    folders = {output_folder("segment", compose("segment", ["volume=a", o]), "a") for o in others}
    assert len({plain, *folders}) == 5


def test_help_names_every_option():
    text = yaml.safe_load((CONF / "segment.yaml").read_text())["hydra"]["help"]["header"]
    names = [field.name for field in fields(Options)] + ["pattern", "series", "sparse"]
    assert [name for name in names if f"{name}=" not in text] == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("volume=[2024]", "`volume` must be a path, but got ['2024']."),
        ("output=[a,b]", "`output` must be a path, but got ['a', 'b']."),
        ("weights=null", "a list of them, but got None."),
        ("weights=[]", "a list of them, but got []."),
        ("range=5", "`range` must be two finite numbers, low < high, but got 5."),
        ("range=[a,b]", "`range` must be two finite numbers, low < high, but got ['a', 'b']."),
        ("voxel_nm=10", "knows it, but got 10."),
        ("voxel_nm=[50,a,10]", "knows it, but got [50, 'a', 10]."),
        ("voxel_nm=[50,10]", "knows it, but got [50, 10]."),
        ("voxel_nm=[0.05,0.01,0.01]", "no less than an atom (0.1) and no more than a millimetre"),
        ("voxel_nm=[10,10,1e300]", "a millimetre (1e+06), null where the volume or the model"),
        ("voxel_nm=[0,10,10]", "knows it, but got [0, 10, 10]."),
    ],
)
def test_a_value_of_another_kind_is_refused_in_one_line(stack, override, message):
    with pytest.raises(UserError) as caught:
        segment.main(compose("segment", ["volume=2024", override]))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_material_arrives_as_it_was_typed():
    tree = compose("segment", ["volume=2024", "valid=2025_01"])
    options = read(Options, {field.name: tree[field.name] for field in fields(Options)}, "segment")
    assert options.valid == "2025_01"
    assert options.key["valid"] == "2025_01"
