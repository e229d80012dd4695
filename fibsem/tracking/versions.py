"""The registered versions as a table: when and why each was the champion, if it ever was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import pandas as pd
from mlflow.entities.model_registry import ModelVersion

from fibsem.tracking import names
from fibsem.tracking.history import Change
from fibsem.tracking.store import client_of
from fibsem.tracking.succession import Succession, registered


@dataclass(frozen=True)
class VersionRow:
    """One row of the history: a version while it was the champion, or one that never was.

    Attributes
    ----------
    version, registered
        Number of the version, and when it was registered (UTC, ISO 8601).
    since, until
        Time as the champion; ``since`` is None if it never was, ``until`` if it never was or still
        is.
    why, how
        As in :class:`~fibsem.tracking.history.Change`; of other versions, ``how`` is ``refused``
        with the reason of the gate, or ``registered``.
    dataset, data, code, test_miou
        Facts of its promotion: name and hash of the data, version of the code, mIoU on all
        labelled test pixels. None if they were not stored.
    aliases
        Current aliases of the version, only on its latest row.
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

    def as_read(self) -> dict[str, str]:
        """Return the cells of the row as text, by column heading."""
        return {
            "version": self.version,
            "registered": _moment(self.registered),
            "champion since": _moment(self.since),
            "until": _moment(self.until),
            "how": self.how,
            "test mIoU": "" if self.test_miou is None else f"{self.test_miou:.4f}",
            "dataset": self.dataset or "",
            "data": self.data or "",
            "code": self.code or "",
            "alias": ", ".join(self.aliases),
            "why": self.why,
        }


def _moment(iso: str | None) -> str:
    """Format a time in UTC to the second; None gives an empty text."""
    return "" if iso is None else iso[:19].replace("T", " ")


def champion_history(tracking_uri: str) -> list[VersionRow]:
    """Return a row for each time as champion and each version that never was, oldest first.

    Examples
    --------
    ```python
    [row.version for row in champion_history("sqlite:///mlruns/mlflow.db") if row.since]
    ```
    """
    now = Succession.read(client_of(tracking_uri))
    rows = [
        _row(now.versions[change.version], change, following.since if following else None)
        for change, following in pairwise([*now.line, None])
        if change
    ]
    were_champion = {row.version for row in rows}
    rows += [_row(v, None, None) for key, v in now.versions.items() if key not in were_champion]
    rows.sort(key=lambda row: row.since or row.registered)
    latest = {row.version: k for k, row in enumerate(rows)}
    for alias, holder in sorted(now.aliases.items()):
        row = rows[latest[holder]]
        rows[latest[holder]] = replace(row, aliases=(*row.aliases, alias))
    return rows


def history_table(tracking_uri: str) -> pd.DataFrame:
    """Return the history as a table of text."""
    return pd.DataFrame([row.as_read() for row in champion_history(tracking_uri)])


def _row(version: ModelVersion, change: Change | None, until: str | None) -> VersionRow:
    tags = version.tags
    how = "refused" if tags.get(names.GATE) == "refused" else "registered"
    return VersionRow(
        version=str(version.version),
        registered=registered(version),
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
