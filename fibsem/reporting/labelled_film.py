"""The film that a segmentation was made of, where it still lies at the place that is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fibsem.data.digests import slice_digests
from fibsem.data.preprocessing import evenly_spaced
from fibsem.data.volumes import Volume, open_volume
from fibsem.errors import UserError
from fibsem.inference.volume.witness import plain
from fibsem.system.files import known_json
from fibsem.system.identity import LEDGER
from fibsem.system.records import typed

#: Slices by which a film is known again.
COMPARED = 3


@dataclass(frozen=True)
class _Read:
    """What a ledger says of the slices that were read: their digests by number."""

    read: dict[str, str] = field(default_factory=dict)


def grey_values(folder: Path, record: Mapping[str, Any]) -> Volume | None:
    """Open the film that a segmentation labelled; None where it does not lie there any more.

    Paths are relative as people type them, and names come again: what lies there now is that film
    if some of its slices are what was read then.

    Parameters
    ----------
    folder, record
        Of the segmentation, and its summary.

    Examples
    --------
    ```python
    film = grey_values(Path("labels"), read_json(Path("labels/summary.json")))
    ```
    """
    if not record.get("volume"):
        return None
    try:
        film = open_volume(Path(record["volume"]), gaps=True, **record.get("picked", {}))
        if list(film.shape) != list(record["shape"]):
            return None
        ledger = known_json(folder / LEDGER, lambda written: typed(_Read, written))
        then = {int(z): digest for z, digest in ledger.read.items()} if ledger else {}
        numbers = sorted(then)
        some = [numbers[k] for k in evenly_spaced(len(numbers), COMPARED)]
        now = slice_digests(plain(film), some)
    except (UserError, OSError, ValueError):
        return None
    return film if all(now[z] == then[z] for z in some) else None
