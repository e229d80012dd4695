"""Stores of MLflow are given back, whoever works with ours meanwhile."""

import os

import mlflow
import pytest

from fibsem.tracking.lending import VARIABLES, Lending, stores_given_back


@pytest.fixture
def own(tmp_path):
    """The address of somebody's own store, with which MLflow works."""
    with stores_given_back():
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'own.db'}")
        yield mlflow.get_tracking_uri()


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_calls_that_overlap_give_back_what_was_there_before_both(own, tmp_path, first_ends_first):
    """The second one finds the store of the first, and gives back the one before it."""
    variables = {name: os.environ.get(name) for name in VARIABLES}
    lending = Lending()
    for name in "ab":
        lending.borrow()
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path / name}.db")
    if first_ends_first:
        lending.give_back()
        assert mlflow.get_tracking_uri().endswith("b.db")  # in which the other one still works
    else:
        with stores_given_back():
            mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'c.db'}")
        lending.give_back()
    lending.give_back()
    assert mlflow.get_tracking_uri() == own
    assert {name: os.environ.get(name) for name in VARIABLES} == variables
