"""Sets the champion among versions of the registered model, with the reason.

The tag ``fibsem.reigns`` of a version has every time that it was made the champion. The aliases
``champion`` and ``previous`` follow from this history. The history is written first and the alias
``champion`` last; meanwhile a tag of the registered model says what was begun. So after a kill the
same command finishes the change, and it is not mistaken for an alias that people moved.

On a machine one process at a time changes the champion, after reading it anew. Machines that share
a server may still do it at once: each reads the history again after writing its change, so that at
least one of them sees the other's, which is an error.
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
    """Version of the champion by the history, or None; its alias may not be set yet."""
    return Succession.read(client_of(tracking_uri)).champion


def version_to_beat(tracking_uri: str) -> str | None:
    """Version to compare a challenger with: the champion, or the one before if it was deleted."""
    return Succession.read(client_of(tracking_uri)).heir


def version_before(tracking_uri: str) -> str | None:
    """Version that a rollback would make the champion; None without one."""
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

    A version that is the champion already stays so.

    Parameters
    ----------
    instead_of
        Versions that it may replace, since it was compared with them; None: any.

    Raises
    ------
    UserError
        If another version is the champion, or became it from another machine at the same time.
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
        Version that was it before; None if it was deleted from the registry.

    Raises
    ------
    UserError
        If there is no former champion, or another machine made one at the same time.
    """
    with one_decision(tracking_uri):
        return _rollback(client_of(tracking_uri), why)


def _rollback(client: MlflowClient, why: str) -> tuple[str, str | None]:
    now = Succession.read(client)
    line, champion = now.line, now.aliases.get(CHAMPION)
    if line and line[-1].how == ROLLBACK and now.unfinished:  # a rollback that was cut off
        replaced = champion if champion != now.begun else line[-2].version
        replaced = None if replaced == line[-1].version else replaced
    elif now.champion is None and now.heir is not None:
        replaced, line = None, changed(line, now.heir, why, ROLLBACK)
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
    """Write the latest change, and changes that only aliases show; then set the aliases."""
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
    """Write to the registered model, again if another machine wrote at the same time.

    MLflow looks for a row and then inserts it, so that of two machines that insert the same row one
    gets an error; at its next attempt it finds the row.
    """
    for attempt in range(ATTEMPTS):
        try:
            return state(REGISTERED, *what)
        except mlflow.MlflowException:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0.02, 0.2))


def _check_alone(client: MlflowClient, line: Sequence[Change]) -> None:
    """Raise an error if another machine has made a champion meanwhile."""
    before = {(one.version, one.since) for one in line}
    now = Succession.read(client).line
    new = [one.version for one in now if (one.version, one.since) not in before]
    others = [version for version in new if version != line[-1].version]
    if others:
        raise UserError(
            f"a champion must be made by one command at a time, but version {others[-1]} was "
            f"made champion while version {line[-1].version} was, from another machine; the "
            "choices are history=true, which shows who is champion, and rollback=true."
        )
