"""One set of weights, three ways of evaluating them: patch, grid and dense are equal.

Tolerance: float32 rounds sums of up to 6400 products in another order; differences seen are below
2e-7 in probability, the promise is 1e-5.
"""

import numpy as np
import pytest

from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.predict import BlockScorer, compiled, sliding_window
from fibsem.models import build
from fibsem.models.dense import dense_twin
from fibsem.models.spec import resolve

SIZES = [11, 33, 49, 65, 81]


def block(n, extent, nz=3):
    shape = (extent + n - 1, extent + n - 1, nz)
    return np.random.default_rng(n).normal(size=shape).astype("float32")


@pytest.mark.parametrize("n", SIZES)
def test_dense_equals_patch(trained, n):
    spec, model = trained(n)
    grey = block(n, 19)
    by_patch = sliding_window(compiled(model), grey, spec)
    dense = BlockScorer(spec, model)(grey)
    assert dense.shape == by_patch.shape == (19, 19)
    assert by_patch.std() > 1e-3  # not a constant that would make everything equal
    np.testing.assert_allclose(dense, by_patch, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n", SIZES)
def test_grid_equals_patch(trained, n):
    spec, model = trained(n)
    g, stride = 3, spec.stride
    grey = block(n, stride * (g - 1) + 1)
    grid = model(grey[None]).numpy()[0, ..., 0]
    assert grid.shape == (g, g)
    patches = np.stack(
        [grey[i * stride : i * stride + n, j * stride : j * stride + n]
         for i in range(g) for j in range(g)]
    )  # fmt: skip
    by_patch = model(patches).numpy().reshape(g, g)
    np.testing.assert_allclose(grid, by_patch, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "given", [{"blocks": 1}, {"blocks": 2, "kernel": 5}, {"blocks": 2, "dense_layers": 4}]
)
def test_dense_equals_patch_for_other_sizes(trained, given):
    spec, model = trained(33, 1, **given)
    grey = block(33, 9, nz=1)
    np.testing.assert_allclose(
        BlockScorer(spec, model)(grey),
        sliding_window(compiled(model), grey, spec),
        rtol=0,
        atol=1e-5,
    )


def test_bfloat16_is_close_and_float32_at_the_end(trained):
    spec, model = trained(33)
    grey = block(33, 24)
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
    grey = block(11, 6, nz=1)
    scores = scorer(grey)
    assert scorer.mode == "patch"
    assert scores[2, 3] == pytest.approx(float(model(grey[None, 2:13, 3:14]).numpy()[0, 0, 0, 0]))
