"""Trainings on the tiny phantom that take about a second."""

import pytest

from fibsem.config import RunConfig, compose
from fibsem.learning.datasets import obtain
from fibsem.learning.material import Material

SMALL = [
    "nbhd=11x11x3", "model.blocks=1", "model.filters=4", "train.share=0.02", "train.epochs=3",
    "train.steps=4",
]  # fmt: skip


@pytest.fixture(scope="session")
def small(tiny):
    """Overrides of a training that takes about a second."""
    return [f"data.path={tiny}", "data.name=tiny", *SMALL]


@pytest.fixture(scope="session")
def material(small):
    """Function (*overrides) -> Material of a small training on the tiny phantom."""

    def make(*overrides):
        config = RunConfig.of(compose("train", [*small, *overrides]))
        return Material.of(obtain(config.data, config.split), config)

    return make
