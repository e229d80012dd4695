"""Architectures: each is one file; networks are a function ``build(spec, dense=False)``.

A trained model is a Keras network, a :class:`~fibsem.models.forest.Forest` or a
:class:`~fibsem.models.threshold.Threshold`; :func:`save` and :func:`load` know all three.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fibsem.models.architectures import MODELS
from fibsem.models.settings import maps_in, require_settings
from fibsem.models.spec import ModelSpec, resolve
from fibsem.system.files import beside
from fibsem.system.interrupts import uninterrupted

if TYPE_CHECKING:
    import keras

    from fibsem.models.feature_model import FeatureModel

__all__ = [
    "MODELS",
    "Model",
    "ModelSpec",
    "build",
    "build_for_steps",
    "load",
    "one_form",
    "resolve",
    "save",
    "untrained",
]

#: What a training gives: its type follows from the spec.
Model = Any


@uninterrupted()
def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network that the spec describes, in strided or in dense form.

    Examples
    --------
    ```python
    spec = resolve("2dcnn", Nbhd.parse("33x33x3"), "valid")
    build(spec).count_params(), build(spec, dense=True).output_shape
    ```
    """
    if not dense:  # whose precision is set for it
        require_settings()
    model: keras.Model = _file(spec).build(spec, dense=dense)
    return model


@uninterrupted()
def build_for_steps(spec: ModelSpec, precision: str = "float32") -> keras.Model:
    """Build the form of the network that a step of training costs least in; same weights.

    Its maps may be ``bfloat16``; its scores are float32.

    Examples
    --------
    ```python
    quick = build_for_steps(resolve("unet", Nbhd.parse("65x65x3"), "valid"), "bfloat16")
    ```
    """
    require_settings()
    file = _file(spec)
    with maps_in(precision):
        model: keras.Model = getattr(file, "build_for_steps", file.build)(spec)
    return model


def one_form(spec: ModelSpec) -> bool:
    """Whether steps are made with the form of the network that is used.

    Examples
    --------
    ```python
    one_form(resolve("2dcnn", Nbhd.parse("33x33x3"), "valid"))
    ```
    """
    return not hasattr(_file(spec), "build_for_steps")


def untrained(spec: ModelSpec) -> FeatureModel:
    """A model that is no network, before it has learned anything.

    Examples
    --------
    >>> from fibsem.geometry import Nbhd
    >>> type(untrained(resolve("threshold", Nbhd.parse("1x1x1"), "valid"))).__name__
    'Threshold'
    """
    model: FeatureModel = _file(spec).MODEL(spec)
    return model


def _file(spec: ModelSpec) -> ModuleType:
    """The architecture's own file, imported on use because Keras takes seconds to load."""
    return import_module(f"fibsem.models.{spec.architecture.module}")


def save(spec: ModelSpec, model: Model, folder: Path) -> None:
    """Write the weights into a folder, whole or not at all.

    Examples
    --------
    ```python
    save(spec, build(spec), Path("network"))
    load(spec, Path("network"))
    ```
    """
    folder.mkdir(parents=True, exist_ok=True)
    if spec.architecture.weights:
        with beside(folder / spec.architecture.weights) as path:
            model.save(path)


@uninterrupted()
def load(spec: ModelSpec, folder: Path) -> Model:
    """Read what :func:`save` wrote; no code that a file may hold is run.

    Examples
    --------
    ```python
    spec = resolve("2dcnn", Nbhd.parse("33x33x3"), "valid")
    load(spec, Path("network")).summary()
    ```
    """
    if not spec.is_network:
        return untrained(spec).restored(folder)
    import keras

    require_settings()
    _file(spec)  # registers layers of its own
    file = folder / str(spec.architecture.weights)
    return keras.saving.load_model(file, safe_mode=True, compile=False)
