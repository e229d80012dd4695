"""Axes as people write them into a space: read as they are meant, or refused in one line."""

import pytest

from fibsem.config import compose
from fibsem.errors import UserError
from fibsem.search.space.declared import read_space
from fibsem.search.space.space import Choice, Range


def space_of(*overrides):
    return read_space(compose("sweep", ["model=2dcnn", "nbhd=11x11x3", *overrides]))


def test_a_range_of_what_is_geometry_is_every_number_of_it():
    """Of a range none was left out that does not fit: trials failed, or the sweep refused all."""
    blocks = ["~space.axes.model.blocks", "+space.axes.model.blocks={low: 1, high: 6, int: true}"]
    space = space_of(*blocks, "space.enumerate=[model.blocks]", "~space.axes.model.kernel")
    assert space.axes["model.blocks"] == Choice((1, 2, 3, 4, 5, 6))
    assert len(space.cells()) == 1  # a field of 11 pixels has room for one block
    assert space.choices("model.blocks", {}).values == (1,)


def test_other_ranges_stay_ranges():
    widths = "+space.axes.model.filters={low: 8, high: 64, int: true, log: true}"
    space = space_of("~space.axes.model.filters", widths)
    assert space.axes["model.filters"] == Range(8.0, 64.0, log=True, integer=True)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("space.strata=abc", "`space.strata` must be a whole number, at least 1, but got abc"),
        ("space.strata=2.7", "at least 1, but got 2.7"),
        ("space.strata=0", "at least 1, but got 0"),
        ("space.defaults_first=2", "`space.defaults_first` must be true or false, but got 2"),
        ("space.axes.train.learning_rate={low: a, high: 1}", "must have numbers low < high"),
        ("space.axes.train.learning_rate={low: 0.1, high: null}", "must have numbers low < high"),
        ("space.axes.train.learning_rate={low: 0.1, high: 1, log: 'false'}", "'log': 'false'"),
        ("+space.axes.train.steps={low: 4.5, high: 7.5, int: true}", "whole ones with int: true"),
        ("+space.axes.model.blocks={low: 1, high: 3}", "low and high with int: true"),
        ("+space.axes.model.filters={low: 8, high: 32}", "must be a whole number, but got 8.0"),
        ("+space.axes.train.init=[null,auto]", "`space.axes` must be no model that trainings"),
        ("+space.axes.train.teacher=[null,a]", "`space.axes` must be no model that trainings"),
        ("+space.axes.model.filters=[16,abc]", "`model.filters` must be a whole number.*'abc'"),
        ("+space.axes.model.filters=[16,-3]", "`model.filters` must be at least 1, but got -3"),
        ("+space.axes.model.filters=[8,8,16]", "must be a list of different values, but got 8"),
        ("+space.axes.model.kernel=[3,4]", "`model.kernel` must be odd and positive, but got 4"),
        ("+space.axes.nbhd=[11x11x3,12x12x3]", "odd and positive on every axis, but got 12x12x3"),
        ("+space.axes.train.batch=[8,many]", "`train.batch` must be a whole number.*'many'"),
        ("+space.axes.model.dropout={low: 0.1, high: 2}", r"must lie in \[0, 1\), but got 2"),
        ("+space.axes.model.dropout={values: [0.1, 0.2], when: {model.blocks: [7]}}",
         "values that the axis has, which are 1, 2, 3, 4, 5, 6, but got 7"),
        ("+space.limit=[]", "`space` must be of keys .* limits .*but got limit"),
        ("+space.enumerated=[]", "`space` must be of keys .*but got enumerated"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_line(override, message):
    key = override.partition("=")[0]
    own = [f"~{key[1:]}"] if key.startswith("+space.axes.model") else []
    with pytest.raises(UserError, match=message) as caught:
        space_of(*own, override)
    assert "\n" not in str(caught.value)


def test_tables_of_a_space_have_any_name():
    """Values of axes may refer to them, as the learning rates of the project's spaces do."""
    assert "train.learning_rate" in space_of("+space.widths={narrow: 8}").axes
