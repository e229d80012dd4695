"""The keys that a message advises, as the command has them that somebody typed.

What runs inside another command, such as the segmentation of a promotion, speaks of its own keys.
There they have other paths, or lie in the manifest: ``overwrite=true`` would remove trainings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from fibsem.errors import UserError

#: Keys of a film that `segment` is given, and other commands read in a manifest.
OF_FILM = ("pattern", "range", "series", "sparse", "valid", "voxel_nm")


def under(group: str, keys: Iterable[str]) -> dict[str, str]:
    """How keys are called that lie in a group of a command.

    >>> under("segmentation", ["missing"])
    {'missing': 'segmentation.missing'}
    """
    return {key: f"{group}.{key}" for key in keys}


def in_manifest(keys: Iterable[str]) -> dict[str, str]:
    """How keys are called that lie in a manifest, where a message gives them a value.

    >>> in_manifest(["range"])
    {'range=': "the manifest's range="}
    """
    return {f"{key}=": f"the manifest's {key}=" for key in keys}


def as_called(text: str, names: Mapping[str, str]) -> str:
    """A message with other names of keys, wherever it gives them a value or quotes them.

    Parameters
    ----------
    text
        The message.
    names
        By key what it is called; by key and ``=`` where it is given a value alone.

    Examples
    --------
    >>> as_called("missing=skip leaves such slices out.", under("segmentation", ["missing"]))
    'segmentation.missing=skip leaves such slices out.'
    >>> as_called("`slab` must be at least 1", under("segmentation", ["slab"]))
    '`segmentation.slab` must be at least 1'
    """
    if not names:
        return text
    keys = "|".join(re.escape(key) + ("" if key.endswith("=") else "(?=[`=])") for key in names)
    return re.sub(rf"(?<![\w./])(?:{keys})", lambda key: names[key[0]], text)


@contextmanager
def called(names: Mapping[str, str]) -> Iterator[None]:
    """Errors of the user's in this block name keys as they are called outside of it."""
    try:
        yield
    except UserError as error:
        error.args = (as_called(str(error), names),)
        raise
