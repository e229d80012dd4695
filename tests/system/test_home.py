"""Paths as people type them."""

import pytest

from fibsem.config.reading import read_path
from fibsem.errors import UserError
from fibsem.system.home import home_path


@pytest.mark.parametrize("typed", [r"D:\films\a", "D:/films/a", "D:filmsa"])
def test_a_path_of_windows_is_refused_with_the_one_of_wsl(typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="in WSL drive D: is /mnt/d, with / between the folders"):
        read_path(typed, "output")
    (tmp_path / "D:").mkdir()
    assert home_path("D:").is_dir()


def test_what_looks_like_a_drive_inside_of_a_name_is_a_name():
    for name in ("day:1", "a/C:/b", "~"):
        assert str(home_path(name)) == name
