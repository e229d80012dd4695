"""Architectures: each is one file with a function ``build(spec, dense=False) -> keras.Model``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from fibsem.errors import UserError
from fibsem.models.spec import ModelSpec

if TYPE_CHECKING:
    import keras

#: Name that users type -> module. Imported on use, because Keras takes seconds to load.
MODELS = {"2dcnn": "fibsem.models.cnn2d"}


def check_name(name: str) -> None:
    """Refuse an architecture that does not exist."""
    if name not in MODELS:
        raise UserError(f"`model` must be one of {', '.join(MODELS)}, but got {name}.")


def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network that the spec describes, in strided or in dense form."""
    check_name(spec.name)
    model: keras.Model = import_module(MODELS[spec.name]).build(spec, dense=dense)
    return model
