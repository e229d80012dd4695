"""Indices of NumPy as boxes: what ``volume[12]`` and ``volume[0:4, :, 100:200]`` read."""

from __future__ import annotations

from operator import index
from typing import Any

from fibsem.errors import UserError
from fibsem.geometry import Box, Triple


def box_of(key: Any, shape: Triple) -> tuple[Box, tuple[int, ...]]:
    """Return the box of an index, and the axes along which it is a single number.

    Parameters
    ----------
    key
        Numbers, slices without a step and ``...``, in the order (z, y, x).
    shape
        Extent of the volume.

    Raises
    ------
    UserError
        If it is another kind of index.
    IndexError
        If a number lies outside, with which Python ends a loop over slices.

    Examples
    --------
    >>> box_of((-1, slice(2, 6)), (3, 64, 32))
    (Box(start=(2, 2, 0), stop=(3, 6, 32)), (0,))
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    dots = next((k for k, entry in enumerate(parts) if entry is ...), None)
    if dots is not None:
        parts[dots : dots + 1] = [slice(None)] * (4 - len(parts))
    parts += [slice(None)] * (3 - len(parts))
    try:
        ends = [_ends(entry, n) for entry, n in zip(parts, shape, strict=True)]
    except (TypeError, ValueError) as error:
        raise _refused(key) from error
    (z0, z1), (y0, y1), (x0, x1) = ends
    single = tuple(axis for axis, entry in enumerate(parts) if not isinstance(entry, slice))
    return Box((z0, y0, x0), (z1, y1, x1)), single


def _ends(entry: Any, n: int) -> tuple[int, int]:
    """Return where a part of an index begins and ends along an axis of ``n`` voxels."""
    if isinstance(entry, slice):
        first, stop, step = entry.indices(n)
        if step != 1:
            raise TypeError("a step")
        return first, max(first, stop)
    number = index(entry)
    if not -n <= number < n:
        raise IndexError(f"an index of a volume must lie in an axis of {n} voxels: {number}")
    return number % n, number % n + 1


def _refused(key: Any) -> UserError:
    return UserError(
        "an index of a volume must be numbers and slices without a step, (z, y, x), but got "
        f"{key!r}; .whole() is an array with every kind of index."
    )
