"""A store is the one that an address means where it is used."""

import pytest

from fibsem.config import TrackingConfig
from fibsem.errors import UserError
from fibsem.tracking.runs import Tracking
from fibsem.tracking.store import client_of


def test_a_relative_address_is_of_the_folder_that_a_process_works_in(
    new_store, tmp_path, monkeypatch
):
    """A notebook that changes its folder is not given the store of the one before."""
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        new_store(folder)
        monkeypatch.chdir(folder)
        client = client_of("sqlite:///ml.db")
        client.create_experiment(name)
        found = {experiment.name for experiment in client.search_experiments()}
        assert found == {"Default", name}


@pytest.mark.parametrize(
    "address",
    ["mysql://me:secret@127.0.0.1:9/x", "nosuch://me:secret@host/x", "http://127.0.0.1:9]'"],
)
def test_an_address_that_nobody_understands_is_said_in_one_line(address):
    with pytest.raises(
        UserError, match=r"must be a reachable MLflow store, but .* answers"
    ) as said:
        Tracking.open(TrackingConfig(address), "film")
    assert "secret" not in str(said.value)
