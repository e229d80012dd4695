"""The command `segment` until it loads a model: which volume, which weights, which voxel size."""

from dataclasses import fields

import numpy as np
import pytest
import yaml

from fibsem import segment
from fibsem.config import CONF, compose, output_folder
from fibsem.data.volumes import create_volume
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
    assert segment._volume(tree, Options()).path.name == "2024"
    assert output_folder("segment", tree, "2024").name == "2025"


def test_help_names_every_option():
    text = yaml.safe_load((CONF / "segment.yaml").read_text())["hydra"]["help"]["header"]
    assert [field.name for field in fields(Options) if f"{field.name}=" not in text] == []


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
        ("voxel_nm=[0,10,10]", "knows it, but got [0, 10, 10]."),
    ],
)
def test_a_value_of_another_kind_is_refused_in_one_line(stack, override, message):
    with pytest.raises(UserError) as caught:
        segment.main(compose("segment", ["volume=2024", override]))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
