"""How to resume a command that ended early: the same command without options that start anew."""

from __future__ import annotations

from collections.abc import Iterable

#: Options of this process's command that remove earlier results, as typed.
_anew: list[str] = []


def begin_with(anew: Iterable[str]) -> None:
    """Remember the options of this process's command that remove earlier results."""
    _anew[:] = anew


def anew() -> tuple[str, ...]:
    """Return the options given to :func:`begin_with`, for worker processes."""
    return tuple(_anew)


def same_command() -> str:
    """Return how messages name the command that resumes the work.

    >>> same_command()
    'the same command'
    >>> begin_with(["overwrite=true"])
    >>> same_command()
    'the same command without overwrite=true'
    >>> begin_with([])
    """
    return f"the same command without {' and '.join(_anew)}" if _anew else "the same command"
