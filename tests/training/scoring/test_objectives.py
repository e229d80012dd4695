"""What a sweep makes small or large."""

import pytest

from fibsem.config.search import of_epochs
from fibsem.errors import UserError
from fibsem.training.results import Epoch
from fibsem.training.scoring.objectives import OBJECTIVES, Objective

RECORD = {
    "val": {"loss": 0.4, "miou": 0.7, "accuracy": 0.8},
    "val_all": {"miou": 0.6, "porosity": 0.25, "label_porosity": 0.25, "porosity_error": 0.05},
    "cost": {"seconds_per_gigapixel": 900.0},
}


def epoch_of(val_all):
    return Epoch(0, 0.01, 0.5, RECORD["val"], 1.0, 0.1, val_all)


@pytest.mark.parametrize(
    ("key", "value", "cost"),
    [
        ("val/loss", 0.4, 0.4),
        ("val/miou", 0.7, -0.7),
        ("val/accuracy", 0.8, -0.8),
        ("val_all/miou", 0.6, -0.6),
        ("val_all/porosity_bias", 0.05, 0.05),
        ("cost/seconds_per_gigapixel", 900.0, 900.0),
    ],
)
def test_every_objective_is_found_and_has_its_direction(key, value, cost):
    """Errors, losses and times shall be small, overlaps and accuracies large."""
    objective = Objective.named(key)
    metrics = {f"{group}/{name}": v for group, some in RECORD.items() for name, v in some.items()}
    assert objective.of(RECORD) == pytest.approx(value)
    assert objective.of_metrics(metrics) == pytest.approx(value)
    assert objective.of_metrics(dict.fromkeys(metrics, float("nan"))) is None
    assert objective.cost(objective.of(RECORD)) == pytest.approx(cost)
    assert set(OBJECTIVES.values()) == {"minimize", "maximize"}


@pytest.mark.parametrize("key", OBJECTIVES)
def test_what_unfinished_trainings_are_compared_by(key):
    """Figures of their epochs, where there are any."""
    goal = Objective.named(key)
    assert of_epochs(key, estimates_all=True) != key.startswith("cost/")
    assert of_epochs(key, estimates_all=False) == key.startswith("val/")
    if of_epochs(key, estimates_all=True):
        assert goal.of_epoch(epoch_of(RECORD["val_all"])) == pytest.approx(goal.of(RECORD))
    if not of_epochs(key, estimates_all=False):
        with pytest.raises(UserError, match=r"needs (val_all|cost) figures"):
            goal.of_epoch(epoch_of({}))


def test_the_bias_of_porosity_in_results_of_before_is_that_of_all_films_together():
    older = {"porosity": 0.2, "label_porosity": 0.3}
    assert Objective.named("val_all/porosity_bias").of({"val_all": older}) == pytest.approx(0.1)


def test_what_a_training_did_not_measure_is_said():
    with pytest.raises(UserError, match=r"train\.val_all=true"):
        Objective.named("val_all/miou").of({**RECORD, "val_all": None})
    assert Objective.named("val_all/miou").of_metrics({"val/miou": 0.7}) is None
    with pytest.raises(UserError, match=r"must be among val/loss.*but got val/iou"):
        Objective.named("val/iou")
