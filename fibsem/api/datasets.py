"""An opened dataset: its films, its squares, and warnings about them."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.api.options import completes, one_line_errors, overrides_of, some_dataset, tree_of
from fibsem.config import DataConfig, flat, override, read, read_path, require
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.samples import Region
from fibsem.data.dataset.split import SPLITS, SplitRecipe
from fibsem.data.preprocessing import Recipe, evenly_spaced
from fibsem.data.volumes import Volume
from fibsem.errors import UserError
from fibsem.system.notebooks import as_html

#: Number of squares in a notebook's picture.
SHOWN = 6
#: File name suffixes of slices.
SLICES = (".tif", ".tiff", ".png")
#: Size in bytes above which a file, an archive, is recognised by size and time, not by content.
LARGE = 2**26


class Films(dict[str, Volume]):
    """Volumes by the name of their sample."""

    def __missing__(self, name: str) -> Volume:
        raise UserError(f"`sample` must be one of {', '.join(self)}, but got {name}.")


@dataclass(frozen=True, repr=False)
class OpenDataset:
    """A dataset that was read and checked; all functions accept it in place of a name or path.

    Attributes
    ----------
    dataset
        Samples and labelled regions.
    overrides
        Overrides that name it on a command line.

    Examples
    --------
    ```python
    film = api.open_dataset("my/film")
    film.name, film.volumes, len(film.squares("test"))
    ```
    """

    dataset: Dataset
    overrides: tuple[str, ...]
    _opened_in: Path = field(init=False, default_factory=Path.cwd, compare=False)
    _tables: Mapping[Path, int | None] = field(default_factory=dict, compare=False)
    _root: Path | None = field(default=None, compare=False)  # folder of named datasets

    @property
    def overrides_here(self) -> tuple[str, ...]:
        """Overrides that name the dataset from the present working directory."""
        if Path.cwd() == self._opened_in:
            return self.overrides
        places = ("data.path=", "data.root=")
        others = (text for text in self.overrides if not text.startswith(places))
        if self._root is not None:
            return (*others, override("data.root", self._opened_in / self._root))
        return (*others, override("data.path", self._opened_in / self.dataset.path))

    def check_current(self) -> None:
        """Refuse a dataset whose files have changed since it was opened.

        Manifest, tables, names of slices, grey values and labels are compared.
        """
        changed = [str(file) for file, digest in self._tables.items() if _digest(file) != digest]
        if changed := changed or self.dataset.changed():
            raise UserError(
                "`dataset` must be what it was when it was opened, but changed since: "
                f"{', '.join(changed)}; api.open_dataset opens it anew."
            )

    @property
    def name(self) -> str:
        """Name of the dataset in the manifest."""
        return self.dataset.name

    @property
    def hash(self) -> str:
        """Hash of all grey values and labels."""
        return self.dataset.hash

    @property
    def volumes(self) -> Films:
        """Grey values of every sample by name, read box by box.

        They have the range, voxel size and extent of the material that the manifest states.
        """
        nm = self.dataset.voxel_nm
        return Films(
            (sample.name, sample.volume.with_manner(voxel_nm=nm, valid=sample.valid))
            for sample in self.dataset.samples
        )

    def squares(self, split: str) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]]:
        """Grey values and labels of the squares of a split.

        Parameters
        ----------
        split
            ``train``, ``val`` or ``test``.

        Returns
        -------
        list of (grey, labels)
            (h, w) float32 in [0, 1], and (h, w) uint8: 0 pore, 1 solid, 255 unlabelled.
        """
        require("split", split, split in SPLITS, f"one of {', '.join(SPLITS)}")
        regions = [region for region in self._regions if region.split == split]
        return [(self._grey(region), region.read()) for region in regions]

    def warnings(self) -> list[str]:
        """Warnings about the dataset, as :func:`inspect` gives them, without its figures.

        It reads all volumes.

        Examples
        --------
        ```python
        for line in api.open_dataset("my/film").warnings():
            print(line)
        ```
        """
        from fibsem.reporting.inspection import Inspection

        return [*Inspection.of(self.dataset, Recipe()).warnings()]

    @property
    def _regions(self) -> list[Region]:
        return [region for sample in self.dataset.samples for region in sample.labelled]

    def _grey(self, region: Region) -> npt.NDArray[np.float32]:
        return self.dataset.sample(region.sample).volume.read_unit(region.box)[0]

    def __repr__(self) -> str:
        lines = [f"{self.name}, hash {self.hash}"]
        for sample in self.dataset.samples:
            parts = Counter(region.split for region in sample.labelled)
            squares = ", ".join(f"{parts[split]} {split}" for split in SPLITS)
            shape = " x ".join(map(str, sample.volume.shape))
            lines.append(f"  {sample.name}: {shape} {sample.volume.dtype}; squares: {squares}")
        return "\n".join(lines)

    def pictures(self) -> Iterable[bytes]:
        """Some squares with their labels, as PNG; none if nothing is labelled."""
        from fibsem.analysis import figures

        regions = self._regions
        if not regions:
            return
        chosen = [regions[k] for k in evenly_spaced(len(regions), SHOWN)]
        drawn = [
            (f"{region.name} ({region.split})", self._grey(region), region.read())
            for region in chosen
        ]
        yield figures.png(figures.squares(drawn, of=len(regions)))

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.pictures())


@completes("inspect", "data", "split")
@one_line_errors
def open_dataset(dataset: str | Path = "phantom", **options: Any) -> OpenDataset:
    """Open a dataset and check all of its labels.

    Parameters
    ----------
    dataset
        ``demo`` or ``phantom``, simulated if they do not exist; ``hpc``, the published archive;
        or the path of a ``dataset.yaml`` or its folder.
    options
        ``data`` and ``split`` as on the command line, ``data={"root": "films"}``; they apply
        wherever the opened dataset is used.

    Raises
    ------
    UserError
        If the dataset does not exist, or something in it is wrong.

    Examples
    --------
    ```python
    film = api.open_dataset("my/film")
    grey, labels = film.squares("train")[0]
    api.train(film, nbhd="33x33x3")
    ```
    """
    tree = tree_of("inspect", some_dataset(dataset), options)
    data, split = read(DataConfig, tree["data"], "data"), read(SplitRecipe, tree["split"], "split")

    from fibsem.training.material.datasets import obtain

    opened = obtain(data, split)
    overrides = (*overrides_of(dataset), *_typed(options))
    tables = {file: _digest(file) for file in _tables_of(opened)}
    root = read_path(data.root, "data.root") if data.path is None else None
    return OpenDataset(opened, overrides, tables, root)


def _tables_of(dataset: Dataset) -> Iterator[Path]:
    """Paths of the manifest, its tables of regions, and the folders of films; or of the archive."""
    yield dataset.path
    for sample in dataset.samples:
        if sample.table is not None:
            yield sample.table
        files = [Path(str(file)) for file, _ in sample.volume.source.places(0)]
        if any(file.parent == sample.volume.path for file in files):  # a slice each
            yield sample.volume.path


def _digest(path: Path) -> int | None:
    """Checksum of a small file, of the names in a folder, or of size and time of a large file.

    None if it does not exist any more.
    """
    try:
        if path.is_dir():
            names = sorted(file.name for file in path.iterdir() if file.suffix.lower() in SLICES)
            return zlib.crc32("\n".join(names).encode())
        large = path.stat()
        if large.st_size > LARGE:
            return zlib.crc32(f"{large.st_size} {large.st_mtime_ns}".encode())
        return zlib.crc32(path.read_bytes())
    except OSError:
        return None


def _typed(options: Mapping[str, Any]) -> list[str]:
    return [override(key, value) for key, value in flat(options)]
