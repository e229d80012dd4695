"""Reuse the traced step of the previous training if the next one computes the same.

Tracing a step takes TensorFlow a second, for a large network half a minute. The graph depends on
what is computed, but not on seed, learning rate or data. Consecutive trainings of one network, such
as several seeds or a sweep of learning rates, therefore share it; all values are reset.
"""

from __future__ import annotations

from dataclasses import asdict

import keras
import tensorflow as tf

from fibsem.config.training import STRENGTHS
from fibsem.training.material.material import Material
from fibsem.training.steps.learner import Learner

#: Settings of ``train`` that the graph of a step does not depend on: data, learning rate, length
#: and stopping.
OUTSIDE = frozenset({
    "share", "epochs", "patience", "learning_rate", "average", "schedule", "decay", "decay_every",
    "min_learning_rate", "warmup", "steps", "min_steps", "frame", "rare_windows", "max_seconds",
    "keep", "validation", "augment", "shift_sd", "shift_probability", "restart", "init", "teacher",
    "teacher_share", "val_all", "test",
    *STRENGTHS,
})  # fmt: skip

#: At most one pair of what a step computes and its network. Taking it removes it from the list.
_former: list[tuple[dict[str, object], keras.Model]] = []


def take(material: Material) -> keras.Model | None:
    """Take the network of the previous training; None if its steps differ or there is none.

    In either case the network is no longer held here.
    """
    if not _former:
        return None
    computed, network = _former.pop()
    return network if computed == _computed(material) else None


def leave(material: Material, learner: Learner) -> None:
    """Keep the network of a finished training for the next one."""
    if learner.strategy is tf.distribute.get_strategy():  # others distribute the network
        _former[:] = [(_computed(material), learner.steps)]


def _computed(material: Material) -> dict[str, object]:
    """Return everything that the graph of a step depends on, including the shape of batches."""
    settings = asdict(material.config.train)
    inside = {key: value for key, value in settings.items() if key not in OUTSIDE}
    shape = material.grid if material.config.train.mode == "grid" else None
    return {**inside, "spec": material.config.spec, "shape": shape}
