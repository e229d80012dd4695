"""Versions of the registered model, and which of them was champion when and why.

All of it is in tags on the versions: the facts of the promotion, and in ``fibsem.reigns`` every
time that a version came to reign. The aliases ``champion`` and ``previous`` follow from that line.
It is written first and ``champion`` last, and between them the registered model is tagged with what
was begun: after a kill the same command finishes it, and an alias that people moved is not mistaken
for it.

Who reigns is changed by one process of a machine at a time, which reads anew who does. Machines
that share a server may still do it at once: each writes its line before it reads the line again, so
that at least one of them sees the other, and says so.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from fibsem.analysis import model_card, tables
from fibsem.data.volumes.writers import Voxels
from fibsem.errors import UserError
from fibsem.system.interrupts import uninterrupted
from fibsem.tracking import names
from fibsem.tracking.bundle import load_bundle
from fibsem.tracking.history import (
    LONGEST,
    ROLLBACK,
    Crowning,
    clipped,
    crowned,
    decoded,
    encoded,
    iso,
    later,
    throne,
)
from fibsem.tracking.packaging import log_bundle
from fibsem.tracking.store import client_of, one_decision

REGISTERED = "fibsem"
CHAMPION, PREVIOUS = "champion", "previous"
#: Characters of a description that every store of MLflow keeps.
LONGEST_DESCRIPTION = 5000


@dataclass(frozen=True)
class Reign:
    """One row of the history: a version while it was champion, or one that never was.

    Attributes
    ----------
    version, registered
        Its number, and when it was registered (UTC, ISO 8601).
    since, until
        When it reigned; ``since`` is None if it never did, ``until`` if it does not or still does.
    why, how
        Of the :class:`~fibsem.tracking.history.Crowning`; ``refused`` with the reason of the gate,
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


@uninterrupted()
def register(
    folder: Path, run_id: str, tracking_uri: str, tags: Mapping[str, object], *, example: Voxels
) -> str:
    """Log a bundle with a run and register it; returns the version, without any alias yet.

    A version and its tags appear together. A bundle that the run has registered before is not
    registered again.

    Parameters
    ----------
    folder
        Of the bundle; its ``MODEL_CARD.md`` becomes the description.
    tags
        Facts of the promotion by their :mod:`~fibsem.tracking.names`: ``DATASET``, ``DATA``,
        ``CODE``, ``TEST_MIOU``, ``GATE`` (``passed`` or ``refused``), ``REASON``, and any other.
        None is left out.
    example : (z, y, x)
        See :func:`fibsem.tracking.packaging.log_bundle`.
    """
    client, identity = client_of(tracking_uri), load_bundle(folder).segmenter.identity
    known = [
        str(version.version)
        for version in _versions(client)
        if version.run_id == run_id and version.tags.get(names.IDENTITY) == identity
    ]
    if known:
        number = known[-1]
    else:
        facts = {key: str(value) for key, value in tags.items() if value not in (None, "")}
        kept = {key: clipped(value, LONGEST) for key, value in facts.items()}
        uri = log_bundle(folder, run_id, example)
        with contextlib.redirect_stderr(io.StringIO()):  # it says what promote says
            made = mlflow.register_model(uri, REGISTERED, tags={**kept, names.IDENTITY: identity})
        number = str(made.version)
    _describe(client, number, folder)
    return number


@uninterrupted()
def note_verdict(version: str, tracking_uri: str, tags: Mapping[str, object], folder: Path) -> None:
    """Say on a version what the gate says of it now.

    Parameters
    ----------
    tags
        With ``GATE`` and ``REASON`` of :mod:`~fibsem.tracking.names`.
    folder
        Of the bundle, with a model card that says the same.
    """
    client = client_of(tracking_uri)
    known = client.get_model_version(REGISTERED, version).tags
    for key in (names.GATE, names.REASON):
        value = clipped(str(tags[key]), LONGEST)
        if known.get(key) != value:
            client.set_model_version_tag(REGISTERED, version, key, value)
    _describe(client, version, folder)


def _describe(client: MlflowClient, version: str, folder: Path) -> None:
    """Make the model card of a bundle, where it has one, the description of a version."""
    card = folder / model_card.FILE
    if not card.is_file():
        return
    text = model_card.shortened(card.read_text(encoding="utf-8"), LONGEST_DESCRIPTION)
    if client.get_model_version(REGISTERED, version).description != text:
        client.update_model_version(REGISTERED, version, description=text)


def champion_version(tracking_uri: str) -> str | None:
    """Version that reigns, or None: its alias may still be on the way."""
    client = client_of(tracking_uri)
    aliases, begun = _aliases(client)
    return _reigning(_line(_versions(client), aliases, begun), aliases, begun)


def run_of(version: str, tracking_uri: str) -> str | None:
    """Id of the run that a version is of; None where the store has no such version."""
    found = [one for one in _versions(client_of(tracking_uri)) if str(one.version) == version]
    return str(found[0].run_id) if found else None


def version_of(run_id: str, tracking_uri: str) -> str | None:
    """The version that :func:`register` made of a run; None where the store has none."""
    versions = _versions(client_of(tracking_uri))
    own = [str(v.version) for v in versions if v.run_id == run_id and names.IDENTITY in v.tags]
    return own[-1] if own else None


def crown(
    new: str,
    tracking_uri: str,
    why: str,
    how: str = "promoted",
    *,
    instead_of: Collection[str] | None = None,
) -> None:
    """Make a version champion; the one that reigned before becomes ``previous``.

    One that reigns already is not crowned again.

    Parameters
    ----------
    instead_of
        Whose place it may take: versions that it was compared with. By default anybody's.

    Raises
    ------
    UserError
        If another version reigns, or was crowned from another machine at the same time.
    """
    client = client_of(tracking_uri)
    with one_decision(tracking_uri):
        aliases, begun = _aliases(client)
        line = _line(_versions(client), aliases, begun)
        reigning = _reigning(line, aliases, begun)
        if reigning is not None and reigning not in {
            *([reigning] if instead_of is None else instead_of),
            new,
        }:
            raise UserError(
                f"a challenger must be compared with the champion, but that is version {reigning} "
                "by now; the choices are another output, which compares anew, or force=true."
            )
        if not line or line[-1].version != new:
            line = crowned(line, new, why, how)
        _write(client, line, aliases)
        _check_alone(client, line)


def rollback(tracking_uri: str, why: str) -> tuple[str, str]:
    """Make the version champion that reigned before; once more goes further back.

    Returns
    -------
    champion, dethroned : str
        Versions.

    Raises
    ------
    UserError
        If no version reigned before, or one was crowned from another machine at the same time.
    """
    with one_decision(tracking_uri):
        return _rollback(client_of(tracking_uri), why)


def _rollback(client: MlflowClient, why: str) -> tuple[str, str]:
    aliases, begun = _aliases(client)
    line = _line(_versions(client), aliases, begun)
    reigning = aliases.get(CHAMPION)
    if line and line[-1].how == ROLLBACK and begun == line[-1].version:  # one that was cut off
        dethroned = str(reigning) if reigning != begun else line[-2].version
    else:
        reigned = throne(line)
        if len(reigned) < 2:
            now = f"version {reigned[0]} is the first" if reigned else "there is no champion"
            raise UserError(f"`rollback` needs a version that was champion before, but {now}.")
        before, dethroned = reigned[-2:]
        line = crowned(line, before, why, ROLLBACK)
    _write(client, line, aliases)
    _check_alone(client, line)
    return line[-1].version, dethroned


def history(tracking_uri: str) -> list[Reign]:
    """Who was champion when and why, and who was refused; oldest first."""
    client = client_of(tracking_uri)
    versions, (aliases, begun) = _versions(client), _aliases(client)
    by_number = {str(version.version): version for version in versions}
    line = _line(versions, aliases, begun)
    rows = [
        _reign(by_number[one.version], one, following.since if following else None)
        for one, following in pairwise([*line, None])
        if one
    ]
    reigned = {row.version for row in rows}
    rows += [_reign(v, None, None) for number, v in by_number.items() if number not in reigned]
    rows.sort(key=lambda row: row.since or row.registered)
    latest = {row.version: k for k, row in enumerate(rows)}
    for alias, holder in sorted(aliases.items()):
        row = rows[latest[holder]]
        rows[latest[holder]] = replace(row, aliases=(*row.aliases, alias))
    return rows


def history_table(tracking_uri: str) -> pd.DataFrame:
    """The history as people read it, see :func:`fibsem.analysis.tables.history`."""
    return tables.history([asdict(reign) for reign in history(tracking_uri)])


def _reign(version: ModelVersion, crowning: Crowning | None, until: str | None) -> Reign:
    tags = version.tags
    how = "refused" if tags.get(names.GATE) == "refused" else "registered"
    return Reign(
        version=str(version.version),
        registered=_registered(version),
        since=crowning.since if crowning else None,
        until=until,
        why=crowning.why if crowning else tags.get(names.REASON, ""),
        how=crowning.how if crowning else how,
        dataset=tags.get(names.DATASET),
        data=tags.get(names.DATA),
        code=tags.get(names.CODE),
        test_miou=float(tags[names.TEST_MIOU]) if names.TEST_MIOU in tags else None,
        aliases=(),
    )


def _versions(client: MlflowClient) -> list[ModelVersion]:
    """Every version with its tags, oldest first; none where nothing was ever registered."""
    page = client.search_model_versions(f"name = '{REGISTERED}'")
    found = list(page)
    while page.token:
        page = client.search_model_versions(f"name = '{REGISTERED}'", page_token=page.token)
        found += page
    return sorted(found, key=lambda version: int(version.version))


def _aliases(client: MlflowClient) -> tuple[dict[str, str], str | None]:
    """Aliases and the versions that have them; and the version whose crowning was begun."""
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
) -> list[Crowning]:
    """Every crowning in turn.

    A champion that is not the last of the line, without a crowning that was begun, has its alias
    from people, or from a time before there was a history: it comes last, after the one that has
    the alias ``previous`` where that was never crowned either.
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
        line.append(Crowning(number, since, version.tags.get(names.REASON, ""), "alias"))
    return line


def _write(client: MlflowClient, line: Sequence[Crowning], aliases: Mapping[str, str]) -> None:
    """Store the latest crowning, and those that only aliases told of; then set the aliases."""
    client.set_registered_model_tag(REGISTERED, names.PENDING, line[-1].version)
    for number in dict.fromkeys([*aliases.values(), line[-1].version]):
        if any(one.version == number for one in line):
            client.set_model_version_tag(
                REGISTERED, number, names.CHAMPIONSHIPS, encoded(line, number)
            )
    reigned = throne(line)
    if len(reigned) > 1:
        client.set_registered_model_alias(REGISTERED, PREVIOUS, reigned[-2])
    elif PREVIOUS in aliases:
        client.delete_registered_model_alias(REGISTERED, PREVIOUS)
    client.set_registered_model_alias(REGISTERED, CHAMPION, reigned[-1])
    client.delete_registered_model_tag(REGISTERED, names.PENDING)


def _reigning(
    line: Sequence[Crowning], aliases: Mapping[str, str], begun: str | None
) -> str | None:
    """Who has the alias ``champion``, or will have it once the crowning that was begun is over."""
    if line and begun == line[-1].version:
        return line[-1].version
    return aliases.get(CHAMPION)


def _check_alone(client: MlflowClient, line: Sequence[Crowning]) -> None:
    """Say who else was crowned since the line was read: no lock reaches other machines."""
    known = {(one.version, one.since) for one in line}
    found = _line(_versions(client), *_aliases(client))
    new = [one.version for one in found if (one.version, one.since) not in known]
    others = [version for version in new if version != line[-1].version]
    if others:
        raise UserError(
            f"a champion must be made by one command at a time, but version {others[-1]} was "
            f"crowned while version {line[-1].version} was, from another machine; the choices are "
            "history=true, which shows who reigns, and rollback=true."
        )


def _registered(version: ModelVersion) -> str:
    return iso(datetime.fromtimestamp(version.creation_timestamp / 1000, UTC))
