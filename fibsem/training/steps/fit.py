"""Fit one configuration: optimiser, schedule, early stopping, best weights (thesis 3.7)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras

from fibsem.analysis.estimates import Estimate
from fibsem.models import Model
from fibsem.system.interrupts import uninterrupted
from fibsem.system.pulse import apart, step
from fibsem.training.beginning.fitting import Fit
from fibsem.training.material.feeding import Feed, epoch_batches
from fibsem.training.material.material import Material
from fibsem.training.results import Epoch
from fibsem.training.scoring.estimating import Forward, estimate, estimator
from fibsem.training.scoring.features import fit_features
from fibsem.training.steps import traced
from fibsem.training.steps.checkpoint import Keeping, continuation, restore
from fibsem.training.steps.health import (
    BrokenOffError,
    DivergedError,
    check_alive,
    check_taught,
    is_alive,
)
from fibsem.training.steps.learner import Learner, Weights
from fibsem.training.steps.registered import forgotten
from fibsem.training.steps.seeding import seed_networks
from fibsem.training.steps.state import TrainingState, seconds_of

#: Share of the training, and number of steps, after which a network that has learned nothing is
#: given up.
WATCHED, UNTAUGHT = 0.2, 50
#: Offset of the seed with which a training is restarted.
RESTART_SEED = 7919


@dataclass(frozen=True)
class Trained:
    """A trained model, with the weights of the best epoch, and its history.

    ``parameters`` is the number of trainable parameters, or of nodes of a forest. ``restart`` is
    the number of epochs after which the training was restarted at a smaller learning rate, or None.
    ``fit`` tells how much of the model was initialised from another one. ``lost_s`` are the seconds
    of epochs that diverged and have no metrics, and ``lost`` counts those that were not repeated.
    """

    model: Model
    history: tuple[Epoch, ...]
    best: Epoch
    parameters: int
    restart: int | None = None
    fit: Fit | None = None
    lost_s: float = 0.0
    lost: int = 0

    @property
    def seconds(self) -> float:
        """Time of training and validation, over all starts."""
        return self.lost_s + seconds_of(self.history)


@uninterrupted()
@forgotten()
def train(
    material: Material,
    *,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    learner: Learner | None = None,
    left_s: Callable[[], float | None] | None = None,
) -> Trained:
    """Train the model of ``material.config`` on its training pixels.

    Parameters
    ----------
    material
        Dataset and configuration.
    checkpoint
        File for the state, saved after the first and the last epoch and every few seconds between;
        an epoch in which ``on_epoch`` raises is the last. An existing file is resumed from.
    on_epoch
        Called with the metrics of every epoch, including those before a resumption.
    learner
        Learner of this configuration to reuse; it is reset. It may have its steps traced already,
        or a distribution strategy other than that of all accelerators of the machine.
    left_s
        Returns the seconds that are left for epochs, or None. If ``train.max_seconds`` would end
        later, the training ends with them: what an earlier start lost to a kill is in neither the
        checkpoint nor that limit.

    Raises
    ------
    DivergedError
        If a loss is not finite or the network has learned nothing, unless with ``train.restart`` a
        second start or the epochs before give a usable network.
    UserError
        If the checkpoint is of another training.

    Examples
    --------
    ```python
    config = Configuration(compose("train", ["data=demo", "train.epochs=5"])).run
    material = Material(obtain(config.data, config.split), config)
    trained = train(material, on_epoch=lambda epoch: print(epoch.val["loss"]))
    trained.model, trained.parameters, trained.history[-1].seconds
    ```
    """
    config = material.config
    apart()  # the first batch compiles
    if not config.spec.is_network:
        return _fit_features(material, on_epoch)
    epochs_s = left_s() if left_s else None  # building the networks has time of its own
    is_new = learner is None
    computed = traced.Computation(config.spec, config.train.updates, material.step_shape)
    if learner is None:
        steps = traced.take(computed)
        if steps is None:
            keras.utils.set_random_seed(config.seed)  # Keras frees earlier networks
        else:
            seed_networks(config.seed)
        learner = Learner.of(config, steps=steps)
    else:
        seed_networks(config.seed)
        learner.begin(config.spec, config.seed)
    state, score = TrainingState.of(config.train), estimator(material, "val")
    keeping = Keeping(learner, state, checkpoint, continuation(material.identity))
    if checkpoint is not None and checkpoint.is_file():
        restore(learner, state, checkpoint, keeping.identity)
    state.limit(epochs_s)
    for epoch in state.history if on_epoch else ():
        on_epoch(epoch)  # type: ignore[misc]
    for epoch in _epochs(learner, material, score, state):
        with keeping.after_epoch():
            if on_epoch:
                on_epoch(epoch)
    if state.cut_off:
        print(state.cut_off)
    trained = _best_of(learner, state, score)
    if is_new:
        traced.leave(computed, learner)
    return trained


def _best_of(
    learner: Learner, state: TrainingState, score: Callable[[Forward], Estimate]
) -> Trained:
    """Return the network of the best epoch; raise DivergedError if it has learned nothing."""
    model = learner.scored
    model.set_weights(state.best_weights)
    check_alive(*score(learner.forward).alike)
    state.say_kept()
    history, best = tuple(state.history), state.history[state.best]
    parameters = sum(math.prod(weight.shape) for weight in model.trainable_variables)
    return Trained(
        model, history, best, parameters, state.restart, learner.fit, state.lost_s, state.lost
    )


def _fit_features(material: Material, on_epoch: Callable[[Epoch], None] | None) -> Trained:
    """Fit a model that is not a network in one pass, which is reported as one epoch."""
    started = time.perf_counter()
    model = fit_features(material)
    fitted = time.perf_counter()
    train_loss = estimate(material, model, "train").balanced["loss"]
    scores = estimate(material, model, "val")
    check_alive(*scores.alike)
    val_all = scores.natural if material.config.train.estimates_all else {}
    epoch = Epoch(
        0, 0.0, train_loss, scores.balanced, fitted - started, time.perf_counter() - fitted, val_all
    )
    if on_epoch:
        on_epoch(epoch)
    return Trained(model, (epoch,), epoch, getattr(model, "parameters", 0))


def _epochs(
    learner: Learner, material: Material, score: Callable[[Forward], Estimate], state: TrainingState
) -> Iterator[Epoch]:
    """Train to the end and yield each epoch; a network that diverges is replaced once."""
    feed = Feed()
    while not state.ended:
        started = time.perf_counter()
        try:
            epoch = _one_epoch(learner, material, score, state, feed)
        except DivergedError as error:
            if state.best_weights and not _lives(learner, score, state.best_weights):
                state.forget()
            state.begin_again(error, time.perf_counter() - started)
            learner.begin(material.config.spec, material.config.seed + RESTART_SEED)
            continue
        state.take(epoch, learner.scored.get_weights)
        yield epoch


def _lives(learner: Learner, score: Callable[[Forward], Estimate], weights: Weights) -> bool:
    """Whether a network with these weights has learned something."""
    learner.scored.set_weights(weights)
    return is_alive(*score(learner.forward).alike)


def _one_epoch(
    learner: Learner, material: Material, score: Callable[[Forward], Estimate],
    state: TrainingState, feed: Feed,
) -> Epoch:  # fmt: skip
    """Train for one epoch, then score the averaged weights."""
    started, epoch = time.perf_counter(), len(state.history)
    batches, steps = epoch_batches(material, epoch)
    rate, end = state.rate(steps), EndOfEpoch(started + state.left_s)
    loss = learner.steps.fit(
        feed.of(batches), steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False,
        callbacks=[rate, AfterStep(learner), end],
    )  # fmt: skip
    train_loss = float(loss.history["loss"][0])
    if not math.isfinite(train_loss):
        raise BrokenOffError(f"the training loss is {train_loss} in epoch {epoch + 1}")
    learner.settle(batches(as_scored=True))
    trained = time.perf_counter()
    scores = score(learner.forward)
    val_all = scores.natural if material.config.train.estimates_all else {}
    val = scores.balanced
    if not math.isfinite(val["loss"]):
        raise DivergedError(f"the validation loss is {val['loss']} in epoch {epoch + 1}")
    ended = time.perf_counter()
    done = state.schedule.done(epoch + 1, state.seconds + ended - started)
    watched = state.may_restart and state.restart is None and done >= WATCHED
    if watched and epoch * steps + end.steps >= UNTAUGHT:
        check_alive(*scores.alike)
        check_taught([*(past.val["loss"] for past in state.history), val["loss"]], val["accuracy"])
    return Epoch(
        epoch, rate.last, train_loss, val, trained - started, ended - trained, val_all,
        steps=end.steps, cut=end.steps < steps,
    )  # fmt: skip


class AfterStep(keras.callbacks.Callback):
    """Keras callback that averages the weights after each step and allows interrupts."""

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.learner = learner

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Update the weight average after a step, and let a pending interrupt through."""
        self.learner.update()
        step()


class EndOfEpoch(keras.callbacks.Callback):
    """Keras callback that ends an epoch at a given time, or if its mean loss is not finite.

    Parameters
    ----------
    until
        Time after which no further step begins, by ``time.perf_counter``.

    Attributes
    ----------
    steps
        Number of steps so far.
    """

    def __init__(self, until: float) -> None:
        super().__init__()
        self.until, self.steps = until, 0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """End the epoch after this step if there is a reason to."""
        self.steps += 1
        loss = (logs or {}).get("loss", 0.0)  # a number: Keras waited for it
        if not math.isfinite(loss) or time.perf_counter() >= self.until:
            self.model.stop_training = True
