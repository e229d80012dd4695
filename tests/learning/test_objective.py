"""Why a trial failed, in words a user can use."""

import pytest

from fibsem.errors import UserError
from fibsem.learning.objective import reason_of
from fibsem.learning.training import DivergedError


def exhausted():
    """What TensorFlow raises where memory runs out, from TensorFlow itself."""
    import tensorflow as tf

    return tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (exhausted, "out of memory"),
        (lambda: MemoryError("8 GiB"), "out of memory"),
        (
            lambda: DivergedError("the training loss is nan in epoch 3"),
            "diverged: the training loss",
        ),
        (lambda: UserError("`model.blocks` must lie in 1..3"), "impossible"),
        (lambda: ZeroDivisionError("division by zero"), "ZeroDivisionError"),
    ],
)
def test_reasons(make, reason):
    said = reason_of(make())
    assert reason in said
    assert "\n" not in said
