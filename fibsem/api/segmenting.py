"""Label a volume, in memory or on disk: what ``python -m fibsem.segment`` does."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fibsem.analysis.porosity_told import corrected_text, porosity_text
from fibsem.api.inputs import opened, options_of, volume_of
from fibsem.api.models import CHAMPION, LoadedModel, check_unlike, load_all
from fibsem.api.options import completes, one_line_errors, tree_of
from fibsem.api.results import Result
from fibsem.config import (
    Configuration,
    TrackingConfig,
    Tree,
    output_folder,
    read,
    read_path,
    require,
    voxel_nm_of,
    weights_of,
)
from fibsem.data.dataset.scale import learned_range
from fibsem.data.volumes import Volume, open_volume
from fibsem.data.volumes.volume import ArraySource
from fibsem.data.volumes.voxels import Voxels
from fibsem.system.file_names import visible
from fibsem.system.records import typed
from fibsem.system.summaries.porosity import FilmPorosity

if TYPE_CHECKING:
    from fibsem.inference.model.segmenter import Segmenter
    from fibsem.inference.volume.before.estimate import SegmentationEstimate

Labels = npt.NDArray[np.uint8]
#: One model or several, whose probabilities are averaged.
Models = str | Path | LoadedModel | Sequence[str | Path | LoadedModel]
#: Models for the names in `weights`, in their order; None is loaded by its name, () all of them.
Loaded = Sequence[LoadedModel | None]


@dataclass(frozen=True, repr=False)
class SegmentResult(Result):
    """Labels of a volume, and how they were made.

    Attributes
    ----------
    stores
        ``labels``, and ``probabilities`` and ``uncertainty`` where they were asked for, read box by
        box.
    previews
        Pictures of some slices, PNG.

    Examples
    --------
    ```python
    result = api.segment("my/stack", api.load("models:/fibsem@champion"), output="labels")
    result.porosity, result.corrected, result.stores["labels"]
    ```
    """

    _stores: Mapping[str, Volume]
    previews: tuple[bytes, ...] = ()

    @classmethod
    def of_folder(cls, summary: Mapping[str, Any], folder: Path) -> SegmentResult:
        """What lies in the folder of a finished segmentation."""
        names = ("labels", "probabilities", "uncertainty")
        home = folder.absolute()  # they are read later, wherever people work then
        stores = {n: open_volume(home / summary[n]) for n in names if summary[n]}
        drawn = visible(folder / "previews", "*.png")
        return cls(summary, folder, stores, tuple(path.read_bytes() for path in drawn))

    def in_memory(self) -> SegmentResult:
        """A result without files: labels and probabilities are held in memory."""
        stores = {
            name: store.with_source(ArraySource(store.whole(), store.voxel_nm))
            for name, store in self._stores.items()
        }
        return SegmentResult(self.summary, self.folder, stores, self.previews)

    @property
    def stores(self) -> Mapping[str, Volume]:
        """Labels, probabilities and uncertainty by name, if the folder still holds this result."""
        self.check_kept(self._made_in / self.folder)  # which is not there of a result in memory
        return self._stores

    @property
    def labels(self) -> Labels:
        """Label values (z, y, x) uint8; the whole volume is read each time it is asked for.

        Pore and solid are :attr:`classes`; what is missing or not material has values of its own.
        """
        return self.stores["labels"].whole()

    @property
    def classes(self) -> tuple[int, int]:
        """Label values of pore and solid."""
        pore, solid = self.summary["classes"]
        return pore, solid

    @property
    def pores(self) -> npt.NDArray[np.bool_]:
        """Where there are pores, (z, y, x)."""
        return self.labels == self.classes[0]

    @property
    def probabilities(self) -> npt.NDArray[np.float32] | None:
        """Calibrated probability of solid (z, y, x), to 1/255; None where nobody asked."""
        if "probabilities" not in self._stores:
            return None
        return self.stores["probabilities"].whole().astype(np.float32) / np.float32(255)

    @property
    def porosity(self) -> float:
        """Share of pores in the material."""
        return float(self.summary["porosity"])

    @property
    def porosity_ci(self) -> tuple[float, float]:
        """95 % interval of the porosity over slices; it takes the map for true."""
        low, high = self.summary["porosity_ci"]
        return low, high

    @property
    def corrected(self) -> str:
        """What the film's own test squares say of its porosity, and what stands beside it."""
        return corrected_text(typed(FilmPorosity, self.summary))

    @property
    def warnings(self) -> list[str]:
        """In what the volume differs from those that the models were trained on."""
        return list(self.summary.get("warnings") or ())

    @property
    def text(self) -> str:
        """Porosity, speed and place, and what should be looked at."""
        summary = self.summary
        missing = f", {len(summary['missing'])} slices missing" if summary["missing"] else ""
        left = 1 - summary["material"]["share"]
        missing += f", {100 * left:.2f} % not material" if left else ""
        where = "in memory" if self._stores["labels"].in_memory else self.result_folder
        return "\n".join([
            f"porosity {porosity_text(typed(FilmPorosity, summary))}",
            f"{_rate(summary['voxels_per_second'])} "
            f"({summary['mode']}, {summary['precision']}){missing}; {where}",
            *(f"warning: {warning}" for warning in self.warnings),
        ])  # fmt: skip

    def pictures(self) -> Iterable[bytes]:
        """The slice in the middle of those that were drawn."""
        return self.previews[len(self.previews) // 2 :][:1]


def _rate(voxels_per_second: float | None) -> str:
    """How fast it was; a start that had only to finish has no rate.

    >>> _rate(2e6), _rate(None)
    ('2000000 voxels a second', 'labelled by a start before')
    """
    if voxels_per_second is None:
        return "labelled by a start before"
    return f"{voxels_per_second:.0f} voxels a second"


@completes("segment")
@one_line_errors
def segment(
    volume: Voxels | Volume | str | Path,
    model: Models = CHAMPION,
    *,
    output: str | Path | None = None,
    **options: Any,
) -> SegmentResult:
    """Label every voxel of a stack.

    Parameters
    ----------
    volume : (z, y, x) uint8, uint16 or float32 in [0, 1]; a path; or of :func:`open_volume`
        An array goes the same way as a folder of slices, a TIFF or an OME-Zarr.
    model
        Of :func:`load`, or what it takes; several are averaged, network by network: an ensemble
        of five counts as five. Post-processing and label values are those of the first.
    output
        Folder of the results. None: the one of the command; of an array, or an opened volume,
        none is kept.
    options
        Any other key of ``python -m fibsem.segment``: ``probabilities=True``,
        ``voxel_nm=[50, 10, 10]``, ``valid="all"``, but for ``estimate`` and ``export``.

    Raises
    ------
    UserError
        In one line, what can be mended.

    Notes
    -----
    Without a folder the labels are held in memory, one byte a voxel, and as much for
    probabilities; until it ends they lie in a temporary folder, too. A path is never held whole.

    Examples
    --------
    ```python
    found = api.segment(stack, "models:/fibsem@champion", probabilities=True)
    found.porosity, found.labels, found.probabilities
    ```
    """
    weights = options.get("weights")
    require("weights", weights, weights is None, "left to `model`, the second argument")
    models = _listed(model)
    names = [one.name if isinstance(one, LoadedModel) else str(one) for one in models]
    tree = tree_of(
        "segment", None, options,
        volume=volume if isinstance(volume, str | Path) else None, weights=names, output=output,
    )  # fmt: skip
    asked = tree["estimate"]
    require("estimate", asked, asked is False, "false: it is an answer of the command line")
    require("export", tree["export"], tree["export"] is None, "none: it is of the command line")
    loaded = [one if isinstance(one, LoadedModel) else None for one in models]
    if isinstance(volume, str | Path):
        return run(tree, loaded)
    stack = opened(volume, tree)
    if tree["valid"] == "auto":  # the dataset of a volume says it, if anybody does
        tree = {**tree, "valid": stack.manner.valid}
    if tree["output"] is not None:
        return _label(stack, tree, read_path(tree["output"], "output"), loaded)
    with TemporaryDirectory(prefix="fibsem-") as scratch:
        return _label(stack, tree, Path(scratch) / "labels", loaded).in_memory()


def _listed(model: Models) -> list[str | Path | LoadedModel]:
    """Every model that is meant, if nothing else is among them."""
    models = [model] if isinstance(model, str | Path | LoadedModel) else model
    if not isinstance(models, list | tuple) or not models:
        models = [models]  # type: ignore[list-item]
    for one in models:
        legal = isinstance(one, str | Path | LoadedModel)
        require("model", type(one).__name__, legal, "an address, a folder or a loaded model")
    return list(models)


def run(tree: Tree, loaded: Loaded = ()) -> SegmentResult:
    """Label the volume of a configuration; some of its models may be loaded already."""
    volume = volume_of(tree, options_of(tree))
    voxel_nm_of(tree), weights_of(tree)  # refused before a model is loaded
    folder = output_folder("segment", tree, volume.path.resolve().stem)
    return _label(volume, tree, folder, loaded)


def estimate(tree: Tree) -> SegmentationEstimate:
    """Time, memory and disk that a segmentation will take."""
    _say_unused(tree)
    volume, given = volume_of(tree, options := options_of(tree)), voxel_nm_of(tree)
    models = _models(tree)

    from fibsem.inference.volume.before.estimate import estimate_segmentation
    from fibsem.inference.volume.before.likeness import stated_unlike

    for said in stated_unlike(given, volume.voxel_nm, [model.bundle.trained for model in models]):
        print(f"warning: {said}", file=sys.stderr)
    volume = volume.with_range(volume.declared or _learned_range(volume.dtype, models))
    return estimate_segmentation(volume, _mean(models), options)


def _say_unused(tree: Tree) -> None:
    """Say what was typed and does nothing, a line each."""
    for line in Configuration(tree).typed_for_nothing():
        print(line)


def _label(volume: Volume, tree: Tree, folder: Path, loaded: Loaded) -> SegmentResult:
    _say_unused(tree)
    options, given = options_of(tree), voxel_nm_of(tree)
    models = _models(tree, loaded)
    volume = volume.with_range(volume.declared or _learned_range(volume.dtype, models))

    from fibsem.inference.model.segmenter import first_one_warnings
    from fibsem.inference.volume.segmentation import segment_volume
    from fibsem.system.progress import Progress
    from fibsem.tracking.bundle import load_segmenter
    from fibsem.tracking.provenance import provenance
    from fibsem.tracking.runs import code_version

    named = {f"{k} {model.name}": model.bundle.segmenter for k, model in enumerate(models, 1)}
    for warning in first_one_warnings(named):
        print(f"warning: {warning}")
    if options.symmetry > 1 and _mean(models).with_views(2).symmetry == 1:
        print(f"symmetry={options.symmetry} does nothing: views are those of networks")
    uri = read(TrackingConfig, tree["tracking"], "tracking").absolute_uri
    with Progress("segmenting") as progress:
        summary = segment_volume(
            volume, _mean(models), folder, options,
            voxel_nm=given, trained=[model.bundle.trained for model in models],
            tested=models[0].bundle.tested if len(models) == 1 else (),
            load=partial(load_segmenter, [model.place for model in models], uri),
            provenance=provenance(
                [(model.name, model.bundle) for model in models],
                code=code_version(), command=tree.get("command"),
            ),
            progress=progress,
        )  # fmt: skip
    return SegmentResult.of_folder(summary, folder)


def _models(tree: Tree, loaded: Loaded = ()) -> list[LoadedModel]:
    """The models in their order; two of one name may differ, as the champions of two days do."""
    store, names = read(TrackingConfig, tree["tracking"], "tracking"), weights_of(tree)
    places = list(zip(names, loaded or [None] * len(names), strict=True))
    fresh = iter(load_all([name for name, one in places if one is None], store.uri))
    models = [next(fresh) if one is None else one for _, one in places]
    check_unlike(models)
    return models


def _learned_range(
    dtype: np.dtype[Any], models: Sequence[LoadedModel]
) -> tuple[float, float] | None:
    """The range of grey values of the models, for a volume without a declared one."""
    return learned_range(dtype, *(model.bundle.scales for model in models))


def _mean(models: Sequence[LoadedModel]) -> Segmenter:
    from fibsem.inference.model.segmenter import Segmenter

    return Segmenter.ensemble([model.bundle.segmenter for model in models])
