"""Present and former champions, as read from the versions and aliases of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from fibsem.tracking import names
from fibsem.tracking.history import Change, decoded, iso, later, successive
from fibsem.tracking.registry import REGISTERED, all_versions

CHAMPION, PREVIOUS = "champion", "previous"


@dataclass(frozen=True)
class Succession:
    """The champions of a store in order.

    Attributes
    ----------
    versions
        All registered versions, by number.
    aliases
        Version number of each alias.
    pending
        Version that is being made the champion, or None.
    line
        Every change of the champion, in order.
    """

    versions: Mapping[str, ModelVersion]
    aliases: Mapping[str, str]
    pending: str | None
    line: Sequence[Change]

    @classmethod
    def read(cls, client: MlflowClient) -> Succession:
        """Read the current succession of a store."""
        # aliases first: the versions that they name are then among the versions read next
        aliases, pending = _aliases(client)
        versions = {str(version.version): version for version in all_versions(client)}
        return cls(versions, aliases, pending, _line(versions, aliases, pending))

    @property
    def unfinished(self) -> bool:
        """Whether the latest change is pending: its alias is not set yet."""
        return bool(self.line) and self.pending == self.line[-1].version

    @property
    def champion(self) -> str | None:
        """Version with the alias ``champion``, or the one that gets it by a pending change."""
        return self.line[-1].version if self.unfinished else self.aliases.get(CHAMPION)

    @property
    def latest_champion(self) -> str | None:
        """The champion or, if its version was deleted from the registry, the one before it.

        Deleting a version also deletes its aliases and tags, and so its part of the history.
        """
        former = successive(self.line)
        return self.champion or (former[-1] if former else self.aliases.get(PREVIOUS))


def _aliases(client: MlflowClient) -> tuple[dict[str, str], str | None]:
    """Read the version of each alias, and the version that is being made the champion or None."""
    try:
        model = client.get_registered_model(REGISTERED)
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}, None
    aliases = {alias: str(version) for alias, version in model.aliases.items()}
    return aliases, model.tags.get(names.PENDING)


def _line(
    versions: Mapping[str, ModelVersion], aliases: Mapping[str, str], pending: str | None
) -> list[Change]:
    """Return every change of the champion, in order.

    If the version with the alias ``champion`` is not the last of the history and no change is
    pending, the alias was set by hand, or before there was a history: a change for it is appended,
    after one for the alias ``previous`` if neither version is in the history.
    """
    line = [
        change
        for number, version in versions.items()
        for change in decoded(number, _history(version))
    ]
    line.sort(key=lambda change: change.since)
    champion = aliases.get(CHAMPION)
    latest = line[-1].version if line else None
    if champion is None or champion == latest or pending == latest is not None:
        return line
    champions, taken_over = {change.version for change in line}, [champion]
    previous = aliases.get(PREVIOUS)
    if previous is not None and {previous, champion}.isdisjoint(champions):
        taken_over.insert(0, previous)
    for number in taken_over:
        version = versions[number]
        since = max([registered(version), *(later(change.since) for change in line[-1:])])
        line.append(Change(number, since, version.tags.get(names.REASON, ""), "alias"))
    return line


def _history(version: ModelVersion) -> str:
    """Return the tag with a version's part of the history, which had another name before."""
    former = version.tags.get(names.FORMER_CHAMPION_SINCE, "[]")
    return version.tags.get(names.CHAMPION_SINCE, former)


def registered(version: ModelVersion) -> str:
    """Return the time when a version was registered: UTC, ISO 8601."""
    return iso(datetime.fromtimestamp(version.creation_timestamp / 1000, UTC))
