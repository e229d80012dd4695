"""Free the gradients that TensorFlow registers while tracing a step and would keep for ever.

A ``tf.custom_gradient`` in a traced function is registered under a unique name and holds the whole
graph around it. The step of every Keras optimizer has one, in its sum over replicas: several MiB
per training. It is not needed once the step is traced.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tensorflow.python.framework import ops

#: Prefix of the names that are registered for one graph.
OF_A_GRAPH = "CustomGradient-"


@contextlib.contextmanager
def forgotten() -> Iterator[None]:
    """Remove the gradients that are registered for graphs within this context.

    TensorFlow has no public function for it: its registry only grows.
    """
    registry = ops.gradient_registry._registry
    before = frozenset(registry)
    try:
        yield
    finally:
        for name in registry.keys() - before:
            if name.startswith(OF_A_GRAPH):
                del registry[name]
