"""Quiet TensorFlow, and what many tests stand on: a tiny phantom and trained networks."""

import os
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import numpy as np
import pytest

from fibsem.data.phantom import PhantomRecipe, simulate
from fibsem.data.phantom_recipe import THESIS_FILMS
from fibsem.geometry import Nbhd
from fibsem.models.spec import resolve

#: One film, six thin slices, five squares: simulated in well under a second.
TINY = replace(
    PhantomRecipe(),
    shape=(6, 160, 176),
    squares=5,
    square_px=72,
    samples={"HPC45": THESIS_FILMS["HPC45"]},
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Folder of a tiny phantom; not to be changed."""
    folder = tmp_path_factory.mktemp("data") / "tiny"
    simulate(TINY, folder)
    return folder


@pytest.fixture(scope="session")
def real():
    """The folder of real stacks beside the checkout."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real stacks are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def trained():
    """Function (n, n_z, **hyperparameters) -> (spec, model after a few steps on noise).

    Zero biases, as a new network has them, would hide mistakes.
    """
    import keras

    from fibsem.models import build

    made = {}

    def make(n, nz=3, **given):
        key = (n, nz, *sorted(given.items()))
        if key not in made:
            keras.utils.set_random_seed(n)
            spec = resolve("2dcnn", Nbhd(nz, n, n), "valid", given)
            model = build(spec)
            model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "binary_crossentropy")
            rng = np.random.default_rng(n)
            for _ in range(4):
                images = rng.normal(size=(16, n, n, nz)).astype("float32")
                solid = (images[:, n // 2, n // 2, :1] > 0).astype("float32").reshape(16, 1, 1, 1)
                model.train_on_batch(images, solid)
            made[key] = spec, model
        return made[key]

    return make
