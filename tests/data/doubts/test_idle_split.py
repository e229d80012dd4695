"""Keys of the division do something to squares, or to dense labels, and it is said where not."""

import pytest

from fibsem import inspect
from fibsem.config import compose
from fibsem.data.doubts.idle_split import idle_split

TYPED = {"split.gap": "3", "split.seed": "4", "split.guard_px": "5", "seed": "6"}


def idle(dataset):
    """Keys that are said to do nothing."""
    return [line.partition("=")[0] for line in idle_split(dataset, TYPED)]


def test_squares_that_are_divided_have_no_gap(make):
    assert idle(make()) == ["split.gap"]


def test_squares_whose_parts_are_given_are_not_divided(make):
    parts = ("train", "train", "train", "val", "test")
    rows = [f"m{k}.tif,{12 * k},{4 * k},{8 * k},{part}" for k, part in enumerate(parts)]
    given = make(table="\n".join(["mask,z,y,x,split", *rows, ""]))
    assert idle(given) == ["split.gap", "split.seed", "split.guard_px"]


def test_dense_labels_are_cut_by_their_slices(make, dense):
    assert idle(make(sample=dense)) == ["split.seed", "split.guard_px"]


@pytest.mark.parametrize(("key", "said"), [("split.gap=3", True), ("split.seed=3", False)])
def test_a_command_says_it(make, capsys, key, said):
    make()
    tree = compose("inspect", [f"data.path={make.folder}", f"output={make.folder / 'out'}", key])
    inspect.main({**tree, "command": f"python -m fibsem.inspect {key}"})
    printed = capsys.readouterr().out
    assert (f"{key} does nothing: no labels of this dataset are dense" in printed) == said
    assert ("does nothing" in printed) == said
