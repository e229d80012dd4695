"""Which architecture a sweep is of where whoever types it does not say: all of ``space=auto``."""

from __future__ import annotations

from collections.abc import Iterable

#: What `sweep` is given then; it stands in the command that is kept.
AUTO = "model=auto"
#: Keys that say of a network what holds for one of them alone, and what lies under them.
OF_ONE = ("model", "nbhd", "space")
#: So do these, where they have one of these values.
OF_ONE_WITH = {
    "experiment": ("thesis", "smoke"),
    "search": ("keras_tuner",),
    "search.backend": ("keras_tuner",),
    "train.mode": ("patch",),
}


def with_architecture(command: str, arguments: Iterable[str]) -> list[str]:
    """The arguments of a command, with those architectures that a sweep is over.

    Examples
    --------
    >>> with_architecture("sweep", ["budget=30min"])
    ['model=auto', 'budget=30min']
    >>> with_architecture("sweep", ["--cfg", "job"])
    ['--cfg', 'job', 'model=auto']
    >>> with_architecture("sweep", ["nbhd=81x81x3"]), with_architecture("train", [])
    (['nbhd=81x81x3'], [])
    """
    given = list(arguments)
    if command != "sweep" or any(map(_says, given)):
        return given
    first = next((k for k, one in enumerate(given) if _is_override(one)), len(given))
    return [*given[:first], AUTO, *given[first:]]


def _is_override(argument: str) -> bool:
    """Whether it is one; these must follow each other, options stand before or behind."""
    return "=" in argument and not argument.startswith("-")


def _says(argument: str) -> bool:
    """Whether an argument chooses a network, or something that only one architecture has."""
    key, _, value = argument.lstrip("+~").partition("=")
    return key.split(".")[0] in OF_ONE or value.strip("'\"") in OF_ONE_WITH.get(key, ())
