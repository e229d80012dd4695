"""Label a volume in memory or on disk: ``python -m fibsem.segment``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.analysis.porosity_told import corrected_text, porosity_text
from fibsem.api.inputs import learned_by, opened, options_of, say_unused, tree_for, volume_of
from fibsem.api.models import (
    CHAMPION,
    Loaded,
    Models,
    listed,
    loaded_among,
    mean_of,
    models_of,
    warn_of_first,
)
from fibsem.api.options import completes, one_line_errors
from fibsem.api.results import Result
from fibsem.config import (
    TrackingConfig,
    Tree,
    as_typed,
    command_line,
    output_folder,
    read,
    read_path,
    voxel_nm_of,
    weights_of,
)
from fibsem.data.volumes import Volume, open_volume
from fibsem.data.volumes.volume import ArraySource
from fibsem.data.volumes.voxels import Voxels
from fibsem.system.cache import scratch
from fibsem.system.file_names import visible
from fibsem.system.summaries import SegmentedFilm
from fibsem.system.summaries.figures import Ends

Labels = npt.NDArray[np.uint8]


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
        output = "in memory" if in_memory else self.result_folder
        measure = command_line("quantify", [as_typed("segmentation", str(self.result_folder))])
        return "\n".join([
            f"porosity {porosity_text(film)}",
            f"{_rate(film.voxels_per_second)} ({film.mode}, {film.precision}){missing}; {output}",
            *([] if in_memory else [f"measure its structure: {measure}"]),
            *(f"warning: {warning}" for warning in self.warnings),
        ])  # fmt: skip

    def pictures(self) -> Iterable[bytes]:
        """Preview of a slice in the middle."""
        return self.previews[len(self.previews) // 2 :][:1]


def _rate(voxels_per_second: float | None) -> str:
    """The rate as text; a start that only finished a segmentation has none.

    >>> _rate(2e6), _rate(None)
    ('2000000 voxels a second', 'labelled by an earlier run')
    """
    if voxels_per_second is None:
        return "labelled by an earlier run"
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
        Any other key of ``python -m fibsem.segment``, such as ``probabilities=True``,
        ``voxel_nm=[50, 10, 10]`` or ``valid="all"``. ``estimate`` and ``export`` are functions of
        their own.

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
    models = listed(model)
    tree, loaded = tree_for(volume, models, options, output=output), loaded_among(models)
    if isinstance(volume, str | Path):
        return run(tree, loaded)
    stack = opened(volume, tree)
    if tree["valid"] == "auto":  # a volume of a dataset may state its extent
        tree = {**tree, "valid": stack.manner.valid}
    if tree["output"] is not None:
        return _label(stack, tree, read_path(tree["output"], "output"), loaded)
    with scratch("labels") as folder:
        return _label(stack, tree, folder / "labels", loaded).in_memory()


def run(tree: Tree, loaded: Loaded = ()) -> SegmentResult:
    """Segment the volume of a configuration, with models that may be loaded already."""
    volume = volume_of(tree, options_of(tree))
    voxel_nm_of(tree), weights_of(tree)  # raises errors before a model is loaded
    folder = output_folder("segment", tree, volume.path.resolve().stem)
    return _label(volume, tree, folder, loaded)


def _label(volume: Volume, tree: Tree, folder: Path, loaded: Loaded) -> SegmentResult:
    say_unused(tree)
    options, voxel_nm = options_of(tree), voxel_nm_of(tree)
    models = models_of(tree, loaded)
    volume = volume.with_range(volume.declared or learned_by(models, volume.dtype))

    from fibsem.inference.volume.segmentation import segment_volume
    from fibsem.system.progress import Progress
    from fibsem.tracking.bundle import load_segmenter
    from fibsem.tracking.provenance import provenance
    from fibsem.tracking.runs import code_version

    warn_of_first(models)
    if options.symmetry > 1 and mean_of(models).with_views(2).symmetry == 1:
        print(f"symmetry={options.symmetry} does nothing: views are those of networks")
    uri = read(TrackingConfig, tree["tracking"], "tracking").absolute_uri
    with Progress("segmenting") as progress:
        summary = segment_volume(
            volume, mean_of(models), folder, options,
            voxel_nm=voxel_nm, trained=[model.bundle.trained for model in models],
            tested=models[0].bundle.tested if len(models) == 1 else (),
            load=partial(load_segmenter, [model.address for model in models], uri),
            provenance=provenance(
                [(model.name, model.bundle) for model in models],
                code=code_version(), command=tree.get("command"),
            ),
            progress=progress,
        )  # fmt: skip
    return SegmentResult.of_folder(summary, folder)
