"""A trained model with all that is needed to use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fibsem.api.options import completes, one_line_errors, tree_of
from fibsem.config import TrackingConfig, Tree, read, require, weights_of
from fibsem.errors import UserError
from fibsem.system.advice import WEIGHTS
from fibsem.system.home import home_path
from fibsem.system.notebooks import as_html
from fibsem.system.secrets import in_message

if TYPE_CHECKING:
    from fibsem.inference.model.segmenter import Segmenter
    from fibsem.tracking.bundle import Bundle

#: The model that is used by default.
CHAMPION = "models:/fibsem@champion"


@dataclass(frozen=True, repr=False)
class LoadedModel:
    """A model of the registry, or of a bundle's folder.

    Attributes
    ----------
    name
        The name or folder by which it was loaded.
    bundle
        Networks, preprocessing, post-processing, and their lineage.

    Examples
    --------
    ```python
    model = api.load("models:/fibsem@champion")
    model.version, model.voxel_nm
    ```
    """

    name: str
    bundle: Bundle
    _loaded_in: Path = field(init=False, default_factory=Path.cwd, compare=False)

    @property
    def version(self) -> str | None:
        """Registered version as text; None if the model was loaded from a folder."""
        return self.bundle.version

    @property
    def address(self) -> str:
        """Address of the same model in other processes and later: a version, not an alias."""
        name = self.name if ":/" in self.name else str(self._loaded_in / home_path(self.name))
        return address_of(name, self.version)

    @property
    def classes(self) -> tuple[int, int]:
        """Label values of pore and solid."""
        return self.bundle.segmenter.classes

    @property
    def voxel_nm(self) -> tuple[float | None, float | None, float | None]:
        """Voxel size of the training films, (z, y, x) in nm; None for an unknown size."""
        return self.bundle.voxel_nm

    def pictures(self) -> Iterable[bytes]:
        """Reliability of its probabilities and grey values of its films, where recorded, as PNG."""
        from fibsem.analysis import figures

        audit = self.bundle.audit
        if audit.calibration is not None:
            yield figures.png(figures.reliability(audit.calibration))
        if audit.greys:
            counts = {name: np.asarray(greys) for name, greys in audit.greys.items()}
            edges = np.linspace(0, 1, len(next(iter(counts.values()))) + 1)
            yield figures.png(figures.histograms(counts, edges))

    def _repr_html_(self) -> str:
        return as_html(in_message(repr(self)), self.pictures())

    def __repr__(self) -> str:
        segmenter = self.bundle.segmenter
        members = " + ".join(
            f"{member.spec.name} {member.spec.nbhd}" for member in segmenter.members
        )
        steps = segmenter.postprocessing
        version = f", version {self.version}" if self.version else ""
        return (
            f"{self.name}{version}: {members}, trained at {_nm(self.voxel_nm)} nm (z, y, x); "
            f"sigma {steps.sigma:g}, threshold {steps.threshold:g}, temperature "
            f"{segmenter.temperature:.3g}"
        )


def _nm(voxel_nm: Sequence[float | None]) -> str:
    return " x ".join("?" if nm is None else f"{nm:g}" for nm in voxel_nm)


@completes("segment", "tracking")
@one_line_errors
def load(weights: str | Path = CHAMPION, **options: Any) -> LoadedModel:
    """Load a model: the champion, a version, or a bundle's folder.

    Parameters
    ----------
    weights
        ``models:/fibsem@champion``, ``models:/fibsem/3`` or a folder.
    options
        ``tracking={"uri": ...}``: the MLflow store.

    Raises
    ------
    UserError
        If there is no such model, or its files are damaged.

    Examples
    --------
    ```python
    model = api.load("models:/fibsem@champion")
    api.segment(stack, model).porosity
    ```
    """
    legal = isinstance(weights, str | Path)
    require("weights", type(weights).__name__, legal, "an address in MLflow or a folder")
    tree = tree_of("segment", None, options, weights=str(weights))
    return load_all([str(weights)], read(TrackingConfig, tree["tracking"], "tracking").uri)[0]


#: A model, or several whose probabilities are averaged.
Models = str | Path | LoadedModel | Sequence[str | Path | LoadedModel]
#: Loaded models for the names in ``weights``, in their order. None: load by name; (): load all.
Loaded = Sequence[LoadedModel | None]


def listed(model: Models) -> list[str | Path | LoadedModel]:
    """Return models that were passed as an argument as a list.

    Raises
    ------
    UserError
        If something else is among them.
    """
    models = [model] if isinstance(model, str | Path | LoadedModel) else model
    if not isinstance(models, list | tuple) or not models:
        models = [models]  # type: ignore[list-item]
    for member in models:
        legal = isinstance(member, str | Path | LoadedModel)
        require("model", type(member).__name__, legal, "an address, a folder or a loaded model")
    return list(models)


def names_of(models: Sequence[str | Path | LoadedModel]) -> list[str]:
    """Return the names of models as ``weights`` has them."""
    return [member.name if isinstance(member, LoadedModel) else str(member) for member in models]


def loaded_among(models: Sequence[str | Path | LoadedModel]) -> Loaded:
    """Return the models that are loaded already, and None for the others."""
    return [member if isinstance(member, LoadedModel) else None for member in models]


def models_of(tree: Tree, loaded: Loaded = ()) -> list[LoadedModel]:
    """Return the models in the order of ``weights``; those in ``loaded`` are not loaded again."""
    store, names = read(TrackingConfig, tree["tracking"], "tracking"), weights_of(tree)
    places = list(zip(names, loaded or [None] * len(names), strict=True))
    fresh = iter(load_all([name for name, model in places if model is None], store.uri))
    models = [next(fresh) if model is None else model for _, model in places]
    check_unlike(models)
    return models


def mean_of(models: Sequence[LoadedModel]) -> Segmenter:
    """Return the segmenter that averages the networks of models."""
    from fibsem.inference.model.segmenter import Segmenter

    return Segmenter.ensemble([model.bundle.segmenter for model in models])


def warn_of_first(models: Sequence[LoadedModel]) -> None:
    """Print warnings if models differ in settings that an ensemble takes from the first one."""
    from fibsem.inference.model.segmenter import first_one_warnings

    named = {f"{k} {model.name}": model.bundle.segmenter for k, model in enumerate(models, 1)}
    for warning in first_one_warnings(named):
        print(f"warning: {warning}")


def load_folder(folder: Path) -> LoadedModel:
    """Load the bundle of a training or a promotion from its folder."""
    from fibsem.tracking.bundle import load_bundle

    return LoadedModel(str(folder), load_bundle(folder))


def load_all(weights: Sequence[str], uri: str) -> list[LoadedModel]:
    """Load several models by their names in a store or by their folders."""
    from fibsem.tracking.bundle import find_bundle

    return [LoadedModel(name, find_bundle(name, uri)) for name in weights]


def check_unlike(models: Sequence[LoadedModel]) -> None:
    """Refuse a list with the same model twice, which would count double.

    The loaded models are compared, since an alias may mean a version that is listed, too.

    Raises
    ------
    UserError
        If two of them have equal weights and settings.

    Examples
    --------
    >>> check_unlike([])  # nothing to refuse
    """
    names: dict[str, list[str]] = {}
    for model in models:
        names.setdefault(model.bundle.segmenter.identity, []).append(model.name)
    for same in names.values():
        if len(same) > 1:
            raise UserError(
                f"`{WEIGHTS}` must name different models, but {' and '.join(same)} are the same; "
                f"the choices are {same[0]} alone or others beside it."
            )


def address_of(weights: str, version: str | None) -> str:
    """Return an address that refers to the same model in other processes and later.

    >>> address_of("models:/fibsem@champion", "3"), address_of("models:/fibsem/2", "2")
    ('models:/fibsem/3', 'models:/fibsem/2')
    """
    if ":/" not in weights:
        return str(home_path(weights).resolve())
    return f"{weights.partition('@')[0]}/{version}" if "@" in weights and version else weights
