"""Gradients that TensorFlow registers while a step is traced, and would keep for ever.

A ``tf.custom_gradient`` in a traced function is registered under a name of its own, and holds the
whole graph around it: the step of every Keras optimizer has one, in its sum over replicas. That is
several MiB for each training. Nobody asks for it again once the step is traced.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tensorflow.python.framework import ops

#: What names begin with that are registered for one graph.
OF_A_GRAPH = "CustomGradient-"


@contextlib.contextmanager
def forgotten() -> Iterator[None]:
    """Forget the gradients that are registered for graphs in this block.

    TensorFlow has no public way: its registry only ever grows.
    """
    registry = ops.gradient_registry._registry
    before = frozenset(registry)
    try:
        yield
    finally:
        for name in registry.keys() - before:
            if name.startswith(OF_A_GRAPH):
                del registry[name]
