"""Networks with weights that have seen some training steps: zero biases would hide mistakes."""

import numpy as np
import pytest

from fibsem.geometry import Nbhd
from fibsem.models.spec import resolve


@pytest.fixture(scope="session")
def trained():
    """Function (n, n_z, **hyperparameters) -> (spec, model after a few steps on noise)."""
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
