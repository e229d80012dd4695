"""The champion after people, kills and others moved its alias since a challenger was compared.

Aliases are moved between two steps of one decision.
"""

import shutil
from threading import Barrier, Thread

from films import place
from mlflow import MlflowClient

from fibsem.config import TrackingConfig
from fibsem.errors import UserError
from fibsem.tracking import (
    Tracking,
    champion_history,
    champion_version,
    make_champion,
    rollback,
)

#: Name of the registered model.
NAME = "fibsem"


class KilledError(Exception):
    """Simulates a killed process."""


def begin():
    """Create a database with four versions, the first one the champion; this takes seconds."""
    home = place()
    home.mkdir()
    config = TrackingConfig(f"sqlite:///{home / 'ml.db'}", str(home / "artifacts"))
    tracking = Tracking.open(config, "film")
    run_id = tracking.start("a run", tags={})
    tracking.client.create_registered_model(NAME)
    for _ in range(4):
        tracking.client.create_model_version(NAME, "source", run_id)
    make_champion("1", config.uri, "the first")
    return home / "ml.db"


def store(begun):
    """Copy a database; return the address of the copy and a client."""
    uri = f"sqlite:///{shutil.copy(begun, place('.db'))}"
    client = MlflowClient(uri, registry_uri=uri)
    client.get_registered_model(NAME)  # connects
    return uri, client


def challenge(uri, version, against):
    """Make a version champion, after a comparison with the version ``against``."""
    try:
        make_champion(version, uri, "better", instead_of=[against])
    except TypeError:  # a version without this argument
        make_champion(version, uri, "better")


def killed(uri, call, nth):
    """Make version 2 champion, but stop before call number ``nth``, from 0, of a client method."""
    real, left = getattr(MlflowClient, call), [nth]

    def write(self, *arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KilledError
        return real(self, *arguments)

    setattr(MlflowClient, call, write)
    try:
        make_champion("2", uri, "better")
    except KilledError:
        pass
    finally:
        setattr(MlflowClient, call, real)


def forced(uri, version):
    make_champion(version, uri, "forced", "forced")


#: Events since version 3 was compared with version 1, and whether it may still replace it.
SINCE = {
    "nothing": (lambda uri, client: None, True),
    "another was promoted": (lambda uri, client: challenge(uri, "2", "1"), False),
    "another was forced": (lambda uri, client: forced(uri, "2"), False),
    "another was promoted and taken back": (
        lambda uri, client: (forced(uri, "2"), rollback(uri, "bad")), True),
    "two others were promoted": (lambda uri, client: [forced(uri, v) for v in "24"], False),
    "two were promoted, one taken back": (
        lambda uri, client: ([forced(uri, v) for v in "24"], rollback(uri, "")), False),
    "people moved the alias": (
        lambda uri, client: client.set_registered_model_alias(NAME, "champion", "2"), False),
    "people moved it there and back": (
        lambda uri, client: [client.set_registered_model_alias(NAME, "champion", v) for v in "21"],
        True),
    "people took the alias away": (
        lambda uri, client: client.delete_registered_model_alias(NAME, "champion"), True),
    "its own change was finished": (lambda uri, client: challenge(uri, "3", "1"), True),
    "another one's was cut off before its first write": (
        lambda uri, client: killed(uri, "set_registered_model_tag", 0), True),
    "another one's was cut off before its line": (
        lambda uri, client: killed(uri, "set_model_version_tag", 0), True),
    "another one's was cut off before an alias": (
        lambda uri, client: killed(uri, "set_registered_model_alias", 0), False),
    "another one's was cut off before the last alias": (
        lambda uri, client: killed(uri, "set_registered_model_alias", 1), False),
}  # fmt: skip


def since(begun, act, may):
    uri, client = store(begun)

    def right():
        act(uri, client)
        before = champion_version(uri)
        try:
            challenge(uri, "3", "1")
        except UserError:
            if may or champion_version(uri) != before:
                return False
            raise
        return may and champion_version(uri) == "3"

    return right


def at_once(begun, count):
    """Return a check that only one of several simultaneous challengers replaces the champion."""
    uri, _ = store(begun)

    def right():
        start, refused = Barrier(count), []

        def one(version):
            start.wait(5)
            try:
                challenge(uri, version, "1")
            except UserError as error:
                refused.append(error)

        threads = [Thread(target=one, args=(str(2 + k),)) for k in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        were = [row for row in champion_history(uri) if row.since]
        return len(were) == 2 and len(refused) == count - 1

    return right


def inputs():
    begun = begin()
    for name, (act, may) in SINCE.items():
        yield name, since(begun, act, may)
    for count in (2, 3):
        yield f"{count} at once", at_once(begun, count)
