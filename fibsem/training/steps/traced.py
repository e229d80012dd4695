"""Reuse the traced step of the previous training if the next one computes the same.

Tracing a step takes TensorFlow a second, for a large network half a minute. The graph depends on
what is computed, but not on seed, learning rate or data. Consecutive trainings of one network, such
as several seeds or a sweep of learning rates, therefore share it; all values are reset.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import tensorflow as tf

from fibsem.config.updates import Updates
from fibsem.models.spec import ModelSpec
from fibsem.training.steps.learner import Learner


@dataclass(frozen=True)
class Computation:
    """What a step computes: everything that its graph depends on.

    Attributes
    ----------
    spec, updates
        What :func:`~fibsem.training.steps.learner.compiled_for_steps` makes the network of.
    shape
        Windows of a batch, and their height and width.
    """

    spec: ModelSpec
    updates: Updates
    shape: tuple[int, int, int]


#: At most one pair of a computation and its network. Taking it removes it from the list.
_former: list[tuple[Computation, keras.Model]] = []


def take(computation: Computation) -> keras.Model | None:
    """Take the network of the previous training; None if its steps differ or there is none.

    In either case the network is no longer held here.
    """
    if not _former:
        return None
    former, network = _former.pop()
    return network if former == computation else None


def leave(computation: Computation, learner: Learner) -> None:
    """Keep the network of a finished training for the next one."""
    if learner.strategy is tf.distribute.get_strategy():  # others distribute the network
        _former[:] = [(computation, learner.steps)]
