"""The grey values of a segmented film, found at the recorded path and verified by digests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from fibsem.data.dataset.digests import slice_digests
from fibsem.data.preprocessing import evenly_spaced
from fibsem.data.volumes import Volume, open_volume
from fibsem.errors import UserError
from fibsem.inference.volume.ledger.witness import plain
from fibsem.system.files import known_json
from fibsem.system.identity import LEDGER
from fibsem.system.records import typed
from fibsem.system.summaries.segmentation import FilmPlace

#: Number of slices whose digests are compared.
COMPARED = 3


@dataclass(frozen=True)
class _Read:
    """Digests in a ledger of the slices that were read, by slice number."""

    read: dict[str, str] = field(default_factory=dict)


def check_film(folder: Path, film: FilmPlace, now: Path) -> None:
    """Check that a film is the one that a segmentation labelled.

    Raises
    ------
    UserError
        If there is no film at ``now``, or its shape or slices differ.
    """
    if grey_values(folder, replace(film, volume=str(now))) is None:
        raise UserError(
            f"`volume` must be the film whose labels are in {folder}, of "
            f"{list(film.shape or ())} voxels, but {now} is not there, or another one."
        )


def grey_values(folder: Path, film: FilmPlace) -> Volume | None:
    """Open the film that a segmentation labelled, or return None if it is not there any more.

    Recorded paths may be relative, and names are reused, so the film is verified by the digests of
    some of its slices.

    Parameters
    ----------
    folder, film
        Folder of the segmentation, and the film as recorded in its summary.

    Examples
    --------
    ```python
    segmented = open_segmented(Path("labels"))
    film = grey_values(segmented.folder, segmented.summary)
    ```
    """
    if not film.volume:
        return None
    picked = film.picked.choice if film.picked else {}
    try:
        opened = open_volume(Path(film.volume), gaps=True, **picked)
        if opened.shape != film.shape:
            return None
        ledger = known_json(folder / LEDGER, lambda written: typed(_Read, written))
        then = {int(z): digest for z, digest in ledger.read.items()} if ledger else {}
        numbers = sorted(then)
        chosen = [numbers[k] for k in evenly_spaced(len(numbers), COMPARED)]
        now = slice_digests(plain(opened), chosen)
    except (UserError, OSError, ValueError):
        return None
    return opened if all(now[z] == then[z] for z in chosen) else None
