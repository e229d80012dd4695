"""Why a trial failed, in words a user can use; and an interrupt is no failure."""

import pytest

from fibsem.config import TrackingConfig
from fibsem.errors import UserError
from fibsem.tracking.runs import Tracking
from fibsem.training.fit import DivergedError
from fibsem.training.run import Job, reason_of, run_job


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


def test_an_interrupt_is_not_lost_where_the_store_is(material, tmp_path):
    database = tmp_path / "ml.db"
    config = TrackingConfig(uri=f"sqlite:///{database}", artifacts=str(tmp_path / "artifacts"))
    tracking = Tracking.open(config, "any")

    def interrupted(_):
        database.unlink()
        raise KeyboardInterrupt

    job = Job(tree={}, folder=tmp_path / "trial", name="a trial", tags={}, params={})
    with pytest.raises(KeyboardInterrupt):
        run_job(job, material("train.epochs=2"), tracking, interrupted)
