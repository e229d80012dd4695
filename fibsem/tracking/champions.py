"""Set and read the champion among the versions of the registered model, with its history.

The tag ``fibsem.champion_since`` of a version lists every change that made it the champion. The
aliases ``champion`` and ``previous`` follow from this history. The history is written first and
``champion`` last; in between, the registered model is tagged with the pending version: after a
kill the same command completes the change, and an alias moved by users is not mistaken for it.

A lock allows one process per machine at a time to change the champion, which reads it again under
the lock. Machines that share a server may still change it at once: each writes its change before
it reads the history again, so that at least one of them sees the other's change and reports it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import mlflow
from mlflow import MlflowClient

from fibsem.errors import UserError
from fibsem.tracking import names
from fibsem.tracking.history import ROLLBACK, Change, changed, encoded, successive
from fibsem.tracking.registry import REGISTERED
from fibsem.tracking.store import client_of, one_decision
from fibsem.tracking.succession import CHAMPION, PREVIOUS, Succession

ATTEMPTS = 4


def champion_version(tracking_uri: str) -> str | None:
    """Return the version of the champion, or None; its alias may not be set yet.

    Examples
    --------
    ```python
    champion_version("sqlite:///mlruns/mlflow.db")  # "3"
    ```
    """
    return Succession.read(client_of(tracking_uri)).champion


def version_to_beat(tracking_uri: str) -> str | None:
    """Return the version to compare a challenger with, or None.

    This is the champion or, if its version was deleted from the registry, the champion before it.
    """
    return Succession.read(client_of(tracking_uri)).latest_champion


def version_before(tracking_uri: str) -> str | None:
    """Return the version that a rollback would make the champion, or None."""
    now = Succession.read(client_of(tracking_uri))
    champions = successive(now.line)
    return champions[-2] if now.champion is not None and len(champions) > 1 else None


def make_champion(
    new: str,
    tracking_uri: str,
    why: str,
    how: str = "promoted",
    *,
    instead_of: Collection[str] | None = None,
) -> None:
    """Give a version the alias ``champion``; the former champion becomes ``previous``.

    The history is unchanged if the version already is the champion.

    Parameters
    ----------
    new
        Version to make the champion.
    why, how
        See :class:`~fibsem.tracking.history.Change`.
    instead_of
        Versions that ``new`` may replace, because it was compared with them; by default any.

    Raises
    ------
    UserError
        If a version that is not in ``instead_of`` is the champion, or another machine changed the
        champion at the same time.

    Examples
    --------
    ```python
    make_champion("4", "sqlite:///mlruns/mlflow.db", "better on all films", instead_of=["3"])
    ```
    """
    client = client_of(tracking_uri)
    with one_decision(tracking_uri):
        before = Succession.read(client)
        champion, line = before.champion, before.line
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
        _write(client, line, before.aliases)
        _check_alone(client, line)


def rollback(tracking_uri: str, why: str) -> tuple[str, str | None]:
    """Make the former champion the champion again; repeated calls go further back.

    Returns
    -------
    champion : str
        Version that is the champion now.
    replaced : str or None
        Version that was the champion; None if it had been deleted from the registry.

    Raises
    ------
    UserError
        If there is no former champion, or another machine changed the champion at the same time.

    Examples
    --------
    ```python
    champion, replaced = rollback("sqlite:///mlruns/mlflow.db", "it takes cracks for pores")
    ```
    """
    with one_decision(tracking_uri):
        return _rollback(client_of(tracking_uri), why)


def _rollback(client: MlflowClient, why: str) -> tuple[str, str | None]:
    now = Succession.read(client)
    line, champion = now.line, now.aliases.get(CHAMPION)
    if line and line[-1].how == ROLLBACK and now.unfinished:  # a rollback that was cut off
        replaced = champion if champion != now.pending else line[-2].version
        replaced = None if replaced == line[-1].version else replaced
    elif now.champion is None and now.latest_champion is not None:
        replaced, line = None, changed(line, now.latest_champion, why, ROLLBACK)
    else:
        champions = successive(line)
        if len(champions) < 2:
            last = f"version {champions[0]} is the first" if champions else "there is no champion"
            raise UserError(f"`rollback` needs a version that was champion before, but {last}.")
        before, replaced = champions[-2:]
        line = changed(line, before, why, ROLLBACK)
    _write(client, line, now.aliases)
    _check_alone(client, line)
    return line[-1].version, replaced


def _write(client: MlflowClient, line: Sequence[Change], aliases: Mapping[str, str]) -> None:
    """Store the latest change and changes inferred from aliases, and then set the aliases."""
    _insist(client.set_registered_model_tag, names.PENDING, line[-1].version)
    for number in dict.fromkeys([*aliases.values(), line[-1].version]):
        if any(change.version == number for change in line):
            history = encoded(line, number)
            _insist(client.set_model_version_tag, number, names.CHAMPION_SINCE, history)
    champions = successive(line)
    if len(champions) > 1:
        _insist(client.set_registered_model_alias, PREVIOUS, champions[-2])
    elif PREVIOUS in aliases:
        _insist(client.delete_registered_model_alias, PREVIOUS)
    _insist(client.set_registered_model_alias, CHAMPION, champions[-1])
    _insist(client.delete_registered_model_tag, names.PENDING)


def _insist(state: Callable[..., None], *arguments: str) -> None:
    """Call a setter on the registered model, and retry if another machine interferes.

    MLflow checks whether a row exists before it writes it: if two machines write the same row at
    once, the database refuses one of them, which finds the row at the next attempt.
    """
    for attempt in range(ATTEMPTS):
        try:
            return state(REGISTERED, *arguments)
        except mlflow.MlflowException:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0.02, 0.2))


def _check_alone(client: MlflowClient, line: Sequence[Change]) -> None:
    """Raise ``UserError`` if another machine, which no lock reaches, changed the champion, too."""
    before = {(change.version, change.since) for change in line}
    now = Succession.read(client).line
    new = [change.version for change in now if (change.version, change.since) not in before]
    others = [version for version in new if version != line[-1].version]
    if others:
        raise UserError(
            f"a champion must be made by one command at a time, but version {others[-1]} was "
            f"made champion while version {line[-1].version} was, from another machine; the "
            "choices are history=true, which shows who is champion, and rollback=true."
        )
