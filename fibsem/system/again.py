"""How a command that ends early goes on: as it was typed, but for what would begin it anew."""

from __future__ import annotations

from collections.abc import Iterable

#: Options of the command of this process that remove what was done, as they are typed.
_anew: list[str] = []


def begin_with(anew: Iterable[str]) -> None:
    """Remember the options of this process's command that remove what was done before."""
    _anew[:] = anew


def anew() -> tuple[str, ...]:
    """Options that :func:`begin_with` was told of, for processes that work for this one."""
    return tuple(_anew)


def same_command() -> str:
    """What goes on from here, as messages call it.

    >>> same_command()
    'the same command'
    >>> begin_with(["overwrite=true"])
    >>> same_command()
    'the same command without overwrite=true'
    >>> begin_with([])
    """
    return f"the same command without {' and '.join(_anew)}" if _anew else "the same command"
