"""Rims, lost slices, blocks and bars are found to the pixel; what only looks like them is not."""

import numpy as np
import pytest

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume, open_volume
from tests.data.material.films import (
    SHAPE,
    THIRD,
    beside_bar,
    clipped,
    compressed,
    cut_off,
    drifted,
    film,
    jittered,
    saturated,
    smooth_and_clipped,
    turned,
    under_a_vacuum,
    with_bar,
    with_blanks,
    with_blocks,
    without_tiles,
)

GREY, PORES = film()
EVERYWHERE = np.ones(SHAPE)
FEW, ALL = GREY[THIRD], EVERYWHERE[THIRD]
#: A film that has 255 of 65 536 values, far from black.
NARROW = FEW.astype(np.uint16) + 32_000


def inside(stack):
    """Where a film was found to show material, and the kinds of what it does not."""
    extent = find_extent(ArrayVolume(stack))
    slices = [extent.inside(z) for z in range(len(stack))]
    found = [np.ones(stack.shape[1:], bool) if one is None else one for one in slices]
    return np.stack(found), set(extent.left_out())


@pytest.mark.parametrize(
    ("made", "lost"),
    [
        (lambda: (drifted(GREY), drifted(EVERYWHERE)), 0),
        (lambda: (drifted(FEW, fill=255), drifted(ALL)), 0),
        (lambda: (drifted(FEW, fill=128), drifted(ALL)), 0),
        (lambda: (drifted(FEW.astype(np.uint16) * 20 + 1000), drifted(ALL)), 0),
        (lambda: (drifted(FEW / np.float32(255)), drifted(ALL)), 0),
        (lambda: (drifted(GREY)[12:13], drifted(EVERYWHERE)[12:13]), 0),
        (lambda: (jittered(GREY), jittered(EVERYWHERE)), 0),
        (lambda: (jittered(FEW, order=1), jittered(ALL, order=1) > 0.999), 0.001),
        (lambda: (compressed(drifted(FEW)), drifted(ALL)), 0.002),
        (lambda: (compressed(drifted(FEW), 50), drifted(ALL)), 0.002),
        (lambda: (turned(FEW), turned(ALL) > 0.999), 0.015),
        # pores of the fill's own value begin at the edge, and go on from it
        (lambda: (drifted(clipped(FEW)), drifted(ALL)), 0.005),
        (lambda: (drifted(smooth_and_clipped()), drifted(EVERYWHERE)), 0.005),
        # far from the fill, and narrow: 8 of 16 bits, 12 bits beside the largest value of 16
        (lambda: (drifted(NARROW), drifted(ALL)), 0),
        (lambda: (jittered(NARROW), jittered(ALL)), 0),
        (lambda: (jittered(np.float32(0.4) + FEW / np.float32(12750)), jittered(ALL)), 0),
        (lambda: (drifted(FEW.astype(np.uint16) * 16, fill=65535), drifted(ALL)), 0),
    ],
    ids=[
        "drift", "white", "grey", "uint16", "float32", "one slice", "jitter", "interpolated",
        "JPEG", "JPEG 50", "turned", "clipped pores", "smooth pores", "narrow", "narrow, jitter",
        "narrow, float32", "12 bits",
    ],
)  # fmt: skip
def test_rims_are_found_up_to_their_edge(made, lost):
    stack, truth = made()
    found, kinds = inside(stack)
    truth = np.asarray(truth) > 0.5
    assert kinds == {"rim"}
    assert np.mean(found & ~truth) <= 1e-4  # fill that would be measured
    assert np.mean(~found & truth) <= lost  # material that is given up


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("made", [clipped(FEW), smooth_and_clipped()], ids=["clipped", "smooth"])
def test_a_moved_film_proves_rims_that_black_pores_hide_in_a_slice(made, order):
    """Each slice was moved by itself: at two sides that meet, and no other one in the same way."""
    found, kinds = inside(jittered(made, order=order))
    truth = jittered(np.ones(made.shape), order=order) > 0.999
    assert kinds == {"rim"}
    assert np.mean(found & ~truth) <= 0.002
    assert np.mean(~found & truth) <= 0.01


def test_bars_and_blocks_of_a_film_of_few_values_are_found():
    bar, blocks = with_bar(NARROW, ink=65535), with_blocks(NARROW)
    found, kinds = inside(bar)
    assert kinds == {"bar"}
    assert np.array_equal(found, with_bar(ALL.astype(np.uint8), ink=0) > 0)
    found, kinds = inside(blocks)
    assert kinds == {"block"}
    assert np.array_equal(found, with_blocks(ALL) > 0)


@pytest.mark.parametrize("degrees", [-1, 1, 1.3, 4])
def test_the_rims_of_a_turned_film_are_found_however_fine_they_are(degrees):
    found, kinds = inside(turned(FEW, degrees))
    truth = turned(ALL, degrees) > 0.999
    assert kinds == {"rim"}
    assert np.mean(found & ~truth) <= 0.001
    assert np.mean(~found & truth) <= 0.025


@pytest.mark.parametrize("side", ["top", "bottom"])
@pytest.mark.parametrize(
    ("spoil", "lost", "black"),
    [
        (turned, 0.015, "top"),
        (lambda stack: turned(stack, -8), 0.01, "bottom"),
        (lambda stack: cut_off(stack, 40, 40), 0.005, "top"),
        (lambda stack: cut_off(stack, 90, 150), 0.005, "bottom"),
        (lambda stack: cut_off(stack, 60, 220)[:, ::-1], 0.005, "top"),
        (lambda stack: cut_off(stack, 90, 150)[:, ::-1], 0.005, "bottom"),
    ],
    ids=["turned", "more", "corner", "larger", "along the bottom", "at the bottom"],
)
def test_a_slanted_rim_lies_where_the_film_does_above_and_below_a_bar(spoil, lost, black, side):
    """On the side of the bar, too, where the fill goes on from it: of its black on one side."""
    found, kinds = inside(beside_bar(spoil(FEW), side, back=0 if side == black else 40))
    film = slice(None, -30) if side == "bottom" else slice(30, None)
    truth = np.zeros_like(found)
    truth[:, film] = spoil(ALL) > 0.999
    assert kinds == {"rim", "bar"}
    assert not (found & ~truth).any()
    assert np.mean(~found & truth) <= lost


@pytest.mark.parametrize(("depth", "length"), [(11, 220), (3, 150), (40, 40), (90, 150), (150, 90)])
def test_a_corner_that_was_cut_off_is_a_rim_and_no_bar(depth, length):
    found, kinds = inside(cut_off(FEW, depth, length))
    truth = cut_off(ALL, depth, length) > 0
    assert kinds == {"rim"}
    assert np.mean(found & ~truth) <= 0.0005
    assert np.mean(~found & truth) <= 0.015


@pytest.mark.parametrize(
    "tiles",
    [
        [(0, 0, 60, 60), (0, 0, 30, 120)],
        [(0, 0, 61, 53), (0, 0, 35, 127)],
        [(40, 40, 40, 120), (80, 80, 70, 40)],
        [(0, 0, 50, 50), (50, 50, 50, 50)],
        [(60, 90, 80, 40), (80, 50, 40, 120)],
    ],
    ids=["corner", "odd", "T", "steps", "cross"],
)
def test_tiles_that_a_mosaic_lacks_are_found_where_they_touch(tiles):
    found, kinds = inside(without_tiles(FEW, *tiles))
    assert kinds == {"block"}
    assert np.array_equal(found, without_tiles(ALL, *tiles) > 0)


@pytest.mark.parametrize("noise", [0, 2])
@pytest.mark.parametrize("value", [0, 255])
def test_lost_slices_are_found(value, noise):
    stack = with_blanks(GREY, value=value if not noise else 0, noise=noise)
    found, kinds = inside(stack)
    assert kinds == {"slices"}
    assert [z for z, image in enumerate(found) if not image.any()] == [5, 11, 12, 18]
    assert found.mean() == pytest.approx(20 / 24)


@pytest.mark.parametrize("look", [lambda s: s, clipped, lambda s: compressed(s, 85)])
@pytest.mark.parametrize("ink", [0, 255])
def test_a_bar_with_text_and_a_running_counter_is_found(look, ink):
    found, kinds = inside(compressed(with_bar(look(FEW), back=255 - ink, ink=ink), 95))
    assert kinds == {"bar"}
    assert found[:, :-31].all()
    assert not found[:, -30:].any()


def test_a_bar_stays_a_bar_where_the_film_drifts_above():
    found, kinds = inside(with_bar(drifted(GREY)))
    assert kinds == {"bar", "rim"}
    truth = drifted(EVERYWHERE) > 0
    truth[:, -30:] = False
    assert np.array_equal(found, truth)


@pytest.mark.parametrize("look", [lambda s: s, clipped])
def test_blocks_that_were_never_written_are_found(look):
    found, kinds = inside(with_blocks(look(GREY)))
    truth = with_blocks(np.ones(SHAPE)) > 0
    assert kinds == {"block"}
    assert np.mean(found != truth) < 1e-3  # where black pores begin at an edge, a line of it


def test_a_slice_that_was_half_written_is_found():
    stack = GREY.copy()
    stack[7, 120:] = 0
    found, _ = inside(stack)
    assert not found[7, 120:].any()
    assert found[7, :120].all()
    assert np.delete(found, 7, 0).all()


@pytest.mark.parametrize(
    "made",
    [
        lambda: GREY,
        lambda: GREY[:1],
        lambda: film(0.02, seed=2)[0][THIRD],
        lambda: clipped(FEW),
        lambda: clipped(film(0.45, seed=3)[0], 120),
        lambda: smooth_and_clipped()[THIRD],
        lambda: smooth_and_clipped(0.45, seed=6),
        lambda: saturated(FEW),
        lambda: saturated(film(0.05, seed=4)[0][THIRD]),
        lambda: PORES[THIRD].astype(np.uint8) * 255,
        lambda: compressed(FEW, 50),
        lambda: compressed(smooth_and_clipped()[THIRD], 75),
        lambda: turned(GREY, 45)[:, 70:130, 80:140].copy(),
        lambda: film(0.3, (24, 40, 40))[0],
        lambda: under_a_vacuum(FEW),
    ],
    ids=[
        "clean", "one slice", "dense", "clipped", "clipped 45 %", "smooth pores", "smooth 45 %",
        "saturated", "saturated and dense", "noiseless", "JPEG", "JPEG pores", "crop", "small",
        "vacuum",
    ],
)  # fmt: skip
def test_nothing_is_found_where_only_the_value_is_that_of_fill(made):
    found, kinds = inside(made())
    assert kinds == set()
    assert found.all()


@pytest.mark.parametrize(
    ("name", "slices"), [("flyem/images.tif", 60), ("shale/images.tif", 7), ("vnc/film.tif", 10)]
)
def test_nothing_is_found_in_real_films(real, name, slices):
    extent = find_extent(ArrayVolume(open_volume(real / name)[:slices]))
    assert extent.left_out() == {}
    assert extent.doubts == ()


def dense(share, sigma, noise=22):
    """A film of few large pores whose solid is white."""
    grey, pores = (stack[::2] for stack in film(share, (16, 160, 180), seed=3, sigma=sigma))
    rng = np.random.default_rng(1)
    grey = np.where(pores, 60, 220) + noise * rng.standard_normal(grey.shape)
    return np.clip(grey * 255 / (220 - 4 * noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("share", [0.01, 0.03, 0.1, 0.3])
@pytest.mark.parametrize("sigma", [(2, 4, 4), (6, 12, 12), (6, 25, 25), (2, 60, 1)])
def test_a_white_solid_that_goes_on_between_few_pores_is_no_fill(share, sigma):
    """Up to the first pore it is of one value, and behind it, too."""
    found, kinds = inside(dense(share, sigma))
    assert kinds == set()
    assert found.all()


@pytest.mark.parametrize("fill", [0, 100, 128, 255])
def test_clipped_pores_beside_a_solid_of_few_values_are_no_fill(fill):
    rng = np.random.default_rng(5)
    solid = np.clip(175 + 12 * rng.standard_normal(FEW.shape), 150, 200)
    found, _ = inside(drifted(np.where(PORES[THIRD], 0, solid).astype(np.uint8), fill=fill))
    truth = drifted(ALL) > 0
    assert np.mean(found & ~truth) <= 0.0005
    assert np.mean(~found & truth) <= 0.005


def test_a_straight_value_without_a_straight_edge_is_said():
    (doubt,) = find_extent(ArrayVolume(under_a_vacuum(FEW))).doubts
    assert "8 of 8 slices have one grey value along most of their top border" in doubt
    assert "valid=MASK" in doubt


def test_slices_that_go_over_into_what_is_beside_them_are_said_and_kept():
    """A dense layer, saturated: its last slices are white, and those before nearly so."""
    stack = saturated(GREY)
    stack[:12] = 255
    stack[12:, : 3 * SHAPE[1] // 4] = 255
    extent = find_extent(ArrayVolume(stack))
    assert "slices" not in extent.left_out()
    assert any("12 slices from 0 to 11 are of one grey value" in doubt for doubt in extent.doubts)
