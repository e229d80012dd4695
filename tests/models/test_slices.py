"""A first convolution in three dimensions: voxel by voxel in loops, and as part of a U-Net."""

import keras
import numpy as np
import pytest

from fibsem import models
from fibsem.config import Configuration, compose
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.predict import BlockScorer
from fibsem.models.blocks import Style
from fibsem.models.slices import conv_slices
from fibsem.models.spec import ModelSpec, resolve
from fibsem.models.unet import STEM

#: Width and stride of a first convolution: that of a stem, and that of a level.
FIRST = [(STEM, 2), (3, 1)]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def by_loops(grey, kernel, bias, stride):
    """A valid convolution of voxels (y, x, z), to (y, x, planes * filters), plane by plane."""
    height, width, depth, filters = kernel.shape
    rows, columns = (
        (n - k) // stride + 1 for n, k in zip(grey.shape[:2], kernel.shape[:2], strict=True)
    )
    out = np.zeros((rows, columns, grey.shape[2] - depth + 1, filters))
    for y, x, z, f in np.ndindex(out.shape):
        total = float(bias[f])
        for j, i, k in np.ndindex(height, width, depth):
            total += float(grey[stride * y + j, stride * x + i, z + k]) * float(kernel[j, i, k, f])
        out[y, x, z, f] = total
    return out.reshape(rows, columns, -1)


def first_layer(n_z, kernel, stride, style):
    window = keras.Input((None, None, n_z))
    model = keras.Model(window, conv_slices(window, 2, kernel, "stem", style, strides=stride))
    weights = [noise(kernel, kernel, 3, 2, seed=1), noise(2, seed=2)]
    model.get_layer("stem").set_weights(weights)
    return model, weights


@pytest.mark.parametrize("n_z", [3, 5, 7])
@pytest.mark.parametrize(("kernel", "stride"), FIRST)
@pytest.mark.parametrize("form", ["valid", "same", "dense"])
def test_it_is_a_convolution_over_y_x_and_z(n_z, kernel, stride, form):
    """Of two windows, so that none is taken for a plane of the other one.

    Padding is of y and x alone, as much before as behind: pixels of both forms lie alike.
    """
    padding, dilation = ("same" if form == "same" else "valid"), (1 if form == "dense" else None)
    style = Style(padding, 3, 0.0, activation="linear", dilation=dilation)
    model, weights = first_layer(n_z, kernel, stride, style)
    grey = noise(2, 8, 6, n_z)
    around = (kernel - stride) // 2 if form == "same" else 0
    padded = np.pad(grey, ((0, 0), (around, around), (around, around), (0, 0)))
    expected = [by_loops(one, *weights, stride) for one in padded]
    # to 1e-5: float32 adds up to 48 products in another order
    np.testing.assert_allclose(model(grey).numpy(), expected, rtol=0, atol=1e-5)


def unet(n_z, **given):
    return resolve("unet", Nbhd(n_z, 1, 1), "valid", given)


@pytest.mark.parametrize("n_z", [1, 3])
@pytest.mark.parametrize("stem", [1, 2])
def test_a_window_that_is_not_deeper_than_the_kernel_has_the_network_of_channels(n_z, stem):
    channels, deep = (
        models.build(unet(n_z, stem=stem, slices=slices)) for slices in ("channels", "3d")
    )
    assert [layer.name for layer in deep.layers] == [layer.name for layer in channels.layers]
    assert [w.shape for w in deep.weights] == [w.shape for w in channels.weights]


@pytest.mark.parametrize("stem", [1, 2])
@pytest.mark.parametrize("convs", [1, 2])
def test_every_first_kernel_is_three_slices_deep_and_the_next_sees_every_plane(stem, convs):
    spec = unet(7, stem=stem, convs_per_block=convs, filters=4, slices="3d")
    model = models.build(spec)
    kernels = {layer.name: layer.kernel.shape for layer in model.layers if hasattr(layer, "kernel")}
    first, width = ("stem", 4) if stem == 2 else ("down1a", 3)
    assert kernels[first] == (width, width, 3, 4)
    following = {(1, 1): "down1a_mix", (1, 2): "down1b", (2, 1): "stem_mix", (2, 2): "down1a"}
    side = 1 if convs == 1 else 3
    assert kernels[following[stem, convs]] == (side, side, 5 * 4, 4)
    assert model.get_layer("pool1").input.shape[-1] == 4
    assert spec.squares == unet(7, stem=stem, convs_per_block=convs).squares


def mirrored(kernel, n_z, planes):
    """A kernel (y, x, in, out) with slices, or planes of as many channels each, turned round."""
    depth = kernel.shape[2]
    if depth in (3, n_z):
        return kernel[:, :, ::-1]
    apart = kernel.reshape(*kernel.shape[:2], planes, -1, kernel.shape[3])
    return apart[:, :, ::-1].reshape(kernel.shape)


@pytest.mark.parametrize(
    ("stem", "seeing"),
    [(2, ("stem", "down1a", "down1_same")), (1, ("down1a", "down1b", "down1_same"))],
)
def test_slices_in_reverse_have_the_scores_of_kernels_in_reverse(trained, stem, seeing):
    """Which they would not, were planes and their filters mixed up, or planes normalised apart."""
    spec, model = trained(1, 7, "unet", stem=stem, blocks=1, filters=4, slices="3d")
    other = models.build(spec)
    other.set_weights(model.get_weights())
    for name in seeing:
        kernel, bias = other.get_layer(name).get_weights()
        other.get_layer(name).set_weights([mirrored(kernel, 7, 5), bias])
    grey = noise(2, *(n + 8 for n in spec.window), 7)
    scores = model(grey).numpy()
    assert np.ptp(scores) > 1e-3
    np.testing.assert_allclose(other(grey[..., ::-1]).numpy(), scores, rtol=0, atol=1e-5)
    assert abs(model(grey[..., ::-1]).numpy() - scores).max() > 1e-3


def test_bfloat16_is_close(trained):
    spec, model = trained(1, 5, "unet", blocks=1, filters=4, slices="3d")
    grey = noise(*(n + 15 for n in spec.window), 5)
    exact, rough = (BlockScorer(spec, model, how)(grey) for how in ("float32", "bfloat16"))
    assert np.ptp(exact) > 1e-3
    assert 0 < abs(rough - exact).max() < 0.1


def test_a_configuration_has_it_and_a_record_keeps_it():
    tree = compose("train", ["model=unet", "nbhd=33x33x7", "model.slices=3d"])
    spec = Configuration(tree).run.spec
    model = models.build(spec)
    assert model.get_layer("stem").kernel.shape == (4, 4, 3, 16)
    assert model.get_layer("down1a").kernel.shape == (3, 3, 5 * 16, 16)
    assert ModelSpec.from_json(spec.to_json()) == spec
    before = spec.to_json()
    del before["hyperparameters"]["slices"]
    assert ModelSpec.from_json(before).hyperparameters["slices"] == "channels"


def test_other_values_are_refused_in_one_line():
    with pytest.raises(UserError, match=r"^`model\.slices` must be one of channels, 3d, but got z"):
        unet(5, slices="z")
    with pytest.raises(UserError, match=r"^`model=2dcnn` has no hyperparameter 'slices'; .*$"):
        resolve("2dcnn", Nbhd(5, 33, 33), "valid", {"slices": "3d"})
