"""Weights that come with the package, to initialise trainings (``train.init=auto``).

They were trained on simulated films of many kinds (``experiments/pretraining``), never on manual
labels. A file holds one network: the weights of its layers in half precision, and its
specification.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.models.spec import ModelSpec

#: Weights of a network by layer name.
Layers = dict[str, list[npt.NDArray[np.float32]]]

FOLDER = Path(__file__).with_name("weights")
#: Entry of a file that holds the specification; entries of weights are named ``layer/number``.
SPEC = "spec"


@cache
def pretrained() -> tuple[tuple[ModelSpec, Layers], ...]:
    """Return all networks that come with the package, as specifications and weights.

    Examples
    --------
    >>> [spec.name for spec, _ in pretrained()]
    ['unet']
    """
    return tuple(map(read, sorted(FOLDER.glob("*.npz"))))


def has_weights(model: str) -> bool:
    """Whether the package has weights of an architecture.

    >>> has_weights("unet"), has_weights("2dcnn")
    (True, False)
    """
    return any(spec.name == model for spec, _ in pretrained())


def read(path: Path) -> tuple[ModelSpec, Layers]:
    """Read the specification and weights that :func:`write` wrote."""
    layers: Layers = {}
    with np.load(path) as file:
        spec = ModelSpec.from_json(json.loads(str(file[SPEC])))
        for key in file.files:
            if key != SPEC:
                layers.setdefault(key.rpartition("/")[0], []).append(file[key].astype(np.float32))
    return spec, layers


def write(path: Path, spec: ModelSpec, layers: Layers) -> None:
    """Write the weights of a network, rounded to half precision, and its specification."""
    entries: dict[str, npt.NDArray[Any]] = {
        f"{name}/{k}": weight.astype(np.float16)
        for name, weights in layers.items()
        for k, weight in enumerate(weights)
    }
    entries[SPEC] = np.array(json.dumps(spec.to_json()))
    np.savez_compressed(path, **entries)  # type: ignore[arg-type]
