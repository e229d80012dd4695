"""What a model costs: operations of a pixel, pixels a second of a timed block."""

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

#: Side of the timed block, and of the tiles that large slices are cut into.
SIDE = {"dense": 384, "features": 384, "patch": 16}
TILE = 1536
#: Share of the rate of a matrix product that dense forms reach (see experiments/benchmarks).
EXPECTED_SHARE = 0.5

#: Layers that make a map finer.
DOUBLING = (
    keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose,
)  # fmt: skip
#: Of a map, (batch, ..., channel); None where it is not known.
TensorShape = tuple[int | None, ...]


def seconds_per_gigapixel(scorer: BlockScorer | Scorer) -> float:
    """Seconds for 10^9 pixels in large tiles, by the rate of one timed block; the model alone.

    The halo of a block is more of it than that of a tile: so its time is divided by what a network
    computes for it, and multiplied with what it computes for a tile.

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
    """Operations for a pixel of a tile against those for one of a smaller block, at most 1."""
    members = getattr(scorer, "members", [scorer])
    dense = [one for one in members if one.network is not None and one.mode == "dense"]
    if scorer.mode != "dense" or not dense:
        return 1.0  # patches have no halo, features little to compute
    tile, block = (
        sum(operations_in_block(one.network, one.halo, _aligned(pixels, scorer)) for one in dense)
        / _aligned(pixels, scorer) ** 2
        for pixels in (TILE, side)
    )
    return tile / block


def pixels_per_second(
    scorer: BlockScorer | Scorer, height: int, width: int | None = None, repeats: int = 2
) -> float:
    """Rate of a block of noise, its halo included in its time; the fastest of some.

    Parameters
    ----------
    scorer
        What is timed.
    height, width
        Of the block, less what does not fit its alignment; a square by default.
    repeats
        How often it is timed.

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
    scorer(block[: small + 2 * y, : small + 2 * x])  # traced
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        scorer(block)
        times.append(time.perf_counter() - started)
    return height * width / min(times)


def _aligned(side: int, scorer: BlockScorer | Scorer) -> int:
    return max(side - side % scorer.alignment, scorer.alignment)


def predicted_seconds_per_gigapixel(spec: ModelSpec) -> float:
    """Seconds from the operations of a network and the rate of this machine, before training.

    A dense form reaches about half of the rate of a matrix product; ``nan`` for other models.
    """
    if not spec.is_network:
        return math.nan
    operations = operations_per_pixel(build(spec, dense=spec.convertible))
    return operations * 1e9 / (EXPECTED_SHARE * matrix_product_rate())


@functools.cache
def matrix_product_rate(size: int = 2048) -> float:
    """Operations a second of a float32 matrix product in TensorFlow, measured once a process."""
    matrix = tf.random.stateless_normal((size, size), (1, 2))
    product = tf.function(lambda: tf.reduce_sum(matrix @ matrix), autograph=False)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        product().numpy()
        times.append(time.perf_counter() - started)
    return 2 * size**3 / min(times)


def operations_per_pixel(network: keras.Model) -> float:
    """Multiplications and additions of a network for one pixel of a large block.

    Those of its convolutions and dense layers; pools, activations and the halo of the block are
    left out. A network that is no dense twin is counted for one patch, which is one pixel.

    Examples
    --------
    ```python
    operations_per_pixel(BlockScorer(spec, model).network)  # of the dense form
    ```
    """
    coarse = any(layer.name == "stem" for layer in network.layers)  # of a U-Net
    return sum(
        _operations(layer, shape) / 4 ** (coarse + _halvings(layer.name))
        for layer, shape in _maps(network, network.input_shape[1:])
    )


def operations_in_block(network: keras.Model, halo: Triple, side: int) -> float:
    """Multiplications and additions of a dense form for a square block with its halo.

    Every layer counts by the size of its map, which shrinks from layer to layer: what a network
    reads of the halo is much more than what it computes there.
    """
    return operations_in(network, (side + 2 * halo[1], side + 2 * halo[2], 2 * halo[0] + 1))


def operations_of_window(spec: ModelSpec, extents: tuple[int, int]) -> float:
    """Operations of the form that steps are made with, for a window of so many pixels.

    The network is built on the processor: an accelerator stays free for who trains beside.
    """
    with keras.device("cpu"):
        network = build_for_steps(spec)
    return operations_in(network, (*extents, *network.input_shape[3:]))


def operations_in(network: keras.Model, extents: Sequence[int | None]) -> float:
    """Multiplications and additions of a network for one input of these extents.

    Parameters
    ----------
    network
        Any form.
    extents
        Height, width and planes, in the order of its input; None is counted as one.
    """
    return sum(_operations(layer, shape) for layer, shape in _maps(network, extents))


def _maps(
    network: keras.Model, extents: Sequence[int | None]
) -> Iterator[tuple[keras.layers.Layer, TensorShape]]:
    """The layers with kernels, each with the shape of the map at whose pixels the kernel is put."""
    layers = [layer for layer in network.layers if hasattr(layer, "kernel")]
    maps = keras.Model(network.inputs, [_worked_at(layer) for layer in layers])
    given = maps.compute_output_spec(keras.KerasTensor((1, *extents)))
    return zip(layers, (one.shape for one in keras.tree.flatten(given)), strict=True)


def _worked_at(layer: keras.layers.Layer) -> keras.KerasTensor:
    """What a layer gives, or reads where it doubles a map: every pixel read is spread by it all."""
    return layer.input if isinstance(layer, DOUBLING) else layer.output


def _operations(layer: keras.layers.Layer, shape: TensorShape) -> float:
    # positions that are computed: every one that is known, of a patch all, and planes, which are
    # an axis or lie behind one another in the batch
    positions = math.prod(extent for extent in shape[:-1] if extent is not None)
    return 2.0 * math.prod(layer.kernel.shape) * positions


def _halvings(name: str) -> int:
    """How often the map of a layer of a U-Net was halved by pools, told by the layer's name.

    Elsewhere a dense form halves nothing. What doubles a map works at the pixels before.
    """
    level = re.fullmatch(r"(?:down|up)(\d+)([a-c]|_same|_grow)", name)
    return int(level.group(1)) - (level.group(2) != "_grow") if level else 0
