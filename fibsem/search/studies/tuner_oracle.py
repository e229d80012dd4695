"""Make oracles of Keras-Tuner for a space and a sampler, and read their draws."""

from __future__ import annotations

import warnings

import keras_tuner
from keras_tuner.engine.trial import Trial
from sklearn.exceptions import ConvergenceWarning

from fibsem.search.space.space import Choice, Range, Space, Values
from fibsem.training.scoring.objectives import Objective


def draw(oracle: keras_tuner.engine.oracle.Oracle, tuner_id: str) -> Trial:
    """Ask an oracle for a trial.

    The Gaussian process of ``bayesian`` warns if few trials leave its length scales at a bound. The
    warning is suppressed, since further trials resolve this.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return oracle.create_trial(tuner_id)


def make_oracle(
    name: str, space: Space, goal: Objective, seed: int, startup: int, longest: int
) -> keras_tuner.engine.oracle.Oracle:
    """Make the oracle of a sampler, without a limit on trials, since slots are the budget.

    Parameters
    ----------
    name, space, goal, seed
        Name of the sampler, what it draws from, its objective, and the seed of its draws.
    startup
        Number of random trials that ``bayesian`` begins with.
    longest
        Epochs of the longest trainings of ``hyperband``.
    """
    objective = keras_tuner.Objective(goal.key, "min" if goal.direction == "minimize" else "max")
    common = {
        "objective": objective,
        "hyperparameters": _hyperparameters(space),
        "allow_new_entries": False,
        "tune_new_entries": False,
        "seed": seed,
        "max_retries_per_trial": 0,
        "max_consecutive_failed_trials": 1_000_000,
    }
    if name == "hyperband":
        return keras_tuner.oracles.HyperbandOracle(
            max_epochs=longest, factor=3, hyperband_iterations=1000, **common
        )
    limit = 1_000_000  # slots limit the trials
    if name == "bayesian":
        return keras_tuner.oracles.BayesianOptimizationOracle(
            max_trials=limit, num_initial_points=startup, **common
        )
    return keras_tuner.oracles.RandomSearchOracle(max_trials=limit, **common)


def _hyperparameters(space: Space) -> keras_tuner.HyperParameters:
    """Translate a space for Keras-Tuner, with choices by position so that they have any type."""
    hp = keras_tuner.HyperParameters()
    for key, axis in space.axes.items():
        if isinstance(axis, Choice):
            hp.Int(key, 0, len(axis.values) - 1)
        elif isinstance(axis, Range) and axis.integer:
            hp.Int(key, int(axis.low), int(axis.high), sampling="log" if axis.log else "linear")
        else:
            hp.Float(key, axis.low, axis.high, sampling="log" if axis.log else "linear")
    return hp


def values_of(space: Space, drawn: Values) -> Values:
    """Return the hyperparameters of existing axes, with epochs if Hyperband sets them."""
    values: Values = {}
    for key, axis in space.axes.items():
        if space.exists(key, values):
            value = drawn[key]
            values[key] = axis.values[int(value)] if isinstance(axis, Choice) else value
    if "tuner/epochs" in drawn:
        values["train.epochs"] = int(drawn["tuner/epochs"])
    return values
