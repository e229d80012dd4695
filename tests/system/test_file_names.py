"""Every name is a file of its own, in the folder that is meant."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fibsem.system.file_names import FILES, file_name, name_of, part_name, subfolder_of

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("name", ["HPC22", "phantom", "film_1-b", "Größe (2), a=b", "日本 #3 'x'"])
def test_what_every_file_system_takes_stays(name):
    assert file_name(name) == name


@given(NAMES)
@example("..")
@example("a/../../b")
@example("%41")
@example("ü" * 260)
@example(" ")
def test_a_name_is_one_file_and_can_be_read_back(name):
    encoded = file_name(name)
    assert Path(encoded).name == encoded
    assert encoded not in ("", ".", "..")
    assert len(encoded.encode()) <= FILES.longest
    if FILES.cut in encoded:
        assert len(name.encode()) > FILES.longest / 4
    else:
        assert name_of(encoded) == name


@given(NAMES, NAMES)
@example("x" * 300, "x" * 301)
@example("a/b", "a%2Fb")
def test_different_names_are_different_files(one, other):
    assert (file_name(one) == file_name(other)) == (one == other)


@pytest.mark.parametrize("name", ["CON", "nul", "aux.tif", "COM1", "lpt9.a.b", "Prn .x", "com³"])
def test_no_file_has_the_name_of_a_device(name, tmp_path):
    """Windows opens the device in its place, in whatever folder."""
    assert file_name(name) == f"%{ord(name[0]):X}{name[1:]}"
    assert name_of(file_name(name)) == name
    assert file_name(f"{name}x".replace(".", "")) == f"{name}x".replace(".", "")
    assert part_name(name) == name
    assert subfolder_of(tmp_path, name) == tmp_path / file_name(name)
    (tmp_path / name).mkdir()  # by a version before, which is found
    assert subfolder_of(tmp_path, name) == tmp_path / name


def test_the_file_can_be_made(tmp_path):
    names = ["..", "/etc/passwd", "x" * 260, "a\\b", "\x00", "~root", "con.", "a%2Fb"]
    for name in names:
        (tmp_path / file_name(name)).mkdir()
    assert len(list(tmp_path.iterdir())) == len(names)
