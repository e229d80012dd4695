"""Labels that do not lie where they belong are said, and those that do are not."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.samples import Region, Sample
from fibsem.data.dataset.split import SplitRecipe
from fibsem.data.doubts import placing
from fibsem.data.doubts.doubts import doubts, of_labels
from fibsem.data.doubts.placing import misplaced
from fibsem.data.volumes import ArrayVolume
from fibsem.data.volumes.tiff.pages import Page
from fibsem.geometry import Box

SHAPE, SIDE = (24, 64, 96), 32


def porous(seed):
    """Grey values uint8 and labels, 0 pore and 1 solid."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=SHAPE), (1.5, 3, 3))
    solid = (smooth > np.quantile(smooth, 0.3)).astype(np.uint8)
    grey = np.where(solid, 150, 90) + rng.normal(0, 25, SHAPE)
    return np.clip(grey, 0, 255).astype(np.uint8), solid


GREY, SOLID = porous(0)


def sample(labels, *, dense=True, grey=GREY):
    """A film with a stack of labels, cut into regions."""
    boxes = [
        Box((z, y, x), (z + 1, y + SIDE, x + SIDE))
        for z in range(0, SHAPE[0], 2)
        for y in range(0, SHAPE[1], SIDE)
        for x in range(0, SHAPE[2], SIDE)
    ]
    regions = tuple(
        Region("film", f"{box.start}", box, "train", lambda box=box: labels[box.slices][0])
        for box in boxes
    )
    return Sample("film", ArrayVolume(grey), regions, dense=dense)


def later(slices):
    """The labels of the film so many slices later."""
    return np.roll(SOLID, -slices, axis=0)


MISPLACED = {
    **{f"{dz:+}": (later(dz), f"{abs(dz)} slice") for dz in (-3, -2, -1, 1, 2, 3)},
    "x": (SOLID[:, :, ::-1], "mirrored in x better"),
    "y": (SOLID[:, ::-1], "mirrored in y better"),
    "turned": (SOLID[:, ::-1, ::-1], "mirrored in y and x better"),
    "z": (SOLID[::-1], "mirrored in z better"),
    "other film": (porous(1)[1], "are they of another film?"),
    "y from 1": (np.roll(SOLID, -1, 1), "(+1, +0) pixels on (y, x) better"),
    "y and x from 1": (np.roll(SOLID, (1, 1), (1, 2)), "pixels on (y, x) better"),
}


@pytest.mark.parametrize(("labels", "said"), MISPLACED.values(), ids=MISPLACED)
def test_where_labels_belong_is_said(labels, said):
    (line,) = misplaced(sample(labels))
    assert line.startswith("film: ")
    assert said in line


@given(
    start=st.tuples(*(st.integers(-2, n + 1) for n in SHAPE)),
    sides=st.tuples(st.integers(1, SIDE + 4), st.integers(1, SIDE + 4)),
    region=st.integers(0, 71),
)
def test_what_lies_near_a_region_is_what_the_film_has_there(start, sides, region):
    film = sample(SOLID)
    near = placing.Near(film.volume, film.regions[region].box)
    z, y, x = start
    box = Box(start, (z + 1, y + sides[0], x + sides[1]))
    right = film.volume.read_unit(box)[0] if box.inside(SHAPE) else None
    np.testing.assert_equal(near.read(box), right)


def test_what_surrounds_a_region_is_decoded_once(monkeypatch):
    """Of 23 places of a square mask 15 lie there, and decoding them was most of the time."""
    read, reading = [], placing._read
    monkeypatch.setattr(
        placing, "_read", lambda volume, box: read.append(box) or reading(volume, box)
    )
    film = sample(SOLID, dense=False)
    about = placing.Near(film.volume, film.regions[30].box)
    for _, place in placing._places(film):
        place(about)
    assert read.count(about.around) == 1
    assert len(read) <= 1 + 6 + 2


def test_few_labels_of_a_large_stack_are_found():
    """Of 558 regions 18 have labels: of 48 that lie evenly among them one or two."""
    nobody = np.full((SIDE, SIDE), IGNORE, np.uint8)
    mirrored = sample(SOLID[:, :, ::-1])
    regions = [
        one
        for region in mirrored.regions[::4]
        for one in (region, *[replace(region, read=nobody.copy)] * 30)
    ]
    (line,) = misplaced(replace(mirrored, regions=tuple(regions)))
    assert "mirrored in x better" in line
    assert "in 16 regions" in line


def test_a_mask_that_is_mirrored_by_itself_is_said():
    regions = [
        replace(region, read=lambda read=region.read: read()[:, ::-1])
        for region in sample(SOLID, dense=False).regions
    ]
    (line,) = misplaced(replace(sample(SOLID, dense=False), regions=tuple(regions)))
    assert "mirrored in x" in line


def test_squares_of_a_film_whose_last_slice_came_first_are_said():
    regions = [
        replace(region, read=lambda box=region.box: SOLID[::-1][box.slices][0])
        for region in sample(SOLID, dense=False).regions
    ]
    (line,) = misplaced(replace(sample(SOLID, dense=False), regions=tuple(regions)))
    assert "where z of their places is counted from the last slice better" in line


#: What one may do to a square picture, and how the labels go with the grey values then.
TURNED = {
    "with y and x exchanged": lambda labels: labels.T,
    "turned to the left": np.rot90,
    "turned to the right": lambda labels: np.rot90(labels, 3),
    "turned and mirrored": lambda labels: np.rot90(labels, 2).T,
}


@pytest.mark.parametrize(("said", "turn"), TURNED.items(), ids=TURNED)
def test_labels_that_were_turned_are_said(said, turn):
    masks = [
        replace(region, read=lambda read=region.read: turn(read()))
        for region in sample(SOLID, dense=False).regions
    ]
    stack = np.stack([turn(labels) for labels in SOLID[:, :, :64]])
    whole = replace(sample(stack, grey=GREY[:, :, :64]), regions=())
    regions = [
        Region("film", f"{box.start}", box, "train", lambda box=box: stack[box.slices][0])
        for box in Box.whole(stack.shape).tiles((1, SIDE, SIDE))
    ]
    for one in (
        replace(sample(SOLID, dense=False), regions=tuple(masks)),
        replace(whole, regions=tuple(regions)),
    ):
        (line,) = misplaced(one)
        assert f"grey values {said} better" in line


def test_places_whose_y_and_x_were_exchanged_are_said():
    grey, solid = GREY[:, :, :64], SOLID[:, :, :64]
    regions = [
        Region("film", f"{z} {y}", Box((z, x, y), (z + 1, x + 24, y + 20)), "train",
               lambda at=(z, y, x): solid[at[0], at[1] : at[1] + 24, at[2] : at[2] + 20])
        for z, y, x in [(z, 3 * (z % 9), 40 - z) for z in range(0, 24, 2)]
    ]  # fmt: skip
    (line,) = misplaced(Sample("film", ArrayVolume(grey), tuple(regions)))
    assert "where y and x of their places are exchanged better" in line


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dense", [True, False])
def test_nothing_is_said_of_labels_in_their_place(seed, dense):
    grey, solid = porous(seed)
    assert list(misplaced(sample(solid, dense=dense, grey=grey))) == []


def test_nor_of_few_regions_of_one_class_or_of_none():
    assert list(misplaced(Sample("film", ArrayVolume(GREY)))) == []
    assert list(misplaced(sample(np.ones_like(SOLID)))) == []
    few = sample(later(3))
    assert list(misplaced(replace(few, regions=few.regions[:5]))) == []


def test_nor_of_classes_that_grey_values_hardly_tell_apart():
    """Labels of texture: in their place they tell little, but more than mirrored ones."""
    rng = np.random.default_rng(0)
    spread = np.where(SOLID, 10, 18)
    grey = np.clip(128 + spread * rng.normal(size=SHAPE), 0, 255).astype(np.uint8)
    assert list(misplaced(sample(SOLID, grey=grey))) == []


@pytest.fixture(scope="module")
def decoded_once():
    """Two datasets are of one film, of which each slice is read a hundred times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Page, "_decode", functools.lru_cache(100)(Page._decode))
        yield


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.usefixtures("decoded_once")
@pytest.mark.parametrize(
    "name", ["flyem", "shale", "vnc/membranes.yaml", "vnc/mitochondria-squares.yaml"]
)
def test_nor_of_real_films(real, name):
    dataset = load_dataset(Path(real / name), SplitRecipe())
    assert list(doubts(dataset)) == []


def test_nor_of_a_phantom(tiny):
    assert list(doubts(load_dataset(tiny, SplitRecipe()))) == []


def squares(change, *which, size=SIDE):
    """A film with labelled squares, of which some are not as they should be."""
    regions = []
    for k, region in enumerate(sample(SOLID, dense=False).regions[::4]):
        (z, y, x), labels = region.box.start, region.read()[:size, :size]
        labels = change(labels) if k in which else labels
        box = Box((z, y, x), (z + 1, y + size, x + size))
        regions.append(replace(region, box=box, read=lambda labels=labels: labels))
    return Sample("film", ArrayVolume(GREY), tuple(regions))


@pytest.mark.parametrize("which", [(4,), (3, 9, 13), (14, 15, 16, 17)])
@pytest.mark.parametrize(
    "change",
    [lambda one: 1 - one, np.rot90, np.transpose, lambda one: porous(7)[1][5, :SIDE, :SIDE]],
    ids=["inverted", "turned", "x for y", "another one's"],
)
def test_squares_that_are_labelled_unlike_the_others_are_named(change, which):
    found = squares(change, *which)
    (said,) = of_labels(found)
    named = [region.name for region in found.regions if f"{region.name} (" in said]
    assert named == [found.regions[k].name for k in which][:4]


def test_small_squares_that_lie_elsewhere_tell_what_chance_tells():
    """Of few pixels labels always tell something of the grey values."""
    found = squares(lambda one: one, size=16)
    places = [region.box for region in found.regions]
    moved = [
        replace(r, box=b) for r, b in zip(found.regions, [*places[1:], places[0]], strict=True)
    ]
    assert any(
        "of another film" in said for said in misplaced(replace(found, regions=tuple(moved)))
    )
    assert not list(of_labels(found))
