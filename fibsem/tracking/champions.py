"""Which version of the registered model is the champion, since when and why.

In the tag ``fibsem.reigns`` of a version stands every time that it was made the champion. The
aliases ``champion`` and ``previous`` follow from that history. It is written first and ``champion``
last, and between them the registered model is tagged with what was begun: after a kill the same
command finishes it, and an alias that people moved is not mistaken for it.

The champion is changed by one process of a machine at a time, which reads anew who it is. Machines
that share a server may still do it at once: each writes its change before it reads the history
again, so that at least one of them sees the other, and says so.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from fibsem.analysis import tables
from fibsem.errors import UserError
from fibsem.tracking import names
from fibsem.tracking.history import (
    ROLLBACK,
    Change,
    changed,
    decoded,
    encoded,
    iso,
    later,
    successive,
)
from fibsem.tracking.registry import REGISTERED, all_versions
from fibsem.tracking.store import client_of, one_decision

CHAMPION, PREVIOUS = "champion", "previous"
ATTEMPTS = 4


@dataclass(frozen=True)
class VersionRow:
    """One row of the history: a version while it was the champion, or one that never was.

    Attributes
    ----------
    version, registered
        Its number, and when it was registered (UTC, ISO 8601).
    since, until
        When it was the champion; ``since`` is None if it never was, ``until`` if it was not or
        still is.
    why, how
        Of the :class:`~fibsem.tracking.history.Change`; ``refused`` with the reason of the gate,
        or ``registered`` where neither happened.
    dataset, data, code, test_miou
        Facts of its promotion: name and hash of the data, version of the code, mIoU on every
        labelled test pixel. None where they were not stored.
    aliases
        That the version has now, on its latest row.
    """

    version: str
    registered: str
    since: str | None
    until: str | None
    why: str
    how: str
    dataset: str | None
    data: str | None
    code: str | None
    test_miou: float | None
    aliases: tuple[str, ...]


def champion_version(tracking_uri: str) -> str | None:
    """Version of the champion, or None; its alias may still be on the way."""
    client = client_of(tracking_uri)
    aliases, begun = _aliases(client)
    return _champion(_line(all_versions(client), aliases, begun), aliases, begun)


def make_champion(
    new: str,
    tracking_uri: str,
    why: str,
    how: str = "promoted",
    *,
    instead_of: Collection[str] | None = None,
) -> None:
    """Give a version the alias ``champion``; the former champion becomes ``previous``.

    Nothing is changed for one that is the champion already.

    Parameters
    ----------
    instead_of
        Whose place it may take: versions that it was compared with. By default anybody's.

    Raises
    ------
    UserError
        If another version is the champion, or became it from another machine at the same time.
    """
    client = client_of(tracking_uri)
    with one_decision(tracking_uri):
        aliases, begun = _aliases(client)
        line = _line(all_versions(client), aliases, begun)
        champion = _champion(line, aliases, begun)
        if champion is not None and champion not in {
            *([champion] if instead_of is None else instead_of),
            new,
        }:
            raise UserError(
                f"a challenger must be compared with the champion, but that is version {champion} "
                "by now; the choices are another output, which compares anew, or force=true."
            )
        if not line or line[-1].version != new:
            line = changed(line, new, why, how)
        _write(client, line, aliases)
        _check_alone(client, line)


def rollback(tracking_uri: str, why: str) -> tuple[str, str]:
    """Make the former champion the champion again; once more goes further back.

    Returns
    -------
    champion, replaced : str
        Versions.

    Raises
    ------
    UserError
        If there is no former one, or one was made from another machine at the same time.
    """
    with one_decision(tracking_uri):
        return _rollback(client_of(tracking_uri), why)


def _rollback(client: MlflowClient, why: str) -> tuple[str, str]:
    aliases, begun = _aliases(client)
    line = _line(all_versions(client), aliases, begun)
    champion = aliases.get(CHAMPION)
    if line and line[-1].how == ROLLBACK and begun == line[-1].version:  # one that was cut off
        replaced = str(champion) if champion != begun else line[-2].version
    else:
        champions = successive(line)
        if len(champions) < 2:
            now = f"version {champions[0]} is the first" if champions else "there is no champion"
            raise UserError(f"`rollback` needs a version that was champion before, but {now}.")
        before, replaced = champions[-2:]
        line = changed(line, before, why, ROLLBACK)
    _write(client, line, aliases)
    _check_alone(client, line)
    return line[-1].version, replaced


def history(tracking_uri: str) -> list[VersionRow]:
    """Who was champion when and why, and who was refused; oldest first."""
    client = client_of(tracking_uri)
    versions, (aliases, begun) = all_versions(client), _aliases(client)
    by_number = {str(version.version): version for version in versions}
    line = _line(versions, aliases, begun)
    rows = [
        _row(by_number[one.version], one, following.since if following else None)
        for one, following in pairwise([*line, None])
        if one
    ]
    were_champion = {row.version for row in rows}
    rows += [_row(v, None, None) for number, v in by_number.items() if number not in were_champion]
    rows.sort(key=lambda row: row.since or row.registered)
    latest = {row.version: k for k, row in enumerate(rows)}
    for alias, holder in sorted(aliases.items()):
        row = rows[latest[holder]]
        rows[latest[holder]] = replace(row, aliases=(*row.aliases, alias))
    return rows


def history_table(tracking_uri: str) -> pd.DataFrame:
    """The history as people read it, see :func:`fibsem.analysis.tables.history`."""
    return tables.history([asdict(row) for row in history(tracking_uri)])


def _row(version: ModelVersion, change: Change | None, until: str | None) -> VersionRow:
    tags = version.tags
    how = "refused" if tags.get(names.GATE) == "refused" else "registered"
    return VersionRow(
        version=str(version.version),
        registered=_registered(version),
        since=change.since if change else None,
        until=until,
        why=change.why if change else tags.get(names.REASON, ""),
        how=change.how if change else how,
        dataset=tags.get(names.DATASET),
        data=tags.get(names.DATA),
        code=tags.get(names.CODE),
        test_miou=float(tags[names.TEST_MIOU]) if names.TEST_MIOU in tags else None,
        aliases=(),
    )


def _aliases(client: MlflowClient) -> tuple[dict[str, str], str | None]:
    """Aliases and the versions that have them; and the version that is being made the champion."""
    try:
        model = client.get_registered_model(REGISTERED)
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}, None
    aliases = {alias: str(version) for alias, version in model.aliases.items()}
    return aliases, model.tags.get(names.PENDING)


def _line(
    versions: Sequence[ModelVersion], aliases: Mapping[str, str], begun: str | None
) -> list[Change]:
    """Every change of the champion in turn.

    A champion that is not the last of the line, without a change that was begun, has its alias
    from people, or from a time before there was a history: it comes last, after the one that has
    the alias ``previous`` where that never was the champion either.
    """
    by_number = {str(version.version): version for version in versions}
    line = [
        one
        for number, version in by_number.items()
        for one in decoded(number, version.tags.get(names.CHAMPIONSHIPS, "[]"))
    ]
    line.sort(key=lambda one: one.since)
    champion = aliases.get(CHAMPION)
    latest = line[-1].version if line else None
    if champion is None or champion == latest or begun == latest is not None:
        return line
    known, taken_over = {one.version for one in line}, [champion]
    previous = aliases.get(PREVIOUS)
    if previous is not None and {previous, champion}.isdisjoint(known):
        taken_over.insert(0, previous)
    for number in taken_over:
        version = by_number[number]
        since = max([_registered(version), *(later(one.since) for one in line[-1:])])
        line.append(Change(number, since, version.tags.get(names.REASON, ""), "alias"))
    return line


def _write(client: MlflowClient, line: Sequence[Change], aliases: Mapping[str, str]) -> None:
    """Store the latest change, and those that only aliases told of; then set the aliases."""
    _insist(client.set_registered_model_tag, names.PENDING, line[-1].version)
    for number in dict.fromkeys([*aliases.values(), line[-1].version]):
        if any(one.version == number for one in line):
            history = encoded(line, number)
            _insist(client.set_model_version_tag, number, names.CHAMPIONSHIPS, history)
    champions = successive(line)
    if len(champions) > 1:
        _insist(client.set_registered_model_alias, PREVIOUS, champions[-2])
    elif PREVIOUS in aliases:
        _insist(client.delete_registered_model_alias, PREVIOUS)
    _insist(client.set_registered_model_alias, CHAMPION, champions[-1])
    _insist(client.delete_registered_model_tag, names.PENDING)


def _insist(state: Callable[..., None], *what: str) -> None:
    """State something of the registered model, again where another machine did so meanwhile.

    MLflow reads whether a row is there and then writes it, so that of two who state the same at
    once the database refuses one, who finds the row at the next attempt.
    """
    for attempt in range(ATTEMPTS):
        try:
            return state(REGISTERED, *what)
        except mlflow.MlflowException:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0.02, 0.2))


def _champion(line: Sequence[Change], aliases: Mapping[str, str], begun: str | None) -> str | None:
    """Who has the alias ``champion``, or will have it once the change that was begun is over."""
    if line and begun == line[-1].version:
        return line[-1].version
    return aliases.get(CHAMPION)


def _check_alone(client: MlflowClient, line: Sequence[Change]) -> None:
    """Say who else became the champion meanwhile: no lock reaches other machines."""
    known = {(one.version, one.since) for one in line}
    found = _line(all_versions(client), *_aliases(client))
    new = [one.version for one in found if (one.version, one.since) not in known]
    others = [version for version in new if version != line[-1].version]
    if others:
        raise UserError(
            f"a champion must be made by one command at a time, but version {others[-1]} was "
            f"made champion while version {line[-1].version} was, from another machine; the "
            "choices are history=true, which shows who is champion, and rollback=true."
        )


def _registered(version: ModelVersion) -> str:
    return iso(datetime.fromtimestamp(version.creation_timestamp / 1000, UTC))
