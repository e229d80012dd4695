"""Architectures: each is one file; networks are a function ``build(spec, dense=False)``.

A trained model is a Keras network, a :class:`~fibsem.models.forest.Forest` or a
:class:`~fibsem.models.threshold.Threshold`; :func:`save` and :func:`load` know all three.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fibsem.models.settings import require_settings
from fibsem.models.spec import ModelSpec
from fibsem.system.files import beside
from fibsem.system.interrupts import uninterrupted

if TYPE_CHECKING:
    import keras

#: What a training gives: its type follows from the spec.
Model = Any


@uninterrupted()
def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network that the spec describes, in strided or in dense form."""
    if not dense:  # whose precision is set for it
        require_settings()
    model: keras.Model = _file(spec).build(spec, dense=dense)
    return model


@uninterrupted()
def build_for_steps(spec: ModelSpec) -> keras.Model:
    """Build the form of the network that a step of training costs least in; same weights."""
    require_settings()
    file = _file(spec)
    model: keras.Model = getattr(file, "build_for_steps", file.build)(spec)
    return model


def _file(spec: ModelSpec) -> ModuleType:
    """The architecture's own file, imported on use because Keras takes seconds to load."""
    return import_module(f"fibsem.models.{spec.architecture.module}")


def file_name(spec: ModelSpec) -> str:
    """Name of the file that holds the weights: Keras' own format, or skops; none is a pickle."""
    return "model.keras" if spec.is_network else "model.skops"


def save(spec: ModelSpec, model: Model, folder: Path) -> None:
    """Write the weights into a folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    if spec.name == "threshold":  # it has learned nothing
        return
    with beside(folder / file_name(spec)) as path:
        model.save(path)


@uninterrupted()
def load(spec: ModelSpec, folder: Path) -> Model:
    """Read what :func:`save` wrote; no code that a file may hold is run."""
    if spec.name == "threshold":
        from fibsem.models.threshold import Threshold

        return Threshold(spec)
    if spec.name == "forest":
        from fibsem.models.forest import Forest

        return Forest.load(spec, folder / file_name(spec))
    import keras

    require_settings()
    _file(spec)  # registers layers of its own
    return keras.saving.load_model(folder / file_name(spec), safe_mode=True, compile=False)
