"""The film that a segmentation was made of, where it still lies at the place that is recorded."""

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

#: Slices by which a film is known again.
COMPARED = 3


@dataclass(frozen=True)
class _Read:
    """What a ledger says of the slices that were read: their digests by number."""

    read: dict[str, str] = field(default_factory=dict)


def check_film(folder: Path, place: FilmPlace, now: Path) -> None:
    """Refuse to lay labels over another film than theirs.

    Raises
    ------
    UserError
        If there is no film, or one of another shape or with other slices.
    """
    if grey_values(folder, replace(place, volume=str(now))) is None:
        raise UserError(
            f"`volume` must be the film whose labels are in {folder}, of "
            f"{list(place.shape or ())} voxels, but {now} is not there, or another one."
        )


def grey_values(folder: Path, place: FilmPlace) -> Volume | None:
    """Open the film that a segmentation labelled; None where it does not lie there any more.

    Paths are relative as people type them, and names come again: what lies there now is that film
    if some of its slices are what was read then.

    Parameters
    ----------
    folder, place
        Of the segmentation, and what its summary says of the film.

    Examples
    --------
    ```python
    segmented = open_segmented(Path("labels"))
    film = grey_values(segmented.folder, segmented.summary)
    ```
    """
    if not place.volume:
        return None
    picked = place.picked.choice if place.picked else {}
    try:
        film = open_volume(Path(place.volume), gaps=True, **picked)
        if film.shape != place.shape:
            return None
        ledger = known_json(folder / LEDGER, lambda written: typed(_Read, written))
        then = {int(z): digest for z, digest in ledger.read.items()} if ledger else {}
        numbers = sorted(then)
        some = [numbers[k] for k in evenly_spaced(len(numbers), COMPARED)]
        now = slice_digests(plain(film), some)
    except (UserError, OSError, ValueError):
        return None
    return film if all(now[z] == then[z] for z in some) else None
