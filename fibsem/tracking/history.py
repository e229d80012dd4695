"""The history of the alias ``champion``: its changes, and how they are stored in tags."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

#: Bytes of a tag's value that every MLflow store keeps.
LONGEST = 5000
#: Maximum bytes of one reason.
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
        Time of the change: UTC, ISO 8601 with milliseconds; changes are ordered by it.
    why
        Reason, in one line.
    how
        ``promoted``, ``forced``, ``rollback``, or ``alias`` if the alias was set by other means.
    """

    version: str
    since: str
    why: str
    how: str


def changed(line: Sequence[Change], version: str, why: str, how: str) -> list[Change]:
    """Append a change to the history, dated now or, if clocks differ, just after the latest."""
    now = max([iso(datetime.now(UTC)), *(later(change.since) for change in line[-1:])])
    return [*line, Change(version, now, clipped(why, LONGEST_REASON), how)]


def successive(line: Iterable[Change]) -> list[str]:
    """Return the versions that rollbacks would restore, most recent last, and then the champion.

    >>> at = "2026-01-01T00:00:00.000+00:00"
    >>> line = [Change(v, at, "", how) for v, how in [("1", "promoted"), ("3", "promoted"),
    ...                                                 ("1", "rollback"), ("4", "forced")]]
    >>> successive(line)
    ['1', '4']
    """
    versions: list[str] = []
    for change in line:
        if change.how == ROLLBACK and change.version in versions:
            while versions[-1] != change.version:
                versions.pop()
        elif versions[-1:] != [change.version]:
            versions.append(change.version)
    return versions


def encoded(line: Iterable[Change], version: str) -> str:
    """Encode the changes to one version as a tag; if it is too long, drop the oldest reasons."""
    records = [asdict(change) for change in line if change.version == version]
    for record in records:
        del record["version"]
    for record in records:
        if len(json.dumps(records)) <= LONGEST:
            break
        record["why"] = ""
    return json.dumps(records)


def decoded(version: str, tag: str) -> list[Change]:
    """Decode a tag of :func:`encoded`."""
    return [Change(version, **record) for record in json.loads(tag)]


def iso(moment: datetime) -> str:
    """Format a time in UTC for tags; strings of this form sort by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def later(since: str) -> str:
    """Return the time a millisecond after ``since``, in the same form."""
    return iso(datetime.fromisoformat(since) + timedelta(milliseconds=1))


def clipped(text: str, most: int) -> str:
    """Truncate a text to at most ``most`` bytes of UTF-8, with dots at the end if it was longer.

    >>> clipped("porosity", 6)
    'por...'
    """
    data = text.encode()
    if len(data) <= most:
        return text
    return data[: most - 3].decode(errors="ignore") + "..."
