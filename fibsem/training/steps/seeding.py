"""Seed the initial weights and dropout of networks without losing compiled steps."""

from __future__ import annotations

import random

import numpy as np


def seed_networks(seed: int) -> None:
    """Reset the generator of Python, from which Keras draws the seeds of layers, and NumPy's.

    Networks built afterwards are equal to those built after ``keras.utils.set_random_seed``. That
    function also sets TensorFlow's global seed, which nothing here depends on. TensorFlow then
    discards every function that it has prepared for execution: the next step of a network whose
    steps are traced takes more than a second longer. Otherwise that is welcome, since the functions
    of former networks take memory.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
