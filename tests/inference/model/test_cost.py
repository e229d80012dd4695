"""What a model costs in large tiles, from the time of a small block."""

import keras
import numpy as np
import pytest

from fibsem.geometry import Nbhd
from fibsem.inference.model import cost
from fibsem.inference.model.cost import (
    TILE,
    as_of_a_tile,
    operations_in_block,
    operations_per_pixel,
)
from fibsem.inference.model.predict import BlockScorer
from fibsem.models import build
from fibsem.models.spec import resolve


def by_hand(spec, side):
    """Operations of the dense form of a 2dcnn of one block, layer by layer (valid, 3 x 3)."""
    first = side + spec.sees - 1 - 2
    kernels = [layer.kernel.shape for layer in build(spec, dense=True).layers if layer.weights
               and hasattr(layer, "kernel")]  # fmt: skip
    sizes = [first, first - 2, *[side] * (len(kernels) - 2)]
    return [2 * a * b * c * d * n * n for (a, b, c, d), n in zip(kernels, sizes, strict=True)]


def test_operations_of_a_block_are_those_of_its_layers(trained):
    """The map shrinks by two at each convolution, and by its pool; the rest is a pixel each."""
    spec, model = trained(11, 3, blocks=1, filters=4, convs_per_block=2)
    scorer = BlockScorer(spec, model)
    assert operations_in_block(scorer.network, spec.halo, 40) == sum(by_hand(spec, 40))


@pytest.mark.parametrize("name", ["2dcnn", "unet"])
def test_the_time_of_a_small_block_becomes_that_of_a_tile(trained, name, monkeypatch):
    """A network that takes a second for so many operations takes as long for a tile of them."""
    spec, model = trained(33, 3, name)
    scorer = BlockScorer(spec, model)

    def rate(scorer, side):
        return side**2 / operations_in_block(scorer.network, spec.halo, side)

    monkeypatch.setattr(cost, "pixels_per_second", rate)
    in_tiles = 1e9 / rate(scorer, TILE)
    assert cost.seconds_per_gigapixel(scorer) == pytest.approx(in_tiles)
    assert cost.seconds_per_gigapixel(scorer) < 0.99e9 / rate(scorer, cost.SIDE["dense"])


def test_what_goes_patch_by_patch_computes_no_halo(trained):
    assert as_of_a_tile(BlockScorer(*trained(11, 3, padding="same")), 16) == 1.0


SMALL = {"blocks": 2, "growth": "2d"}


@pytest.mark.parametrize("n_z", [5, 15])
def test_operations_of_a_first_convolution_are_those_by_hand(n_z):
    """Of a stem on maps half as fine, 4 x 4, 16 filters; in three dimensions for every plane."""
    channels, deep = (
        build(resolve("unet", Nbhd(n_z, 1, 1), "valid", {"slices": slices, **SMALL}), dense=True)
        for slices in ("channels", "3d")
    )
    behind = 2 * 3 * 3 * 16 * 16 / 4  # down1a, of one map of 16 channels
    beside = 2 * 16 * 16 / 4  # what is added to it, brought to as many
    of_plane = 2 * 4 * 4 * 3 * 16 / 4 + behind + beside
    rest = 12960 - behind
    assert operations_per_pixel(channels) == 2 * 4 * 4 * n_z * 16 / 4 + 12960
    assert operations_per_pixel(deep) == (n_z - 2) * of_plane + rest


LAYERS = {
    "Conv1D": ((12, 3), {"kernel_size": 3}),
    "Conv2D": ((9, 8, 3), {"kernel_size": (3, 2)}),
    "Conv2D with strides": ((9, 8, 3), {"kernel_size": 4, "strides": 2}),
    "Conv2D that is dilated": ((9, 8, 3), {"kernel_size": 3, "dilation_rate": 2}),
    "Conv3D": ((5, 6, 7, 2), {"kernel_size": (2, 3, 3)}),
    "Conv2DTranspose": ((6, 5, 3), {"kernel_size": 2, "strides": 2}),
    "Conv2DTranspose that overlaps": ((6, 5, 3), {"kernel_size": 3, "strides": 2}),
    "Conv2DTranspose with gaps": ((6, 5, 3), {"kernel_size": 2, "strides": 3}),
    "Conv1DTranspose": ((6, 3), {"kernel_size": 2, "strides": 2}),
    "Conv3DTranspose": ((2, 3, 4, 2), {"kernel_size": 2, "strides": 2}),
    "Dense": ((7,), {}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_operations_of_a_layer_are_the_products_that_its_output_pixels_are_sums_of(name):
    """Of ones, by a kernel of ones, every output value is the number of products in it."""
    shape, options = LAYERS[name]
    kind = getattr(keras.layers, name.partition(" ")[0])
    layer = kind(4, use_bias=False, kernel_initializer="ones", **options)
    window = keras.Input(shape)
    network = keras.Model(window, layer(window))
    products = np.asarray(network(np.ones((1, *shape), np.float32))).sum()
    assert operations_per_pixel(network) == 2 * products


@pytest.mark.parametrize("slices", ["channels", "3d"])
@pytest.mark.parametrize("up", ["nearest", "transpose"])
def test_operations_of_a_large_block_are_those_of_its_pixels_and_a_halo(up, slices):
    spec = resolve("unet", Nbhd(7, 1, 1), "valid", {"slices": slices, "up": up})
    network, side = build(spec, dense=True), 4096
    share = operations_in_block(network, spec.halo, side) / side**2 / operations_per_pixel(network)
    assert 1 < share < (1 + 2 * spec.halo[1] / side) ** 2
