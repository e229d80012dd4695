"""The ledger of an output folder: whose it is, and where it cannot be."""

import pytest

from fibsem.errors import UserError
from fibsem.inference.ledger import Ledger


@pytest.mark.parametrize("place", ["labels.tif", "labels.tif/out"])
def test_an_output_that_cannot_be_a_folder_is_refused_in_one_line(tmp_path, place):
    (tmp_path / "labels.tif").touch()
    with pytest.raises(
        UserError, match="`output` must be a folder that can be written to"
    ) as caught:
        Ledger.open(tmp_path / place, {}, 4, overwrite=False)
    assert str(tmp_path / place) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_output_that_is_not_ours_to_write_is_refused_in_one_line(tmp_path, monkeypatch):
    def refuse(path, record):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("fibsem.inference.ledger.write_json", refuse)
    with pytest.raises(UserError, match=r"can be written to, but .* is not \(Permission denied\)"):
        Ledger.open(tmp_path, {}, 4, overwrite=False)
