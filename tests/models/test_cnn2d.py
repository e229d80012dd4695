import keras
import numpy as np
import pytest

from fibsem.geometry import Nbhd
from fibsem.models import build
from fibsem.models.spec import resolve

THESIS_COUNTS = {11: 42_641, 33: 92_745, 49: 277_681, 65: 349_361, 81: 441_521}


@pytest.mark.parametrize(("n", "count"), THESIS_COUNTS.items())
def test_parameter_counts_of_the_thesis(n, count):
    """Table 4.4, n_z = 11, padding same."""
    assert build(resolve("2dcnn", Nbhd(11, n, n), "same")).count_params() == count


def test_parameter_count_of_the_valid_network():
    """49x49x3, three blocks 16, 32, 64."""
    assert build(resolve("2dcnn", Nbhd(3, 49, 49), "valid")).count_params() == 113_297


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("nz", [1, 5])
def test_one_patch_gives_one_probability(padding, nz):
    model = build(resolve("2dcnn", Nbhd(nz, 33, 33), padding))
    scores = model(np.random.default_rng(0).normal(size=(2, 33, 33, nz)).astype("float32")).numpy()
    assert scores.shape == (2, 1, 1, 1)
    assert ((scores > 0) & (scores < 1)).all()


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_step_lowers_the_loss_on_a_fixed_batch(padding):
    keras.utils.set_random_seed(0)
    model = build(resolve("2dcnn", Nbhd(1, 11, 11), padding, {"dropout": 0.0}))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "binary_crossentropy")
    rng = np.random.default_rng(0)
    images = rng.normal(size=(64, 11, 11, 1)).astype("float32")
    solid = (images.mean(axis=(1, 2, 3)) > 0).astype("float32").reshape(-1, 1, 1, 1)
    losses = [float(model.train_on_batch(images, solid)) for _ in range(15)]
    assert losses[-1] < 0.9 * losses[0]


def test_saved_and_loaded_in_safe_mode_is_the_same(trained, tmp_path):
    _, model = trained(33)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    images = np.random.default_rng(1).normal(size=(3, 41, 41, 3)).astype("float32")
    np.testing.assert_array_equal(loaded(images).numpy(), model(images).numpy())


@pytest.mark.parametrize(
    "given",
    [{"blocks": 2}, {"kernel": 5, "blocks": 2}, {"dense_layers": 1}, {"dense_layers": 4},
     {"dropout": 0.0}, {"filters": 4}],
)  # fmt: skip
def test_every_hyperparameter_changes_the_network(given):
    plain = resolve("2dcnn", Nbhd(3, 33, 33), "valid")
    spec = resolve("2dcnn", Nbhd(3, 33, 33), "valid", given)
    layers = [layer.name for layer in build(spec).layers]
    count = build(spec).count_params()
    assert (layers, count) != (
        [layer.name for layer in build(plain).layers],
        build(plain).count_params(),
    )
