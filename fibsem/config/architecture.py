"""Default architecture of a command whose arguments do not name one.

A sweep searches all architectures of ``space=auto``; a single training uses a U-Net, which learned
most in its time on every film that was tried (``experiments/recipes``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: Argument that is added to a command; it is part of the recorded command line.
GIVEN = {"sweep": "model=auto", "train": "model=unet", "evaluate": "model=unet"}
#: Groups of keys that imply an architecture, and ``compare``, which has none: any key in them
#: prevents the default.
OF_ONE = ("model", "nbhd", "space", "compare")
#: Model keys that only a U-Net has.
OF_UNET = tuple(f"model.{key}" for key in ("stem", "slices", "residual", "up", "norm"))
#: Keys that imply an architecture if they have one of these values.
OF_ONE_WITH = {
    "experiment": ("thesis", "smoke"),
    "search": ("keras_tuner",),
    "search.backend": ("keras_tuner",),
    "train.mode": ("patch",),
}


def with_architecture(command: str, arguments: Iterable[str]) -> list[str]:
    """Return the arguments of a command, with the default architecture added if none is implied.

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
    words = list(arguments)
    keys = {_key(word) for word in words}
    of_unet = not keys.isdisjoint(OF_UNET) and keys.isdisjoint(("model", "space"))
    if command not in GIVEN or (any(map(_says, words)) and not of_unet):
        return words
    first = next((k for k, word in enumerate(words) if _is_override(word)), len(words))
    return [*words[:first], "model=unet" if of_unet else GIVEN[command], *words[first:]]


def why_no_unet(typed: Mapping[str, str], model: str) -> str | None:
    """Explain why a training does not use a U-Net, if only a model key of the user implies that.

    Returns None if the model is not ``2dcnn``, or the user chose it explicitly.

    Parameters
    ----------
    typed
        Values that the user typed, by key.
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
    """Return whether an argument is an override, and not an option of Hydra."""
    return "=" in argument and not argument.startswith("-")


def _key(argument: str) -> str:
    """Return the dotted key of an argument."""
    return argument.lstrip("+~").partition("=")[0]


def _says(argument: str) -> bool:
    """Return whether an argument chooses or implies an architecture."""
    key, _, value = argument.lstrip("+~").partition("=")
    several = {choice.strip("'\" ") for choice in value.split(",")}  # values of a --multirun
    return key.split(".")[0] in OF_ONE or not several.isdisjoint(OF_ONE_WITH.get(key, ()))
