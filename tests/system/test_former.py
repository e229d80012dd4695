"""Modules under the names that models registered by the former version import."""

import importlib

import pytest

from fibsem.system.former import NOW


@pytest.mark.parametrize("name", NOW)
def test_a_former_name_is_the_module_of_today(name):
    assert importlib.import_module(name) is importlib.import_module(NOW[name])


def test_what_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"fibsem\.learning\.nothing"):
        importlib.import_module("fibsem.learning.nothing")
