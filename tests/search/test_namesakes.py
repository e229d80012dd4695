"""Sweeps of one name in one store, as of folders called alike: all are taken, which is said."""

from fibsem.config import Configuration, RankConfig, compose
from fibsem.promotion.trials import best_trials
from fibsem.tracking.runs import Tracking
from fibsem.training.material.datasets import obtain
from tests.search.test_constraints import read_store


def test_trials_of_all_sweeps_of_a_name_are_taken_and_it_is_said(run_thresholds, capsys):
    """Chosen by the loss, as they searched for different figures."""
    for folder, objective in (("one/twins", "val_all/miou"), ("two/twins", "val/miou")):
        run_thresholds(f"search.objectives=[{objective}]", trials=1, folder=folder)
    config = Configuration(compose("sweep", run_thresholds.always)).run
    dataset = obtain(config.data, config.split)
    tracking = Tracking.open(read_store(run_thresholds), dataset.name)
    capsys.readouterr()
    best, *_ = best_trials(tracking, dataset, RankConfig(k=2), ["twins"])
    assert (
        "2 sweeps are called twins, and trials of all of them are taken" in capsys.readouterr().out
    )
    assert best.goal.key == "val/loss"
