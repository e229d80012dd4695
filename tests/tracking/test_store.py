"""A store is the one that an address means where it is used."""

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
