"""Texts in YAML stay as they are written; all else is what YAML says."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fibsem.data.dataset.as_written import read_yaml

WRITTEN = [
    "2024_01_15", "2024-01-15", "20240301", "007", "12.50", "1e3", "1_000", "0x10", "yes", "no",
    "on", "true", "~", ".nan", "12:30:45", "Größe", "HPC 30 % (2)", "a=b", "2024-13-45", "1.2.3",
    "=",
]  # fmt: skip


@pytest.mark.parametrize("text", WRITTEN)
def test_a_text_stays_as_it_is_written(text):
    read = read_yaml(f"samples:\n- name: {text}\n  depth: 3\n", ["name"])
    assert read == {"samples": [{"name": text, "depth": 3}]}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_was_dumped_is_read(text):
    for dumped in (
        yaml.safe_dump({"name": text}),
        yaml.safe_dump({"name": text}, allow_unicode=True),
    ):
        assert read_yaml(dumped, ["name"]) == yaml.safe_load(dumped)


def test_none_is_none():
    for written in ("{name: null}", "{name: }", "name:"):
        assert read_yaml(written, ["name"]) == {"name": None}
    assert read_yaml("", ["name"]) is None


def test_other_keys_are_what_yaml_says():
    assert read_yaml("{a: 007, b: no, c: 1_0, d: ~}", ["name"]) == {
        "a": 7,
        "b": False,
        "c": 10,
        "d": None,
    }


@given(st.integers(0, 9999), st.integers(0, 3))
def test_zeros_before_a_number_mean_nothing(number, zeros):
    written = "0" * zeros + str(number)
    assert read_yaml(f"{{a: {written}, b: -{written}, c: {written}.5}}", []) == {
        "a": number,
        "b": -number,
        "c": number + 0.5,
    }


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1e2", 100.0), ("1.5e-3", 0.0015), (".5", 0.5), ("5.", 5.0), ("0xFF", 255), ("+7", 7),
        ("1:30", "1:30"), ("0b11", "0b11"), ("0o17", "0o17"), ("1.2.3", "1.2.3"), ("1٣", "1٣"),
    ],
)  # fmt: skip
def test_numbers_are_those_of_yaml_1_2(written, read):
    found = read_yaml(f"{{a: {written}}}", [])["a"]
    assert (found, type(found)) == (read, type(read))


def test_an_alias_that_leads_to_itself_ends():
    read = read_yaml("&top {name: 007, again: *top}", ["name"])
    assert read["name"] == "007"
    assert read["again"] is read


@pytest.mark.parametrize(
    "source", ["[" * 5000, "{a: 2024-13-45}", "!!python/object:os.system {}", "{"]
)
def test_what_is_no_yaml_is_said_as_such(source):
    with pytest.raises((yaml.YAMLError, ValueError)):
        read_yaml(source, ["name"])
