"""A choice that is given by its name alone is refused: all else would be another one's."""

import pytest

from fibsem.api.options import tree_of
from fibsem.config import check_chosen
from fibsem.errors import UserError


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["data.name=hpc"], "data=hpc takes"),
        (["data.name=demo"], "data=demo takes"),
        (["data=hpc", "data.name=demo"], "data=demo takes"),
        (["model.name=3dcnn"], "model=3dcnn takes"),
        (["model=unet", "model.name=2dcnn"], "model=2dcnn takes"),
        (["experiment=smoke", "data.name=phantom"], "data=phantom takes"),
        (["+data.name=hpc"], "data=hpc takes"),
        (["++model.name=3dcnn"], "model=3dcnn takes"),
        (["data=demo,hpc", "data.name=demo"], "data=demo takes"),
        (['data.name="hpc"'], "data=hpc takes"),
    ],
)
def test_the_name_of_a_choice_is_no_choice(given, said):
    """With data.name=hpc a phantom was simulated, learned from and told as hpc."""
    with pytest.raises(UserError, match=f"must be left to .*; {said}"):
        check_chosen(given)


@pytest.mark.parametrize(
    "given",
    [
        ["data=hpc", "data.name=hpc"],
        ["data.path=film", "data.name=demo"],
        ["data.name=phantom"],
        ["data.name=film"],
        ["data.name=" + "n" * 300],
        ["model=3dcnn", "model.name=3dcnn"],
        ["model.name=2dcnn"],
        ["space.name=thesis"],
        ["experiment=smoke", "data.name=demo"],
        ["+data.path=film", "data.name=demo"],
        ["experiment=mine", "data.name=film"],
        ["--cfg", "job"],
    ],
)
def test_other_names_stay(given):
    check_chosen(given)


@pytest.mark.parametrize("command", ["train", "sweep", "evaluate"])
def test_python_asks_for_the_choice_too(command):
    """With model.name=3dcnn a network had values of a 2dcnn, and was searched in its space."""
    named, beside = {"name": "3dcnn"}, {"name": "3dcnn", "filters": 8}
    for given in ({"model": named}, {"model": beside}, {"model.name": "3dcnn"}):
        with pytest.raises(UserError, match=r"`model.name` must be left to .*; model=3dcnn takes"):
            tree_of(command, None, given)
    assert tree_of(command, None, {"model": "3dcnn"})["model"]["l2"] == 1e-5


def test_a_section_that_was_saved_is_given_back():
    saved = tree_of("train", None, {"data": "demo"})["data"]
    assert tree_of("train", None, {"data": saved})["data"] == saved
    with pytest.raises(UserError, match=r"`data.name` must be left to `data`"):
        tree_of("train", None, {"data": {"name": "demo", "root": "data"}})
