"""Weights that come with the package, for trainings to begin with (``train.init=auto``).

They have learned on simulated films of many kinds (``experiments/pretraining``), never on
anybody's labels. A file holds one network: weights of its layers in half precision, and the
specification that it was built from.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.models.spec import ModelSpec

#: Weights of a network by the names of its layers.
Layers = dict[str, list[npt.NDArray[np.float32]]]

FOLDER = Path(__file__).with_name("weights")
#: Entry of a file that holds the specification; those of weights are ``layer/number``.
SPEC = "spec"


@cache
def pretrained() -> tuple[tuple[ModelSpec, Layers], ...]:
    """The networks that there are weights of, each with its specification.

    Examples
    --------
    >>> [spec.name for spec, _ in pretrained()]
    ['unet']
    """
    return tuple(map(read, sorted(FOLDER.glob("*.npz"))))


def has_weights(model: str) -> bool:
    """Whether there are weights of an architecture.

    >>> has_weights("unet"), has_weights("2dcnn")
    (True, False)
    """
    return any(spec.name == model for spec, _ in pretrained())


def read(path: Path) -> tuple[ModelSpec, Layers]:
    """Read what :func:`write` has written."""
    layers: Layers = {}
    with np.load(path) as file:
        spec = ModelSpec.from_json(json.loads(str(file[SPEC])))
        for key in file.files:
            if key != SPEC:
                layers.setdefault(key.rpartition("/")[0], []).append(file[key].astype(np.float32))
    return spec, layers


def write(path: Path, spec: ModelSpec, layers: Layers) -> None:
    """Write the weights of a network, rounded to half precision."""
    entries: dict[str, npt.NDArray[Any]] = {
        f"{name}/{k}": weight.astype(np.float16)
        for name, weights in layers.items()
        for k, weight in enumerate(weights)
    }
    entries[SPEC] = np.array(json.dumps(spec.to_json()))
    np.savez_compressed(path, **entries)  # type: ignore[arg-type]
