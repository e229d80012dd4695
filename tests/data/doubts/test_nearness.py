"""Squares of different parts are as far apart as networks reach, or it is said."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.config import Configuration, compose
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.samples import Region, Sample
from fibsem.data.dataset.split import SplitRecipe, divide
from fibsem.data.doubts.nearness import across_samples, scored_where_learned, within_reach
from fibsem.geometry import Box, Nbhd
from fibsem.models.spec import resolve
from fibsem.training.material.datasets import look_at
from tests.data.dataset.test_split import squares


def sample_of(boxes, recipe, **changes):
    parts = divide(boxes, recipe)
    regions = tuple(
        Region("a", str(k), box, split, None)
        for k, (box, split) in enumerate(zip(boxes, parts, strict=True))
    )
    return Sample("a", None, regions, divided=True, **changes)


#: In one slice, 90 pixels between them: inputs that reach 45 do not overlap.
ROW = [Box((0, 0, 154 * k), (1, 64, 154 * k + 64)) for k in range(5)]
#: Far from these, and from each other.
FAR = [Box((0, 900, 400 * k), (1, 964, 400 * k + 64)) for k in range(2)]


@given(squares, st.integers(0, 60), st.integers(0, 8))
def test_the_guard_keeps_apart_what_reaches_no_further(boxes, px, slices):
    recipe = SplitRecipe(guard_px=px, guard_slices=slices)
    assert list(within_reach(sample_of(boxes, recipe), (slices, px, px), recipe)) == []


@pytest.mark.parametrize(("reach", "near"), [((5, 40, 40), 0), ((5, 45, 45), 0), ((5, 46, 46), 1)])
def test_inputs_that_really_overlap_are_counted(reach, near):
    recipe = SplitRecipe()
    said = list(within_reach(sample_of(ROW + FAR, recipe), reach, recipe))
    assert len(said) == bool(near)
    for line in said:
        assert f"a: around {near} of 3 squares" in line
        assert "it reaches 46 pixels and 5 slices; split.guard_px=46 split.guard_slices=5" in line


def test_many_slices_reach_over_the_guard_too():
    stacked = [*FAR, *(Box((12 * k, 0, 0), (12 * k + 1, 64, 64)) for k in range(5))]
    recipe = SplitRecipe()
    assert list(within_reach(sample_of(stacked, recipe), (5, 40, 40), recipe)) == []
    [said] = within_reach(sample_of(stacked, recipe), (7, 40, 40), recipe)
    assert "split.guard_px=40 split.guard_slices=7" in said


def test_keys_that_would_leave_a_part_empty_are_not_advised():
    near = [Box((0, 0, 70 * k), (1, 64, 70 * k + 64)) for k in range(5)]
    [said] = within_reach(sample_of(near, (recipe := SplitRecipe(guard_px=0))), (1, 89, 89), recipe)
    assert "too near each other for a division that keeps them apart" in said
    assert "split.guard_px" not in said


def test_parts_that_a_table_names_are_left_to_whoever_named_them():
    named = replace(sample_of(ROW, SplitRecipe()), divided=False)
    assert list(within_reach(named, (9, 90, 90), SplitRecipe())) == []


@pytest.mark.parametrize(
    ("name", "given", "reach"),
    [
        ("2dcnn", {}, 38),
        ("unet", {"blocks": 2}, 41),
        ("unet", {"blocks": 3}, 89),
        ("forest", {}, None),
    ],
)
def test_what_an_output_depends_on(name, given, reach):
    """The convolutions of a U-Net eat 41 pixels on each side, or 89; its halo rounds that up."""
    spec = resolve(name, Nbhd(3, 81, 81), "valid", given)
    z, y, x = spec.reach
    assert (z, y) == (1, x)
    assert all(a <= b for a, b in zip(spec.reach, spec.halo, strict=True))
    assert y == (spec.halo[1] if reach is None else reach)


def test_it_is_said_before_anything_is_learnt(make, capsys):
    """Squares a slice apart, in a division without any guard."""
    rows = [f"m{k}.tif,{k},4,8" for k in range(5)]
    recipe = SplitRecipe(guard_px=0, guard_slices=0)
    table = "\n".join(["mask,z,y,x", *rows, ""])
    dataset = make(table=table, recipe=recipe)
    given = ["split.guard_px=0", "split.guard_slices=0", "nbhd=33x33x3"]
    config = Configuration(compose("train", given)).run
    look_at(dataset, configs=[config])
    assert "a: around 2 of 2 squares that are not for training" in capsys.readouterr().err


def test_so_it_is_of_a_film_in_two_samples(make, capsys):
    for name, rows in (("a", "m0.tif,0,4,8,train"), ("b", "m1.tif,1,4,8,val\nm2.tif,30,4,8,test")):
        (make.folder / f"{name}.csv").write_text(f"mask,z,y,x,split\n{rows}\n")
    both = [{"name": n, "volume": "slices", "regions": f"{n}.csv", "valid": "all"} for n in "ab"]
    config = Configuration(compose("train", ["nbhd=33x33x3"])).run
    look_at(make(samples=both), needed=(), configs=[config])
    said = [line for line in capsys.readouterr().err.splitlines() if "show one film" in line]
    assert len(said) == 1
    assert "warning: a and b show one film: around 1 of 2 squares of b that are" in said[0]


def stacked(dataset_of, spread, *, split=True):
    """Squares of one place in slices that follow each other, dealt to the parts in turn."""
    parts = ("train", "val", "train", "test", "train")
    rows = [
        f"m{k}.tif,{k * spread},4,{12 if k % 2 else 8}{f',{part}' if split else ''}"
        for k, part in enumerate(parts)
    ]
    return dataset_of(table="\n".join([f"mask,z,y,x{',split' if split else ''}", *rows, ""]))


@pytest.mark.parametrize(("spread", "over"), [(1, True), (5, True), (6, False)])
def test_squares_judged_over_learned_ones_are_counted(make, spread, over):
    said = list(scored_where_learned(stacked(make, spread).samples[0], 5))
    assert len(said) == over
    assert all("a: 1 of 1 test squares lie over or under a training square" in s for s in said)


def test_they_are_said_before_anything_is_learnt(make, capsys):
    look_at(stacked(make, 1), needed=())
    assert "lie over or under a training square, at most 5 slices" in capsys.readouterr().err


def test_nor_are_squares_that_lie_beside_or_are_cut_from_a_stack(tiny, make, dense):
    """Those of a phantom are placed as the published ones; a recipe keeps its own apart."""
    beside = "mask,z,y,x,split\nm0.tif,0,4,8,train\nm1.tif,1,4,24,val\nm2.tif,1,20,8,test\n"
    samples = [
        make(table=beside).samples[0],
        make(sample=dense).samples[0],
        *load_dataset(tiny).samples,
    ]
    assert [said for one in samples for said in scored_where_learned(one, 5)] == []


def drawn(sample, box, split):
    read = partial(np.zeros, box.shape[1:], np.uint8)
    return Region(sample, f"{box.start}", box, split, read)


@pytest.mark.parametrize(
    ("z", "y", "first", "near"),
    [(34, 0, 0, 1), (35, 0, 0, 1), (36, 0, 0, 0), (34, 200, 0, 0), (9, 0, 25, 1), (34, 0, 25, 0)],
)
def test_two_samples_of_one_film_are_looked_at_together(z, y, first, near):
    """Slices 0 to 31 of dense labels are for training; a network of five slices sees two more."""
    dense = tuple(drawn("a", Box((k, 0, 0), (k + 1, 64, 64)), "train") for k in range(32))
    own = drawn("b", Box((z, y, 0), (z + 1, y + 64, 64)), "test")
    samples = [Sample("a", None, dense, dense=True), Sample("b", None, (own,))]
    film = {k: f"slice {k}" for k in range(60)}
    slices = {"a": film, "b": {k: film[k + first] for k in range(60 - first)}}
    said = list(across_samples(samples, slices, (2, 40, 40)))
    assert len(said) == near
    for line in said:
        assert line.startswith("a and b show one film: around 1 of 1 squares of b that are not")


def test_blank_slices_make_no_film_of_two():
    """Two films begin with slices of black, which are the same anywhere."""
    box = Box((1, 0, 0), (2, 64, 64))
    samples = [Sample("a", None, (drawn("a", box, "train"),)),
               Sample("b", None, (drawn("b", box, "test"),))]  # fmt: skip
    films = {name: {0: "black", 1: "black", 2: f"pores of {name}"} for name in "ab"}
    assert not list(across_samples(samples, films, (2, 40, 40)))


def test_films_that_share_no_slice_are_two():
    box = Box((0, 0, 0), (1, 64, 64))
    samples = [Sample("a", None, (drawn("a", box, "train"),)),
               Sample("b", None, (drawn("b", box, "test"),))]  # fmt: skip
    assert not list(across_samples(samples, {"a": {0: "x"}, "b": {0: "y"}}, (2, 40, 40)))
    assert list(across_samples(samples, {"a": {0: "x"}, "b": {0: "x"}}, (2, 40, 40)))
