"""Steps in bfloat16: of every network, weights in float32, to what float32 comes to as well."""

import numpy as np
import pytest

from fibsem.config.training import TrainConfig
from fibsem.geometry import Nbhd
from fibsem.models import build_for_steps
from fibsem.models.spec import MODELS, resolve
from fibsem.system import processor
from fibsem.system.processor import flags_of
from fibsem.training.material.feeding import epoch_batches
from fibsem.training.steps import precision
from fibsem.training.steps.fit import train
from fibsem.training.steps.learner import Learner
from fibsem.training.steps.precision import precision_of
from tests.training.networks import network_of

NETWORKS = [name for name, one in MODELS.items() if one.family != "features"]


@pytest.mark.parametrize(("able", "name"), [(True, "2dcnn"), (False, "2dcnn"), (True, "unet")])
def test_auto_is_bfloat16_where_it_is_quicker(able, name, monkeypatch):
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: able)
    spec = resolve(name, Nbhd(3, 33, 33), "valid", {})
    assert precision_of("auto", spec) == ("bfloat16" if able and name == "2dcnn" else "float32")
    assert precision_of("bfloat16", spec) == "bfloat16"
    assert precision_of(TrainConfig.of({}).precision, spec) == "float32"
    forest = resolve("forest", Nbhd(3, 33, 33), "valid", {})
    assert precision_of("bfloat16", forest) == "float32"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert precision_of("auto", spec) == "float32"


@pytest.mark.parametrize(
    ("text", "able"),
    [("processor : 0\nflags\t\t: fpu avx512_bf16 amx_tile\nflags : none\n", True),
     ("Features\t: fp asimd bf16\n", True), ("flags : avx512f bf16x\n", False), ("", False)],
)  # fmt: skip
def test_flags_are_those_that_linux_tells(text, able):
    assert bool(flags_of(text) & processor.BFLOAT16) is able


@pytest.mark.parametrize("how", ["bfloat16", "float32"])
def test_the_precision_of_steps_arrives_and_weights_are_float32(how, material):
    learner = Learner.of(material(f"train.precision={how}").config)
    maps = {layer.compute_dtype for layer in learner.steps.layers if "conv" in layer.name}
    assert maps == {how}
    assert {weight.dtype for weight in learner.steps.trainable_variables} == {"float32"}
    assert {layer.compute_dtype for layer in learner.scored.layers} == {"float32"}


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_scores_of_a_step_are_float32_whatever_its_maps_are(padding):
    """In 8 bits the score of a pixel that a network is sure of is 1, and teaches nothing."""
    for name in NETWORKS:
        if padding in MODELS[name].paddings:
            network = build_for_steps(resolve(name, Nbhd(3, 11, 11), padding), "bfloat16")
            assert network.output.dtype == network.get_layer("score").compute_dtype == "float32"


@pytest.mark.slow
def test_it_learns_what_float32_learns(material):
    """The same batches and weights: losses of an epoch apart by what bfloat16 rounds away."""
    losses = {}
    for how in ("float32", "bfloat16"):
        how_long = "train.epochs=2", "train.steps=10"
        trained = train(material(f"train.precision={how}", *how_long, "train.optimizer=sgd"))
        losses[how] = [epoch.train_loss for epoch in trained.history]
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.02)
    assert losses["bfloat16"] != losses["float32"]


#: Overrides of a small network, by what it is of.
SIZES = {
    "pixel": ["model.blocks=1", "model.filters=4"],
    "squares": ["model.blocks=1", "model.filters=4", "train.grid=16", "train.windows=2"],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_takes_a_step(name, material):
    setting = material(
        f"model={name}", *SIZES[MODELS[name].family], "train.precision=bfloat16", "train.init=null",
    )  # fmt: skip
    network = network_of(setting.config)
    network.run_eagerly = True  # one step is not worth a graph
    before = network.get_weights()
    images, labels, weights = next(epoch_batches(setting, 0)[0]())
    assert np.isfinite(network.train_on_batch(images, labels, sample_weight=weights))
    after = network.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert any(np.any(one != other) for one, other in zip(before, after, strict=True))
