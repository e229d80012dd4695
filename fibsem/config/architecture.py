"""Which architecture a command is of where whoever types it does not say.

A sweep is over all of ``space=auto``; one training is that of a U-Net, which learns most in its
time on every film that was tried (``experiments/recipes``).
"""

from __future__ import annotations

from collections.abc import Iterable

#: What a command is given then; it stands in the command that is kept.
GIVEN = {"sweep": "model=auto", "train": "model=unet", "evaluate": "model=unet"}
#: Keys that say of a network what holds for one of them alone, and what lies under them; and that
#: of a comparison, which is of none.
OF_ONE = ("model", "nbhd", "space", "compare")
#: So do these, where they have one of these values.
OF_ONE_WITH = {
    "experiment": ("thesis", "smoke"),
    "search": ("keras_tuner",),
    "search.backend": ("keras_tuner",),
    "train.mode": ("patch",),
}


def with_architecture(command: str, arguments: Iterable[str]) -> list[str]:
    """The arguments of a command, with the architecture that it is of.

    Examples
    --------
    >>> with_architecture("sweep", ["budget=30min"])
    ['model=auto', 'budget=30min']
    >>> with_architecture("sweep", ["--cfg", "job"])
    ['--cfg', 'job', 'model=auto']
    >>> with_architecture("train", ["nbhd=81x81x3"]), with_architecture("train", [])
    (['nbhd=81x81x3'], ['model=unet'])
    """
    given = list(arguments)
    if command not in GIVEN or any(map(_says, given)):
        return given
    first = next((k for k, one in enumerate(given) if _is_override(one)), len(given))
    return [*given[:first], GIVEN[command], *given[first:]]


def _is_override(argument: str) -> bool:
    """Whether it is one; these must follow each other, options stand before or behind."""
    return "=" in argument and not argument.startswith("-")


def _says(argument: str) -> bool:
    """Whether an argument chooses a network, or something that only one architecture has."""
    key, _, value = argument.lstrip("+~").partition("=")
    several = {one.strip("'\" ") for one in value.split(",")}  # of a --multirun
    return key.split(".")[0] in OF_ONE or not several.isdisjoint(OF_ONE_WITH.get(key, ()))
