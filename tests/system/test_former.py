"""Modules under the names that models registered by the former version import."""

import importlib

import pytest

from fibsem.system.former import NOW


@pytest.mark.parametrize("name", NOW)
def test_a_former_name_is_the_module_of_today(name):
    assert importlib.import_module(name) is importlib.import_module(NOW[name])


def test_names_that_code_of_registered_models_imports_are_where_they_were():
    """MLflow runs the file that a model was registered with, on the modules of today."""
    from fibsem.data.volumes import voxels, writers

    assert writers.Voxels is voxels.Voxels


def test_what_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"fibsem\.learning\.nothing"):
        importlib.import_module("fibsem.learning.nothing")
