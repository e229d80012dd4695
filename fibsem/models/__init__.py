"""Model architectures, one per file; networks are built by ``build(spec, dense=False)``.

A trained model is a Keras network, a :class:`~fibsem.models.forest.Forest` or a
:class:`~fibsem.models.threshold.Threshold`; :func:`save` and :func:`load` handle all three.
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
    "write_pretrained",
]

#: A trained model; its type depends on the spec.
Model = Any


@uninterrupted()
def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network of a spec, in strided or in dense form.

    Examples
    --------
    ```python
    spec = resolve("2dcnn", Nbhd.parse("33x33x3"), "valid")
    build(spec).count_params(), build(spec, dense=True).output_shape
    ```
    """
    if not dense:  # the dense form may have another precision
        require_settings()
    model: keras.Model = _file(spec).build(spec, dense=dense)
    return model


@uninterrupted()
def build_for_steps(spec: ModelSpec, precision: str = "float32") -> keras.Model:
    """Build the form of the network with the cheapest training steps; it has the same weights.

    ``precision`` is that of the feature maps, ``float32`` or ``bfloat16``; scores are float32.

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
    """Whether training and inference use the same form of the network.

    Examples
    --------
    ```python
    one_form(resolve("2dcnn", Nbhd.parse("33x33x3"), "valid"))
    ```
    """
    return not hasattr(_file(spec), "build_for_steps")


def untrained(spec: ModelSpec) -> FeatureModel:
    """Return an unfitted model of a spec that is not a network.

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
    """Write the weights of a model to a folder, atomically; create the folder if necessary.

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
    """Load a model that :func:`save` wrote, without running any code in the file.

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
    _file(spec)  # registers custom layers
    file = folder / str(spec.architecture.weights)
    return keras.saving.load_model(file, safe_mode=True, compile=False)


def write_pretrained(spec: ModelSpec, network: keras.Model) -> Path:
    """Write the weights of a network as those that come with the package; return the file.

    ``train.init=auto`` begins with them. They are rounded to half precision.

    Examples
    --------
    ```python
    spec = resolve("unet", Nbhd.parse("65x65x3"), "valid")
    write_pretrained(spec, load(spec, Path("network")))
    ```
    """
    from fibsem.models.pretrained import FOLDER, write

    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{spec.name}.npz"
    write(
        path, spec, {layer.name: layer.get_weights() for layer in network.layers if layer.weights}
    )
    return path
