"""Averaged weights, and running statistics of theirs; the two forms of a network that learns."""

import keras
import numpy as np
import pytest

from fibsem.inference.model.predict import compiled
from fibsem.training.material.feeding import as_dataset, epoch_batches
from fibsem.training.planning import probing
from fibsem.training.planning.probing import probe
from fibsem.training.steps.fit import train
from fibsem.training.steps.learner import BATCHES, Learner, Statistics


def small_model():
    """One weight whose gradient is one: every step of SGD moves it by the learning rate."""
    window = keras.Input((1,))
    out = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(window)
    model = keras.Model(window, out)
    model.compile(keras.optimizers.SGD(1.0), loss=lambda y, p: p)
    return model


def step(learner):
    learner.steps.train_on_batch(np.ones((1, 1), "f4"), np.zeros((1, 1), "f4"))
    learner.update()


def weight(model):
    return model.get_weights()[0].item()


def test_an_average_weighs_steps_by_hand():
    learner, expected = Learner(small_model(), small_model(), 0.8), 0.0
    for k in range(1, 51):
        step(learner)
        share = max(1 - 0.8, 9 / (k + 8))
        expected += share * (-k - expected)
    learner.settle([])
    assert weight(learner.scored) == pytest.approx(expected, rel=1e-5)
    assert weight(learner.steps) == -50


def test_without_an_average_the_weights_themselves_are_scored():
    learner = Learner(small_model(), small_model(), 0.0)
    step(learner)
    learner.settle([])
    assert weight(learner.scored) == weight(learner.steps) == -1


def test_steps_are_traced_once(material):
    """Python goes through a step when TensorFlow traces it, and not again."""
    setting = material("train.steps=3")
    learner, traced = Learner.of(setting.config), []
    train_step = learner.steps.train_step
    learner.steps.train_step = lambda data: traced.append(1) or train_step(data)
    for epoch in range(2):
        batches, steps = epoch_batches(setting, epoch)
        learner.steps.fit(as_dataset(batches), steps_per_epoch=steps, verbose=0, shuffle=False)
    assert len(traced) == 1


def test_statistics_are_those_of_the_weights_that_are_there():
    """By NumPy: mean and variance of all that the first batches give a normalisation."""
    window = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(2, 1, name="conv")(window)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Conv2D(2, 1)(keras.layers.Activation("relu")(x))
    model = keras.Model(window, keras.layers.BatchNormalization(name="deeper")(x))
    rng = np.random.default_rng(0)
    batches = [(rng.normal(2, 3, (4, 5, 6, 1)).astype("f4"),) for _ in range(BATCHES + 3)]
    Statistics(model).set_from(iter(batches))
    conv, norm = model.get_layer("conv"), model.get_layer("norm")
    seen = np.concatenate([conv(images).numpy() for (images,) in batches[:BATCHES]])
    np.testing.assert_allclose(norm.moving_mean, seen.mean((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, seen.var((0, 1, 2)), rtol=1e-4)
    assert np.ptp(np.asarray(model.get_layer("deeper").moving_variance)) > 0


def test_statistics_are_of_what_scores_are_made_with_and_that_is_without_dropout(material):
    """Those of the same weights in a network that has none."""
    small = "model=unet", "model.blocks=1", "model.filters=2", "train.grid=16"
    plain, dropping = material(*small), material(*small, "model.spatial_dropout=0.3")
    batches = list(epoch_batches(plain, 0)[0](as_scored=True))
    without, having = (Learner.of(one.config) for one in (plain, dropping))
    having.steps.set_weights(without.steps.get_weights())
    for learner in (without, having):
        learner.level()
        learner.settle(batches)
    for one, other in zip(
        having.scored.get_weights(), without.scored.get_weights(), strict=True
    ):  # fmt: skip
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", ["triplanar", "unet"])
def test_dropout_moves_no_weights_of_one_network_against_the_other(material, model):
    """Keras orders layers by their depth, and the paths of a triplanar one have several."""
    setting = material(f"model={model}", "nbhd=33x33x5", "model.spatial_dropout=0.2")
    learner = Learner.of(setting.config)
    scored, steps = (
        [weights.path for weights in network.trainable_variables]
        for network in (learner.scored, learner.steps)
    )
    assert scored == steps


def test_a_network_is_kept_as_it_was_scored(material):
    """With its averages and their statistics, after the last epoch too."""
    from fibsem.analysis.metrics import balanced_scores
    from fibsem.inference.model.predict import SampleScorer

    setting = material(
        "model=unet",
        "model.blocks=1",
        "model.filters=2",
        "train.grid=16",
        "train.windows=2",
        "train.optimizer=sgd",
        "train.epochs=2",
        "train.validation=lattice",
    )
    trained = train(setting)
    norms = [layer for layer in trained.model.layers if layer.name.endswith("_norm")]
    measured = sum(2 * layer.gamma.shape[0] for layer in norms)
    assert measured  # running statistics, which a normalisation measures and nobody learns
    assert trained.parameters == trained.model.count_params() - measured
    scorer = SampleScorer(setting.config.spec, setting.val, setting.fixed("val").balanced)
    again = balanced_scores(scorer.balanced.pixels.label, scorer.scores(compiled(trained.model)))
    assert again["loss"] == pytest.approx(trained.best.val["loss"], abs=1e-5)


def test_a_learner_that_begins_again_is_a_new_one_of_that_seed(material):
    setting = material("model=unet", "model.blocks=1", "model.filters=2", "train.grid=16")
    config = setting.config
    learner = Learner.of(config)
    learner.steps.run_eagerly = True  # one step is not worth a graph
    train_once = next(epoch_batches(setting, 0)[0]())
    learner.steps.train_on_batch(train_once[0], train_once[1], sample_weight=train_once[2])
    learner.begin(config.spec, 7)
    keras.utils.set_random_seed(7)
    fresh = Learner.of(config)
    for one, other in zip(
        [*learner.steps.get_weights(), *learner.scored.get_weights()],
        [*fresh.steps.get_weights(), *fresh.scored.get_weights()],
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    assert all(not np.any(np.asarray(v)) for v in learner.steps.optimizer.variables)


@pytest.mark.slow
def test_a_learner_that_was_timed_trains_as_a_new_one(material, monkeypatch):
    """So that a command that repeats a plan, and times nothing, has the same result."""
    monkeypatch.setattr(probing, "TIMED_S", (0.1, 0.1))
    setting = material("train.steps=3", "train.epochs=1")
    assert setting.config.spec.hyperparameters["dropout"] > 0
    assert setting.config.train.average > 0
    learner = Learner.of(setting.config)
    probe(setting, 1.0, learner)
    timed, new = train(setting, learner=learner), train(setting)
    assert timed.best.val == new.best.val
    for one, other in zip(timed.model.get_weights(), new.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
