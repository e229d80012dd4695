"""Every storage of a study, and studies without training."""

import os
import time

import pytest

from tests.search import slot_worker


@pytest.fixture(params=["sqlite", "journal", "postgres"])
def storage(request, tmp_path):
    """Address of a fresh storage."""
    if request.param != "postgres":
        return {
            "sqlite": f"sqlite:///{tmp_path / 'study.db'}",
            "journal": f"journal:{tmp_path / 'study.log'}",
        }[request.param]
    import psycopg

    address = request.getfixturevalue("postgres")
    name = f"test_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return address.replace("/postgres", f"/{name}")


@pytest.fixture
def closed():
    """Connections are let go, whatever happened."""
    yield
    while slot_worker.OPENED:
        slot_worker.OPENED.pop().close()
