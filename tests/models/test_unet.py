"""The U-Net: its geometry for every choice, and what its records of versions before mean."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fibsem import models
from fibsem.geometry import Nbhd
from fibsem.inference.model.cost import operations_per_pixel
from fibsem.inference.model.predict import BlockScorer, compiled
from fibsem.models.field import unet_squares
from fibsem.models.spec import ModelSpec, resolve
from fibsem.models.unet import Interleave


def unet(**given):
    return resolve("unet", Nbhd(3, 1, 1), "valid", given)


@pytest.mark.parametrize("stem", [1, 2])
@pytest.mark.parametrize("convs", [1, 2])
@pytest.mark.parametrize(
    ("slices", "blocks"), [("channels", 1), ("channels", 2), ("channels", 4), ("3d", 1)]
)
def test_a_window_gives_what_is_left_without_its_margin(stem, blocks, convs, slices):
    """The geometry that is computed is that of the layers, told by shapes alone."""
    given = {"stem": stem, "blocks": blocks, "convs_per_block": convs, "slices": slices}
    spec = resolve("unet", Nbhd(5, 1, 1), "valid", {**given, "filters": 1})
    squares = unet_squares(blocks, 3, convs, stem)
    model = models.build(spec)
    inner = keras.Model(model.get_layer("fit").output, model.get_layer("map").input[0])
    times = 4 * squares.rest // squares.multiple + 1
    out = times * squares.multiple - squares.rest
    grey = np.zeros((1, *[out + 2 * squares.margin] * 2, 5), np.float32)
    assert inner(grey).shape == (1, out, out, 1)


@pytest.mark.parametrize("given", [{"stem": 1}, {"stem": 2}, {"slices": "3d"}], ids=str)
def test_a_pixel_sees_its_margin_and_no_more(trained, given):
    spec, model = trained(1, 5, "unet", blocks=1, filters=4, **given)
    margin, halo, phase = spec.squares.margin, spec.halo[1], spec.alignment - 1
    rng = np.random.default_rng(0)
    grey, score = rng.normal(size=(1, *spec.window, 5)).astype("float32"), compiled(model)
    before = score(grey)
    for far in range(spec.window[0]):
        moved = grey.copy()
        moved[:, far] += 5
        changed = (score(moved) != before).item()
        if not -margin <= far - halo <= margin + phase:  # this pixel is the first between pools
            assert not changed, far
        if abs(far - halo) < margin - phase:
            assert changed, far


def test_a_record_of_a_version_before_is_the_network_that_it_was():
    """Choices that it does not tell are what was so then, whatever is usual now."""
    hp = {"blocks": 2, "filters": 16, "kernel": 3, "convs_per_block": 2, "spatial_dropout": 0.0,
          "l2": 1e-6}  # fmt: skip
    record = {"name": "unet", "nbhd": "33x33x3", "padding": "valid", "hyperparameters": hp}
    spec = ModelSpec.from_json(record)
    assert models.build(spec).count_params() == 118_273
    assert (spec.halo, spec.alignment) == ((1, 24, 24), 4)
    kinds = {layer.__class__.__name__ for layer in models.build(spec).layers}
    assert kinds.isdisjoint({"BatchNormalization", "Conv2DTranspose", "Add"})
    record = {"name": "2dcnn", "nbhd": "33x33x3", "padding": "valid", "hyperparameters": {}}
    assert ModelSpec.from_json(record).hyperparameters["activation"] == "elu"
    assert ModelSpec.from_json(unet().to_json()) == unet()


def test_half_as_fine_maps_need_a_third_of_the_operations():
    fine, coarse = (
        operations_per_pixel(models.build(unet(stem=stem), dense=True)) for stem in (1, 2)
    )
    assert 2.5 < fine / coarse < 4


@pytest.mark.parametrize(
    ("n_z", "given"),
    [(1, {}), (1, {"stem": 1, "blocks": 2}), (1, {"blocks": 1, "convs_per_block": 3}),
     (1, {"norm": "none", "up": "nearest", "blocks": 2}), (5, {"slices": "3d", "blocks": 2}),
     (7, {"slices": "3d", "stem": 1, "blocks": 1}),
     (5, {"slices": "3d", "convs_per_block": 1, "blocks": 2})],
)  # fmt: skip
def test_the_form_that_learns_is_the_one_in_use_away_from_borders(n_z, given):
    """Equal scores of equal weights, where the pools of both fall alike."""
    spec = resolve("unet", Nbhd(n_z, 33, 33), "valid", {"filters": 4, **given})
    keras.utils.set_random_seed(0)
    learns, used = models.build_for_steps(spec), models.build(spec)
    used.set_weights(learns.get_weights())
    rng = np.random.default_rng(0)
    halo, multiple, extent = spec.halo[1], spec.alignment, 8
    side = multiple * -(-(2 * halo + extent + multiple) // multiple)
    picture = rng.normal(size=(1, side, side, n_z)).astype("f4")
    scores = np.asarray(learns(picture))

    def apart(at):
        window = slice(at - halo, at + extent + halo)
        inner = scores[:, at : at + extent, at : at + extent]
        return np.abs(inner - np.asarray(used(picture[:, window, window]))).max()

    assert any(apart(at) < 1e-5 for at in range(halo, halo + multiple))
    assert np.ptp(scores) > 1e-3


@pytest.mark.parametrize("side", [1, 3])
def test_interleaving_goes_back_as_tensorflow_does(side):
    rng = np.random.default_rng(side)
    maps = tf.constant(rng.normal(size=(2, side, 5, 4)).astype("f4"))
    weight = tf.constant(rng.normal(size=(2, 2 * side, 10, 1)).astype("f4"))
    gradients, layer = [], Interleave()
    for give in (lambda x: layer(x, training=True), lambda x: tf.nn.depth_to_space(x, 2)):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            loss = tf.reduce_sum(weight * give(maps))
        gradients.append(tape.gradient(loss, maps))
    np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize("stem", [1, 2])
def test_scores_are_float32_where_maps_are_bfloat16(trained, stem):
    """Of 256 steps between 0.5 and 1 labels near a threshold would be drawn by rounding."""
    spec, model = trained(1, 3, "unet", blocks=1, filters=4, stem=stem)
    grey = np.random.default_rng(0).normal(size=(*(n + 31 for n in spec.window), 3)).astype("f4")
    scores = BlockScorer(spec, model, "bfloat16")(grey)
    rounded = tf.cast(tf.cast(scores, tf.bfloat16), tf.float32).numpy()
    assert np.mean(rounded != scores) > 0.9
