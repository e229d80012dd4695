"""What a training says of its scores."""

from pathlib import Path

import pytest

from fibsem.api.training import TrainResult
from fibsem.training.results import Epoch
from fibsem.training.summary import TrainingSummary

BALANCED = {"miou": 0.9352, "accuracy": 0.9665, "loss": 0.092}


@pytest.mark.parametrize(
    ("val_all", "said"),
    [
        (None, "validation mIoU 0.9352 on balanced pixels (accuracy 0.9665, loss 0.0920), after 4"),
        ({"miou": 0.8533}, "validation mIoU 0.8533 of the labelled pixels, 0.9352 on balanced"),
        ({"miou": 0.8533, "miou_se": 0.0396}, "validation mIoU 0.8533 ± 0.0396 of the labelled"),
    ],
    ids=["alone", "labelled", "with its standard error"],
)
def test_a_rare_class_is_not_judged_by_balanced_pixels_alone(val_all, said):
    """Of a film with 4.5 % mitochondria mIoU was told to be 0.9352, and is 0.85."""
    epochs = tuple(Epoch(k, 0.01, 0.5, BALANCED, 1.0, 0.1) for k in range(4))
    summary = TrainingSummary(
        run_id="a", val=BALANCED, history=epochs, best_epoch=3, train_seconds=4.0, parameters=1,
        field=1, cost={}, val_all=val_all, seconds=5.0,
    )  # fmt: skip
    assert str(TrainResult(summary, Path("outputs/mine"))).startswith(said)
