"""Trainings in threads of one process."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from fibsem import api


@pytest.mark.slow  # each thread traces its steps for itself
def test_trainings_in_threads_are_what_they_are_one_after_the_other(tiny, new_store, tmp_path):
    uri, artifacts = (line.partition("=")[2] for line in new_store(tmp_path))
    film = api.open_dataset(tiny)
    how = {
        "nbhd": "11x11x1", "model": "2dcnn", "model.filters": 4, "model.blocks": 1,
        "train": {"epochs": 1, "steps": 3}, "tracking": {"uri": uri, "artifacts": artifacts},
    }  # fmt: skip

    def trained(seed, name):
        return api.train(film, seed=seed, output=tmp_path / f"{name}-{seed}", **how).val

    alone = [trained(seed, "alone") for seed in (0, 3)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda seed: trained(seed, "together"), (0, 3)))
    assert together == alone
