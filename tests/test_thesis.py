"""``experiment=thesis``: the 50 models of the study with their sizes, budgets and settings."""

import json
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest

from fibsem import models
from fibsem.config import Configuration, compose, flat
from fibsem.data.sampling import lattice_pixels
from fibsem.geometry import Nbhd
from fibsem.models.spec import resolve
from fibsem.search.space.declared import read_space
from tests.training.networks import network_of

SIZES = (11, 33, 49, 65, 81)
STANDARD = [("2dcnn", n, nz) for n in SIZES for nz in (1, 3, 5, 7, 9, 11)]
OTHERS = [
    (name, n, 5 if name == "1dcnn" else 11)
    for name in ("3dcnn", "triplanar", "multichannel", "mv2dcnn", "1dcnn")
    for n in SIZES[:4]
]

#: Table 4.4.
PRINTED = {
    "2dcnn": (42_641, 92_745, 277_681, 349_361, 441_521),
    "3dcnn": (22_729, 129_913, 279_545, 275_465),
    "triplanar": (52_337, 245_585, 433_361, 468_177),
    "multichannel": (56_657, 256_241, 448_625, 488_049),
    "mv2dcnn": (41_201, 92_025, 276_241, 347_921),
    "1dcnn": (19_281, 70_321, 101_201, 117_841),
}
#: Table 4.3: learning rate, momentum, batch.
SETTINGS = {
    "2dcnn": (0.005, 0.95, 128),
    "3dcnn": (0.005, 0.90, 256),
    "triplanar": (0.005, 0.95, 128),
    "multichannel": (0.0075, 0.95, 64),
    "mv2dcnn": (0.0075, 0.95, 128),
    "1dcnn": (0.0025, 0.90, 256),
}
DROPOUT = dict(zip(SIZES, (0.1, 0.25, 0.3, 0.3, 0.5), strict=True))


def test_there_are_fifty_models():
    assert len(STANDARD) == 30
    assert len(OTHERS) == 20


def slow_unless(quick):
    """All fifty as parameters; those that are not quick are tested by `make test-slow`."""
    return [
        pytest.param(*model, marks=[] if quick(*model) else pytest.mark.slow)
        for model in [*STANDARD, *OTHERS]
    ]


def composed(name, n, nz):
    """The configuration of one of the fifty."""
    return Configuration(
        compose("evaluate", ["experiment=thesis", f"model={name}", f"nbhd={n}x{n}x{nz}"])
    ).run


@pytest.mark.parametrize(
    ("name", "n", "nz"), slow_unless(lambda name, n, nz: nz in (1, 11) or name == "1dcnn")
)
def test_each_composes_and_has_its_size(name, n, nz):
    config = composed(name, n, nz)
    how = config.train
    assert (how.learning_rate, how.momentum, how.batch) == SETTINGS[name]
    assert (config.spec.padding, how.mode, how.share) == ("same", "patch", 0.01)
    assert (how.epochs, how.patience, how.decay, how.decay_every) == (125, 10, 0.75, 8)
    assert config.preprocess.scaling == "none"
    if name == "2dcnn":
        assert config.spec.hyperparameters["dropout"] == DROPOUT[n]

    found, expected = models.build(config.spec).count_params(), PRINTED[name][SIZES.index(n)]
    if name == "2dcnn":  # the table has n_z = 11; the first layer has 9 weights a slice and filter
        expected -= 9 * config.spec.hyperparameters["filters"] * (11 - nz)
    if name in ("2dcnn", "mv2dcnn", "3dcnn"):
        assert found == expected
    else:
        assert abs(found / expected - 1) < 0.05


@pytest.mark.parametrize(
    ("name", "n", "nz"), slow_unless(lambda _name, n, nz: n == 11 and nz in (5, 11))
)
def test_each_takes_a_step(name, n, nz):
    model = network_of(composed(name, n, nz))
    model.run_eagerly = True  # one step is not worth a graph
    rng = np.random.default_rng(n)
    images = rng.normal(size=(2, n, n, nz)).astype("float32")
    before = [weights.copy() for weights in model.get_weights()]
    loss = model.train_on_batch(images, np.array([0, 1], "float32").reshape(2, 1, 1, 1))
    assert np.isfinite(float(loss))
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("n", [11, 33])
def test_multichannel_has_three_wider_first_convolutions(n):
    """9 * 16 * ((n_z - 1) + (n_y - 1) + (n_x - 1)) more weights than triplanar, as printed."""
    triplanar, multichannel = (
        models.build(resolve(name, Nbhd(11, n, n), "same")).count_params()
        for name in ("triplanar", "multichannel")
    )
    assert multichannel - triplanar == 9 * 16 * (10 + 2 * (n - 1))
    printed = [PRINTED[name][SIZES.index(n)] for name in ("triplanar", "multichannel")]
    assert multichannel - triplanar == printed[1] - printed[0]


def test_the_protocol_of_the_study_is_trained_to_the_letter():
    """Network and optimiser; the keys are below."""
    config = Configuration(compose("train", ["experiment=thesis"])).run
    assert (config.train.average, config.train.warmup) == (0, 0)
    model = network_of(config)
    assert {
        layer.activation.__name__
        for layer in model.layers
        if hasattr(layer, "activation") and layer.name != "score"
    } == {"elu"}
    assert type(model.optimizer) is keras.optimizers.SGD
    assert model.optimizer.global_clipnorm is None
    assert [layer.__class__.__name__ for layer in model.layers].count("BatchNormalization") == 0
    assert model.get_layer("conv1a").kernel_initializer.__class__.__name__ == "GlorotUniform"


def test_the_search_space_of_the_study_has_24_300_points():
    assert read_space(compose("sweep", ["experiment=thesis", "nbhd=81x81x3"])).size == 24_300


def test_the_final_training_and_the_postprocessing_are_those_of_the_study():
    tree = compose("promote", ["experiment=thesis"])
    assert (tree["final"]["share"], tree["final"]["epochs"]) == (0.05, 60)
    grid = tree["postprocessing"]
    count = len(grid["sigma"]) * grid["threshold_steps"] * len(grid["rounds"])
    assert count * len(grid["min_size"]) == 13_500


#: Every key of the protocol as it was composed before any was added, in all commands and in some.
GOLDEN = json.loads((Path(__file__).parent / "fixtures" / "thesis.json").read_text())
#: Of the study's draw from three made-up squares, before validation had pieces.
CRC = 2_173_162_847
#: Keys that came later, with the values that leave everything as it was.
LATER = {
    "train.validation": "lattice", "train.rare_windows": 0.0, "train.weight_decay": 0.0,
    "train.clip": None, "train.average": 0.0, "train.warmup": 0.0,
    "train.restart": False, "train.init": None, "train.min_steps": 0,
    "train.precision": "float32", "train.contrast_sd": 0.0, "train.noise_sd": 0.0,
    "train.blur_px": 0.0, "train.elastic_px": 0.0, "train.teacher": None,
    "train.teacher_share": 0.5, "train.frame": 0,
}  # fmt: skip


@pytest.mark.parametrize("command", ["train", "sweep", "evaluate", "promote"])
def test_the_protocol_is_kept_to_the_letter(command):
    tree = dict(flat(compose(command, ["experiment=thesis"])))
    expected = {**GOLDEN["every command"], **GOLDEN.get(command, {}), **LATER}
    assert {key: tree.get(key, "missing") for key in expected} == expected
    younger = {key for key in tree if key.startswith("train.")} - expected.keys()
    assert not younger, f"say in LATER which value of {younger} leaves the protocol as it was"


def test_the_validation_pixels_of_the_study_are_what_they_were(material):
    """The same draw from the same stream of random numbers, and the draw itself by its checksum."""
    setting = material("train.validation=lattice", "train.share=0.05")
    labels = [window.labels for window in setting.val]
    size = 2 * int(0.05 * sum(part.size for part in labels) / 2)
    for ours, theirs in zip(
        columns(setting.fixed("val").balanced),
        columns(lattice_pixels(labels, size, np.random.default_rng([0, 2]))),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    squares = [np.indices((256, 256)).sum(axis=0) // (20 + k) % 2 for k in range(3)]
    made = lattice_pixels([s.astype(np.uint8) for s in squares], 982, np.random.default_rng(0))
    assert zlib.crc32(np.stack(columns(made)).astype(np.int64).tobytes()) == CRC


def columns(sample):
    pixels = sample.pixels
    return pixels.window, pixels.y, pixels.x, pixels.label
