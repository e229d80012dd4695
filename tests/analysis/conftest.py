"""Tests here look at figures."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def pictures_are_small():
    """Not here."""
