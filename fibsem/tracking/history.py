"""The history of the alias ``champion``: a list of changes, stored in tags of the versions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

#: Bytes of a tag's value that every store of MLflow keeps.
LONGEST = 5000
#: Bytes of one reason.
LONGEST_REASON = 400
ROLLBACK = "rollback"


@dataclass(frozen=True)
class Change:
    """A version that was made the champion.

    Attributes
    ----------
    version
        Version of the registered model.
    since
        UTC, ISO 8601 with milliseconds; changes are ordered by it.
    why
        One line.
    how
        ``promoted``, ``forced``, ``rollback``, or ``alias``: the alias was set by other means.
    """

    version: str
    since: str
    why: str
    how: str


def changed(line: Sequence[Change], version: str, why: str, how: str) -> list[Change]:
    """The history with a further change, now or just after the latest, as clocks may differ."""
    now = max([iso(datetime.now(UTC)), *(later(one.since) for one in line[-1:])])
    return [*line, Change(version, now, clipped(why, LONGEST_REASON), how)]


def successive(line: Iterable[Change]) -> list[str]:
    """Versions that rollbacks would bring back one after the other, and last the champion.

    >>> at = "2026-01-01T00:00:00.000+00:00"
    >>> line = [Change(v, at, "", how) for v, how in [("1", "promoted"), ("3", "promoted"),
    ...                                                 ("1", "rollback"), ("4", "forced")]]
    >>> successive(line)
    ['1', '4']
    """
    versions: list[str] = []
    for one in line:
        if one.how == ROLLBACK and one.version in versions:
            while versions[-1] != one.version:
                versions.pop()
        elif versions[-1:] != [one.version]:
            versions.append(one.version)
    return versions


def encoded(line: Iterable[Change], version: str) -> str:
    """The changes of one version as a tag; the oldest reasons are left out if it gets too long."""
    own = [asdict(one) for one in line if one.version == version]
    for one in own:
        del one["version"]
    for one in own:
        if len(json.dumps(own)) <= LONGEST:
            break
        one["why"] = ""
    return json.dumps(own)


def decoded(version: str, tag: str) -> list[Change]:
    """Read what :func:`encoded` wrote."""
    return [Change(version, **one) for one in json.loads(tag)]


def iso(moment: datetime) -> str:
    """A time in UTC as text, which sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def later(since: str) -> str:
    """A time one millisecond later."""
    return iso(datetime.fromisoformat(since) + timedelta(milliseconds=1))


def clipped(text: str, most: int) -> str:
    """A text shortened to a number of bytes, with dots at its end.

    >>> clipped("porosity", 6)
    'por...'
    """
    data = text.encode()
    if len(data) <= most:
        return text
    return data[: most - 3].decode(errors="ignore") + "..."
