"""Optimisers are what their names say, with the numbers that belong to them."""

import keras
import pytest

from fibsem.config import TrainConfig
from fibsem.training.steps.muon import Muon
from fibsem.training.steps.optimizer import make_optimizer

OPTIMIZERS = {
    "adam": (keras.optimizers.Adam, {}),
    "adamw": (keras.optimizers.AdamW, {"weight_decay": 0.3}),
    "rmsprop": (keras.optimizers.RMSprop, {"momentum": 0.0}),
    "sgd": (keras.optimizers.SGD, {"momentum": 0.7, "nesterov": False}),
    "muon": (Muon, {"momentum": 0.7, "weight_decay": 0.3, "adam_weight_decay": 0.3}),
    "nesterov": (keras.optimizers.SGD, {"momentum": 0.7, "nesterov": True}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_what_its_name_says(name):
    kind, numbers = OPTIMIZERS[name]
    how = TrainConfig(optimizer=name, clip=0.5, momentum=0.7, weight_decay=0.3)
    made = make_optimizer(how.updates, 0.02)
    assert type(made) is kind
    assert float(made.learning_rate) == pytest.approx(0.02)
    assert made.global_clipnorm == 0.5
    assert {key: getattr(made, key) for key in numbers} == numbers
