"""The network that the training before made its steps with: traced once for all like it.

TensorFlow builds the graph of a step for a second, of a large network for half a minute, and asks
only what is computed, not with which seed, rate or data. So trainings of one network after
another, as of several seeds or of a sweep of rates, take over its graph; their values begin anew.
"""

from __future__ import annotations

from dataclasses import asdict

import keras
import tensorflow as tf

from fibsem.config.training import STRENGTHS
from fibsem.training.material.material import Material
from fibsem.training.steps.learner import Learner

#: Settings of ``train`` that a step's graph does not hold: its data, rate, length and end.
OUTSIDE = frozenset({
    "share", "epochs", "patience", "learning_rate", "average", "schedule", "decay", "decay_every",
    "min_learning_rate", "warmup", "steps", "min_steps", "frame", "rare_windows", "max_seconds",
    "keep", "validation", "augment", "shift_sd", "shift_probability", "restart", "init", "teacher",
    "teacher_share", "val_all", "test",
    *STRENGTHS,
})  # fmt: skip

#: At most one: what a step of it computes, and the network. Whoever takes it has it alone.
_former: list[tuple[dict[str, object], keras.Model]] = []


def take(material: Material) -> keras.Model | None:
    """The network of the training before, if this one's steps are the same; else it is let go."""
    if not _former:
        return None
    computed, network = _former.pop()
    return network if computed == _computed(material) else None


def leave(material: Material, learner: Learner) -> None:
    """Leave the network of a training that has ended to the next one."""
    if learner.strategy is tf.distribute.get_strategy():  # others spread it in their own way
        _former[:] = [(_computed(material), learner.steps)]


def _computed(material: Material) -> dict[str, object]:
    """What the graph of a step depends on, shapes of its batches included."""
    settings = asdict(material.config.train)
    inside = {key: value for key, value in settings.items() if key not in OUTSIDE}
    shape = material.grid if material.config.train.mode == "grid" else None
    return {**inside, "spec": material.config.spec, "shape": shape}
