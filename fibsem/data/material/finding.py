"""Determine the extent of a volume by a rule, from a mask, or by a search."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from fibsem.data.material.doubts import Doubts
from fibsem.data.material.extent import Extent
from fibsem.data.material.search import Search, Show
from fibsem.data.volumes import Volume, open_labels
from fibsem.data.volumes.faults import absence, kind_of
from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.system.advice import VALID
from fibsem.system.home import home_path

#: Seconds after which progress is shown.
SHOWN_AFTER_S = 2.0


#: Values of `valid` other than the path of a mask.
RULES = ("auto", "all")


def given_extent(shape: Triple, valid: str) -> Extent | None:
    """Return the extent that `valid` gives without examining slices; None for ``auto``.

    Raises
    ------
    UserError
        If the mask does not exist, cannot be opened, or has another shape.

    Examples
    --------
    >>> given_extent((10, 4, 6), "all").left_out()
    {}
    >>> given_extent((10, 4, 6), "auto") is None
    True
    """
    if valid == "auto":
        return None
    if valid == "all":
        return Extent(shape)
    path = home_path(valid).absolute()  # other processes may have another working directory
    if kind_of(path) == "absent":
        raise UserError(
            f"`{VALID}` must be auto, all (everything is material) or the path of a mask, but "
            f"{absence(path)}."
        )
    mask = open_labels(path)
    if mask.shape[1:] != shape[1:] or mask.shape[0] not in (1, shape[0]):
        raise UserError(
            f"`{VALID}` must be auto, all or a mask of the volume's shape {shape} or of one "
            f"slice of it, but {mask.path} has {mask.shape}."
        )
    return Extent(shape, mask=mask)


def look_for(volume: Volume, valid: str = "auto") -> Extent:
    """Return the extent of a volume whose slices are examined lazily.

    For data of which few slices are used; `find_extent` examines all slices.

    Examples
    --------
    >>> import numpy as np
    >>> from fibsem.data.volumes import ArrayVolume
    >>> film = np.random.default_rng(0).integers(50, 200, (3, 32, 32), np.uint8)
    >>> film[:, :, :4] = 0
    >>> look_for(ArrayVolume(film)).pixels(1)
    896
    """
    return given_extent(volume.shape, valid) or Extent(volume.shape, Search(volume))


def odd_in(
    volume: Volume, extent: Extent | None = None, show: Callable[[int], object] = int
) -> Iterator[str]:
    """Yield messages about slices unlike their neighbours; each slice is read once.

    If an extent is given, only its material is compared.

    Examples
    --------
    >>> import numpy as np
    >>> from fibsem.data.volumes import ArrayVolume
    >>> [*odd_in(ArrayVolume(np.zeros((3, 8, 8), np.uint8)))]  # all alike
    []
    """
    yield from Search(volume).odd_of_all(extent, show)


def find_extent(
    volume: Volume, declared: Extent | None = None, progress: Show | None = None
) -> Extent:
    """Return the extent of a volume after reading every slice once.

    If ``declared`` is given, see `given_extent`, nothing is searched for, but odd slices are still
    reported. Memory: a slice. Time: that of reading, and of a few passes over each slice.

    Examples
    --------
    >>> import numpy as np
    >>> from fibsem.data.volumes import ArrayVolume
    >>> film = np.random.default_rng(0).integers(50, 200, (3, 32, 32), np.uint8)
    >>> film[:, :, :4] = 0
    >>> find_extent(ArrayVolume(film)).left_out()
    {'rim': 384}
    """
    began = time.monotonic()

    def show(z: int) -> None:
        if progress and time.monotonic() - began > SHOWN_AFTER_S:
            progress("slices looked at", z, volume.shape[0])

    search, parts = Search(volume), {}
    if declared is not None:
        return replace(declared, doubts=tuple(search.odd_of_all(declared, show)))
    for z in search:
        show(z)
        if parts_here := search[z]:
            parts[z] = parts_here
    return Extent(volume.shape, parts, doubts=tuple(Doubts(search)))
