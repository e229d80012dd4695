"""Label a volume in memory or on disk: ``python -m fibsem.segment``."""

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
    as_typed,
    command_line,
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
from fibsem.system.summaries import SegmentedFilm
from fibsem.system.summaries.figures import Ends

if TYPE_CHECKING:
    from fibsem.inference.model.segmenter import Segmenter
    from fibsem.inference.volume.before.estimate import SegmentationEstimate

Labels = npt.NDArray[np.uint8]
#: A model, or several whose probabilities are averaged.
Models = str | Path | LoadedModel | Sequence[str | Path | LoadedModel]
#: Loaded models for the names in ``weights``, in their order. None: load by name; (): load all.
Loaded = Sequence[LoadedModel | None]


@dataclass(frozen=True, repr=False)
class SegmentResult(Result[SegmentedFilm]):
    """Labels of a volume, with the record of their segmentation.

    Attributes
    ----------
    stores
        ``labels``, and ``probabilities`` and ``uncertainty`` if they were requested, read box by
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
    def of_folder(cls, film: SegmentedFilm, folder: Path) -> SegmentResult:
        """Make a result from the folder of a finished segmentation."""
        home = folder.absolute()  # read later, perhaps in another working directory
        stores = {name: open_volume(home / file) for name, file in film.files.items()}
        drawn = visible(folder / "previews", "*.png")
        return cls(film, folder, stores, tuple(path.read_bytes() for path in drawn))

    def in_memory(self) -> SegmentResult:
        """Make a result that holds labels and probabilities in memory, without files."""
        stores = {
            name: store.with_source(ArraySource(store.whole(), store.voxel_nm))
            for name, store in self._stores.items()
        }
        return SegmentResult(self.contents, self.folder, stores, self.previews)

    @property
    def stores(self) -> Mapping[str, Volume]:
        """Labels, probabilities and uncertainty by name, if the folder still holds this result."""
        self.check_kept(self._made_in / self.folder)  # no such folder for a result in memory
        return self._stores

    @property
    def labels(self) -> Labels:
        """Label values (z, y, x) uint8; every access reads the whole volume.

        Values of pore and solid are :attr:`classes`; missing slices and voxels outside the material
        have other values.
        """
        return self.stores["labels"].whole()

    @property
    def classes(self) -> tuple[int, int]:
        """Label values of pore and solid."""
        return self.contents.classes

    @property
    def pores(self) -> npt.NDArray[np.bool_]:
        """Mask of the pores, (z, y, x) bool."""
        return self.labels == self.classes[0]

    @property
    def probabilities(self) -> npt.NDArray[np.float32] | None:
        """Calibrated probability of solid (z, y, x), in steps of 1/255; None if not asked for."""
        if "probabilities" not in self._stores:
            return None
        return self.stores["probabilities"].whole().astype(np.float32) / np.float32(255)

    @property
    def porosity(self) -> float:
        """Share of pores in the material."""
        return self.contents.porosity

    @property
    def porosity_ci(self) -> Ends | None:
        """95 % interval of the porosity over slices, assuming that all labels are right."""
        return self.contents.porosity_ci

    @property
    def corrected(self) -> str:
        """Porosity corrected by test squares of this film, with its interval and more."""
        return corrected_text(self.contents)

    @property
    def warnings(self) -> list[str]:
        """Warnings of differences between the volume and the training data of the models."""
        return list(self.contents.warnings)

    @property
    def text(self) -> str:
        """Porosity, speed, folder, the next command, and warnings."""
        film = self.contents
        missing = f", {len(film.missing)} slices missing" if film.missing else ""
        left = 1 - film.material_share
        missing += f", {100 * left:.2f} % not material" if left else ""
        in_memory = self._stores["labels"].in_memory
        where = "in memory" if in_memory else self.result_folder
        measure = command_line("quantify", [as_typed("segmentation", str(self.result_folder))])
        return "\n".join([
            f"porosity {porosity_text(film)}",
            f"{_rate(film.voxels_per_second)} ({film.mode}, {film.precision}){missing}; {where}",
            *([] if in_memory else [f"measure its structure: {measure}"]),
            *(f"warning: {warning}" for warning in self.warnings),
        ])  # fmt: skip

    def pictures(self) -> Iterable[bytes]:
        """Preview of a slice in the middle."""
        return self.previews[len(self.previews) // 2 :][:1]


def _rate(voxels_per_second: float | None) -> str:
    """The rate as text; a start that only finished a segmentation has none.

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
    """Label every voxel of a volume.

    Parameters
    ----------
    volume : (z, y, x) uint8, uint16 or float32 in [0, 1]; a path; or of :func:`open_volume`
        An array is treated like a folder of slices, a TIFF or an OME-Zarr.
    model
        A model from :func:`load`, or its name; a list is averaged network by network, so that an
        ensemble of five counts as five. Post-processing and label values are those of the first.
    output
        Output folder. None: the default of the command; for an array or an opened volume no folder
        is kept.
    options
        Any other key of ``python -m fibsem.segment`` but ``estimate`` and ``export``, such as
        ``probabilities=True``, ``voxel_nm=[50, 10, 10]`` or ``valid="all"``.

    Raises
    ------
    UserError
        If an option, the volume or the model is wrong.

    Notes
    -----
    Without a folder, labels are held in memory, one byte per voxel, and as much for probabilities;
    during the work they are also in a temporary folder. A volume on disk is never read as a whole.

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
    if tree["valid"] == "auto":  # a volume of a dataset may state its extent
        tree = {**tree, "valid": stack.manner.valid}
    if tree["output"] is not None:
        return _label(stack, tree, read_path(tree["output"], "output"), loaded)
    with TemporaryDirectory(prefix="fibsem-") as scratch:
        return _label(stack, tree, Path(scratch) / "labels", loaded).in_memory()


def _listed(model: Models) -> list[str | Path | LoadedModel]:
    """Return the given models as a list; raise UserError if something else is among them."""
    models = [model] if isinstance(model, str | Path | LoadedModel) else model
    if not isinstance(models, list | tuple) or not models:
        models = [models]  # type: ignore[list-item]
    for one in models:
        legal = isinstance(one, str | Path | LoadedModel)
        require("model", type(one).__name__, legal, "an address, a folder or a loaded model")
    return list(models)


def run(tree: Tree, loaded: Loaded = ()) -> SegmentResult:
    """Segment the volume of a configuration, with models that may be loaded already."""
    volume = volume_of(tree, options_of(tree))
    voxel_nm_of(tree), weights_of(tree)  # raises errors before a model is loaded
    folder = output_folder("segment", tree, volume.path.resolve().stem)
    return _label(volume, tree, folder, loaded)


def estimate_work(tree: Tree) -> SegmentationEstimate:
    """Estimate time, memory and disk space of a segmentation."""
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
    """Print a line for each key that was typed and has no effect."""
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
    """Return the models in the order of ``weights``; those in ``loaded`` are not loaded again."""
    store, names = read(TrackingConfig, tree["tracking"], "tracking"), weights_of(tree)
    places = list(zip(names, loaded or [None] * len(names), strict=True))
    fresh = iter(load_all([name for name, one in places if one is None], store.uri))
    models = [next(fresh) if one is None else one for _, one in places]
    check_unlike(models)
    return models


def _learned_range(
    dtype: np.dtype[Any], models: Sequence[LoadedModel]
) -> tuple[float, float] | None:
    """Return the grey value range of the training, for a volume without a range of its own."""
    return learned_range(dtype, *(model.bundle.scales for model in models))


def _mean(models: Sequence[LoadedModel]) -> Segmenter:
    from fibsem.inference.model.segmenter import Segmenter

    return Segmenter.ensemble([model.bundle.segmenter for model in models])
