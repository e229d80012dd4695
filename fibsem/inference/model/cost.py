"""Cost of a model: operations per pixel, and pixels per second from timing a block."""

from __future__ import annotations

import functools
import math
import re
import time
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from fibsem.geometry import Triple
from fibsem.inference.model.predict import BlockScorer
from fibsem.inference.model.segmenter import Scorer
from fibsem.models import build, build_for_steps
from fibsem.models.spec import ModelSpec

#: Sides in pixels of the timed block, by mode, and of the tiles of large slices.
SIDE = {"dense": 384, "features": 384, "patch": 16}
TILE = 1536
#: Share of the rate of a matrix product that dense forms reach (see experiments/benchmarks).
EXPECTED_SHARE = 0.5
#: Least seconds of a matrix product that is timed.
LEAST_S = 0.002

#: Layers that increase the resolution of a map.
DOUBLING = (
    keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose,
)  # fmt: skip
#: Shape of a feature map, (batch, ..., channel); None for extents that are not known.
TensorShape = tuple[int | None, ...]


def seconds_per_gigapixel(scorer: BlockScorer | Scorer) -> float:
    """Measure a model's seconds for 10^9 pixels in large tiles, by timing one smaller block.

    A block has more halo per pixel than a large tile. So its time is scaled by the ratio of the
    operations per pixel of a tile to those of the block.

    Examples
    --------
    ```python
    spec = models.resolve("unet", Nbhd.parse("33x33x3"), "valid")
    seconds_per_gigapixel(BlockScorer(spec, models.build(spec), "bfloat16"))
    ```
    """
    side = SIDE[scorer.mode]
    return 1e9 / pixels_per_second(scorer, side) * as_of_a_tile(scorer, side)


def as_of_a_tile(scorer: BlockScorer | Scorer, side: int) -> float:
    """Return the ratio of operations per pixel of a large tile to those of a smaller block."""
    members = getattr(scorer, "members", [scorer])
    dense = [member for member in members if member.network is not None and member.mode == "dense"]
    if scorer.mode != "dense" or not dense:
        return 1.0  # patches have no halo, and that of features costs little
    tile, block = (
        sum(
            operations_in_block(member.network, member.halo, _aligned(pixels, scorer))
            for member in dense
        )
        / _aligned(pixels, scorer) ** 2
        for pixels in (TILE, side)
    )
    return tile / block


def pixels_per_second(
    scorer: BlockScorer | Scorer, height: int, width: int | None = None, repeats: int = 2
) -> float:
    """Measure the pixels per second for a block of noise with its halo, the best of some repeats.

    Parameters
    ----------
    scorer
        Scorer to be timed.
    height, width
        Size of the block, rounded down to the scorer's alignment; a square by default.
    repeats
        Number of timings.

    Examples
    --------
    >>> from fibsem.geometry import Nbhd
    >>> from fibsem.models import resolve, untrained
    >>> spec = resolve("threshold", Nbhd.parse("1x1x1"), "valid")
    >>> pixels_per_second(BlockScorer(spec, untrained(spec)), 64) > 0
    True
    """
    z, y, x = scorer.halo
    height, width = (_aligned(side, scorer) for side in (height, width or height))
    noise = np.random.default_rng(0).normal(size=(height + 2 * y, width + 2 * x, 2 * z + 1))
    block = noise.astype(np.float32)
    if scorer.needs_slice:
        scorer.look(block[..., z])
    small = _aligned(min(height, width) // 4, scorer)
    scorer(block[: small + 2 * y, : small + 2 * x])  # so that tracing is not timed
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        scorer(block)
        times.append(time.perf_counter() - started)
    return height * width / min(times)


def _aligned(side: int, scorer: BlockScorer | Scorer) -> int:
    return max(side - side % scorer.alignment, scorer.alignment)


def predicted_seconds_per_gigapixel(spec: ModelSpec) -> float:
    """Estimate :func:`seconds_per_gigapixel` before training, from the operations of a network.

    A dense form reaches about half of this machine's matrix product rate. Returns ``nan`` for
    models that are not networks.
    """
    if not spec.is_network:
        return math.nan
    operations = operations_per_pixel(build(spec, dense=spec.convertible))
    return operations * 1e9 / (EXPECTED_SHARE * matrix_product_rate())


@functools.cache
def matrix_product_rate(size: int = 1024) -> float:
    """Measure TensorFlow's operations per second in a float32 matrix product; cached.

    The size is doubled until a product takes ``LEAST_S``: an accelerator needs larger ones.
    """
    while (seconds := _seconds_of_product(size)) < LEAST_S:
        size *= 2
    return 2 * size**3 / seconds


def _seconds_of_product(size: int) -> float:
    """Return the seconds of a product of two square matrices, the least of three."""
    matrix = tf.random.stateless_normal((size, size), (1, 2))
    product = tf.function(lambda: tf.reduce_sum(matrix @ matrix), autograph=False)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        product().numpy()
        times.append(time.perf_counter() - started)
    return min(times)


def operations_per_pixel(network: keras.Model) -> float:
    """Count the multiplications and additions of a network for one pixel of a large block.

    Only convolutions and dense layers count; pools, activations and the halo of the block are left
    out. A network in patch form is counted for one patch, which gives one pixel.

    Examples
    --------
    ```python
    operations_per_pixel(BlockScorer(spec, model).network)  # of the dense form
    ```
    """
    coarse = any(layer.name == "stem" for layer in network.layers)  # U-Net with a strided stem
    return sum(
        _operations(layer, shape) / 4 ** (coarse + _halvings(layer.name))
        for layer, shape in _maps(network, network.input_shape[1:])
    )


def operations_in_block(network: keras.Model, halo: Triple, side: int) -> float:
    """Count the multiplications and additions of a dense form for a square block with its halo.

    Every layer counts by the size of its map, which shrinks from layer to layer, so that later
    layers compute little of the halo.
    """
    return operations_in(network, (side + 2 * halo[1], side + 2 * halo[2], 2 * halo[0] + 1))


def operations_of_window(spec: ModelSpec, extents: tuple[int, int]) -> float:
    """Count the operations of a network in its training form, for a window of some extents.

    The network is built on the processor, so that accelerators stay free for trainings.
    """
    with keras.device("cpu"):
        network = build_for_steps(spec)
    return operations_in(network, (*extents, *network.input_shape[3:]))


def operations_in(network: keras.Model, extents: Sequence[int | None]) -> float:
    """Count the multiplications and additions of a network for one input of these extents.

    Parameters
    ----------
    network
        A network in any form.
    extents
        Height, width and planes, in the order of its input; None is counted as one.
    """
    return sum(_operations(layer, shape) for layer, shape in _maps(network, extents))


def _maps(
    network: keras.Model, extents: Sequence[int | None]
) -> Iterator[tuple[keras.layers.Layer, TensorShape]]:
    """Yield layers with kernels, each with the shape of the map its kernel is applied to."""
    layers = [layer for layer in network.layers if hasattr(layer, "kernel")]
    maps = keras.Model(network.inputs, [_worked_at(layer) for layer in layers])
    outputs = maps.compute_output_spec(keras.KerasTensor((1, *extents)))
    return zip(layers, (output.shape for output in keras.tree.flatten(outputs)), strict=True)


def _worked_at(layer: keras.layers.Layer) -> keras.KerasTensor:
    """Return the map at whose pixels a kernel is applied: output, or input if transposed."""
    return layer.input if isinstance(layer, DOUBLING) else layer.output


def _operations(layer: keras.layers.Layer, shape: TensorShape) -> float:
    # number of positions: all known extents multiply; planes are an axis, or part of the batch
    positions = math.prod(extent for extent in shape[:-1] if extent is not None)
    return 2.0 * math.prod(layer.kernel.shape) * positions


def _halvings(name: str) -> int:
    """Return how often pools have halved the map of a U-Net layer, read from the layer's name.

    Other dense forms do not halve maps. A layer that doubles a map counts by its input.
    """
    level = re.fullmatch(r"(?:down|up)(\d+)([a-c]|_same|_grow)", name)
    return int(level.group(1)) - (level.group(2) != "_grow") if level else 0
