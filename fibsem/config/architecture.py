"""The default architecture of a command.

A sweep is over all architectures, ``space=auto``. A single training is of a U-Net, which learns
most in its time on every film that was tried (``experiments/recipes``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: Override that is added for the default; it appears in the command line that is kept.
GIVEN = {"sweep": "model=auto", "train": "model=unet", "evaluate": "model=unet"}
#: Keys that say of a network what holds for one of them alone, and what lies under them; and that
#: of a comparison, which is of none.
OF_ONE = ("model", "nbhd", "space", "compare")
#: Keys of a network that a U-Net alone has.
OF_UNET = tuple(f"model.{key}" for key in ("stem", "slices", "residual", "up", "norm"))
#: So do these, where they have one of these values.
OF_ONE_WITH = {
    "experiment": ("thesis", "smoke"),
    "search": ("keras_tuner",),
    "search.backend": ("keras_tuner",),
    "train.mode": ("patch",),
}


def with_architecture(command: str, arguments: Iterable[str]) -> list[str]:
    """Add the default architecture to the arguments of a command, if they do not choose one.

    Examples
    --------
    >>> with_architecture("sweep", ["budget=30min"])
    ['model=auto', 'budget=30min']
    >>> with_architecture("sweep", ["--cfg", "job"])
    ['--cfg', 'job', 'model=auto']
    >>> with_architecture("train", ["nbhd=81x81x3"]), with_architecture("train", [])
    (['nbhd=81x81x3'], ['model=unet'])
    >>> with_architecture("train", ["model.stem=1"])
    ['model=unet', 'model.stem=1']
    """
    given = list(arguments)
    keys = {_key(one) for one in given}
    of_unet = not keys.isdisjoint(OF_UNET) and keys.isdisjoint(("model", "space"))
    if command not in GIVEN or (any(map(_says, given)) and not of_unet):
        return given
    first = next((k for k, one in enumerate(given) if _is_override(one)), len(given))
    return [*given[:first], "model=unet" if of_unet else GIVEN[command], *given[first:]]


def why_no_unet(typed: Mapping[str, str], model: str) -> str | None:
    """A notice if a training is not of a U-Net only because a key of another network was typed.

    Parameters
    ----------
    typed
        Typed values by key.
    model
        Name of the architecture.

    Examples
    --------
    >>> why_no_unet({"model.filters": "8"}, "2dcnn")
    'model=2dcnn, as model.filters is given; without it, or with model=unet, it is a U-Net'
    >>> why_no_unet({"model": "2dcnn", "model.filters": "8"}, "2dcnn")
    """
    whys = [key for key in typed if key.partition(".")[0] in ("model", "nbhd")]
    named = not typed.keys().isdisjoint(("model", "model.name", "space"))
    named |= any(typed.get(key) in values for key, values in OF_ONE_WITH.items())
    if model != "2dcnn" or not whys or named:
        return None
    return f"model=2dcnn, as {whys[0]} is given; without it, or with model=unet, it is a U-Net"


def _is_override(argument: str) -> bool:
    """Whether an argument is an override, and no option of Hydra."""
    return "=" in argument and not argument.startswith("-")


def _key(argument: str) -> str:
    """The dotted key of an argument."""
    return argument.lstrip("+~").partition("=")[0]


def _says(argument: str) -> bool:
    """Whether an argument chooses an architecture, or is a key that only one of them has."""
    key, _, value = argument.lstrip("+~").partition("=")
    several = {one.strip("'\" ") for one in value.split(",")}  # of a --multirun
    return key.split(".")[0] in OF_ONE or not several.isdisjoint(OF_ONE_WITH.get(key, ()))
