"""One set of weights, three ways of evaluating them: patch, grid and dense are equal.

Tolerance: float32 rounds sums of up to 6400 products in another order; differences seen are below
2e-7 in probability, the promise is 1e-5.
"""

import numpy as np
import pytest

from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.predict import BlockScorer, sliding_window
from fibsem.models import build
from fibsem.models.dense import dense_twin
from fibsem.models.spec import MODELS, resolve

VALID = {name: known.family for name, known in MODELS.items() if "valid" in known.paddings}
DENSE = [name for name, family in VALID.items() if family == "pixel"]
SQUARES = [name for name, family in VALID.items() if family == "squares"]
#: Where sums as long as in use do not matter.
FEW = {"filters": 4}


def at_once(model):
    """The model as a function on arrays, layer by layer: one call is not worth a graph."""
    return lambda images: model(images).numpy()


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    ("name", "n", "nz"),
    [
        *((name, n, nz) for name in DENSE for n, nz in [(11, 1), (33, 3), (49, 11)]),
        ("2dcnn", 81, 3),
    ],
)
def test_patch_grid_and_dense_are_equal(trained, name, n, nz):
    given = FEW if n < 65 else {}  # the largest neighbourhoods with networks as they are used
    spec, model = trained(n, nz, name, **given)
    extent = spec.stride + 1  # every offset of a patch to the grid, and the next point of it
    grey = noise(extent + n - 1, extent + n - 1, nz, seed=n)
    by_patch = sliding_window(at_once(model), grey, spec)
    grid = at_once(model)(grey[None])[0, ..., 0]
    dense = BlockScorer(spec, model)(grey)
    assert by_patch.std() > 1e-3  # not a constant that would make everything equal
    np.testing.assert_allclose(dense, by_patch, rtol=0, atol=1e-5)
    np.testing.assert_allclose(grid, by_patch[:: spec.stride, :: spec.stride], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.parametrize(
    "given",
    [{"convs_per_block": 1, "spatial_dropout": 0.2, "dropout": 0.0},
     {"pool": False, "blocks": 2, "growth": "flat", "dense_layers": 4},
     {"kernel": 5, "blocks": 1}],
    ids=lambda given: ",".join(given),
)  # fmt: skip
def test_every_choice_of_layers_is_convertible(trained, name, given):
    spec, model = trained(17, 3, name, **FEW, **given)
    grey = noise(21, 19, 3)
    dense = at_once(dense_twin(spec, model))(grey[None])[0, ..., 0]
    by_patch = sliding_window(at_once(model), grey, spec)
    np.testing.assert_allclose(dense, by_patch, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SQUARES)
@pytest.mark.parametrize(
    "given",
    [{"blocks": 1, "up": "nearest", "residual": False}, {"blocks": 2, "stem": 1, "norm": "none"},
     {"blocks": 3}, {"kernel": 5, "blocks": 1},
     {"blocks": 2, "convs_per_block": 3, "growth": "double", "activation": "silu"},
     {"blocks": 2, "convs_per_block": 1}, {"nz": 5, "slices": "3d", "blocks": 2},
     {"nz": 7, "slices": "3d", "stem": 1, "blocks": 2},
     {"nz": 5, "slices": "3d", "convs_per_block": 1, "blocks": 2}],
    ids=str,
)  # fmt: skip
def test_scores_of_squares_do_not_depend_on_the_tile(trained, name, given):
    """Exact: a tile that starts at a multiple of the pools does the same sums."""
    spec, model = trained(1, name=name, **FEW, **given)
    halo, a = spec.halo[1], spec.alignment
    grey = noise(61 + 2 * halo, 50 + 2 * halo, spec.nbhd.z)
    scorer = BlockScorer(spec, model)
    whole = scorer(grey)
    assert whole.shape == (61, 50)
    part = scorer(grey[2 * a : 2 * a + 17 + 2 * halo, a : a + 13 + 2 * halo])
    np.testing.assert_allclose(part, whole[2 * a : 2 * a + 17, a : a + 13], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "given",
    [{}, {"stem": 1, "activation": "relu", "up": "nearest", "blocks": 2, "growth": "2d"},
     {"nz": 7, "slices": "3d", "blocks": 2},
     {"nz": 5, "slices": "3d", "stem": 1, "convs_per_block": 1, "blocks": 2}],
    ids=str,
)  # fmt: skip
def test_normalisations_are_folded_into_the_convolutions(trained, given):
    """Up to rounding: random statistics make scores of 1e-12 and 1 - 1e-6, trained ones do not."""
    spec, model = trained(1, name="unet", **FEW, **given)
    grey = noise(*(n + 30 for n in spec.window), spec.nbhd.z)
    twin = dense_twin(spec, model)
    kinds = {type(layer).__name__ for layer in twin.layers}
    assert "BatchNormalization" not in kinds
    unfolded = at_once(model)(grey[None])[0, ..., 0]
    assert unfolded.std() > 1e-2
    folded = at_once(twin)(grey[None])[0, ..., 0]
    np.testing.assert_allclose(folded, unfolded, rtol=0, atol=2e-4)


def test_bfloat16_is_close_and_float32_at_the_end(trained):
    spec, model = trained(33)
    grey = noise(56, 56, 3)
    twin = dense_twin(spec, model, precision="bfloat16")
    assert twin.compute_dtype == "float32" or twin.output.dtype == "float32"
    exact = BlockScorer(spec, model)(grey)
    rough = BlockScorer(spec, model, "bfloat16")(grey)
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.05


def test_same_padding_says_why_it_has_no_dense_form():
    spec = resolve("2dcnn", Nbhd(1, 11, 11), "same")
    with pytest.raises(UserError, match=r"padding=same.*padding=valid"):
        dense_twin(spec, build(spec))


def test_same_padding_goes_patch_by_patch():
    spec = resolve("2dcnn", Nbhd(1, 11, 11), "same")
    model = build(spec)
    scorer = BlockScorer(spec, model)
    grey = noise(16, 16, 1)
    scores = scorer(grey)
    assert scorer.mode == "patch"
    assert scores[2, 3] == pytest.approx(float(model(grey[None, 2:13, 3:14]).numpy()[0, 0, 0, 0]))
