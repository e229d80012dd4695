"""Find, download and read the published archive (Zenodo record 4317170), as a folder or zip.

The corners of squares are stored as rows x, y, z, zero-based, and a square is
``slice[x:x+256, y:y+256]``: **x indexes rows**. Slices are numbered from 1. A zip is read without
unpacking it.
"""

from __future__ import annotations

import io
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pooch

from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.labels import Classes, LabelArray
from fibsem.data.dataset.samples import Region, Sample
from fibsem.data.dataset.split import SPLITS
from fibsem.data.volumes import open_volume
from fibsem.data.volumes.faults import File, kind_of, reading
from fibsem.data.volumes.source import open_zip
from fibsem.errors import UserError
from fibsem.geometry import Box


@dataclass(frozen=True)
class Deposit:
    """A downloadable file with its size in bytes and its MD5."""

    title: str
    url: str
    size: int
    md5: str

    @property
    def file_name(self) -> str:
        """Name of the file, the end of its address."""
        return self.url.rsplit("/", 1)[-1]


HPC = Deposit(
    title="Zenodo record 4317170 (CC BY 4.0)",
    url="https://zenodo.org/records/4317170/files/fib_sem_cnn.zip",
    size=9_216_974_498,
    md5="a2884d289ed08f450692bd4fe8aa80b0",
)

EXPECTED_POROSITY = {"HPC22": 0.22, "HPC30": 0.30, "HPC45": 0.45}
VOXEL_NM = (50.0, 10.0, 10.0)


def locate(root: Path, *, download: bool = False, deposit: Deposit = HPC) -> Path:
    """Return the path of the archive under ``root``: the unpacked folder, or else the zip.

    The zip is downloaded if it is missing and ``download`` is true.

    Raises
    ------
    UserError
        If it is missing and ``download`` is false, if the disk has too little room, or if the
        download fails or is incomplete.
    """
    packed = root / deposit.file_name
    for path in (packed.with_suffix(""), packed):
        if path.exists():
            return path
    file = f"{deposit.title}, {deposit.file_name}, {deposit.size} bytes, MD5 {deposit.md5}"
    if not download:
        raise UserError(
            f"`data=hpc` needs {file}, but {packed} is not there; the choices are "
            "data.download=true, or data.path=PATH of the zip or the unpacked folder."
        )
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if free < deposit.size:
        raise UserError(
            f"`data.download=true` needs {deposit.size} bytes, but {root} has {free} bytes free."
        )
    try:
        pooch.retrieve(
            deposit.url,
            known_hash=f"md5:{deposit.md5}",
            fname=packed.name,
            path=root,
            progressbar=sys.stderr.isatty(),
        )
    except (ValueError, OSError) as error:
        packed.unlink(missing_ok=True)
        reason = " ".join(str(error).split())
        raise UserError(f"the download must bring {file}, but failed: {reason}") from error
    return packed


def is_archive(path: Path) -> bool:
    """Return whether a path is a zip, or a folder with the archive's layout in or below it."""
    look = _is_home if kind_of(path) == "folder" else zipfile.is_zipfile
    return reading(path, lambda: look(path), "an archive must be a folder or a file")


def _is_home(folder: Path) -> bool:
    return _home(folder) is not None


def _home(top: File) -> File | None:
    """Return the folder that holds ``raw``, or None if there is none."""
    for base in (top, *(entry for entry in top.iterdir() if entry.is_dir())):
        for home in (base / "data", base):
            if (home / "raw").is_dir() and (home / "manual_segmentation").is_dir():
                return home
    return None


def read_archive(path: Path) -> Dataset:
    """Read the archive, with its official split, from a folder or a zip."""
    home = _home(path if path.is_dir() else open_zip(path))
    if home is None:
        raise UserError(
            f"an archive must hold data/raw and data/manual_segmentation, but {path} does not; "
            "a dataset of your own must be unpacked."
        )
    names = sorted(entry.name for entry in (home / "raw").iterdir() if entry.is_dir())
    return Dataset(
        name="hpc",
        path=path,
        voxel_nm=VOXEL_NM,
        classes=Classes(pore=0, solid=1),
        samples=tuple(_read_sample(home, name) for name in names),
    )


@dataclass(frozen=True, eq=False)
class SquareLabels:
    """Labels of one square, in memory: the hundred squares of a sample take 6.5 MB."""

    labels: npt.NDArray[np.generic]
    name: str

    def __call__(self) -> LabelArray:
        return Classes(pore=0, solid=1).read(self.labels, self.name)


def _read_sample(home: File, name: str) -> Sample:
    manual = home / "manual_segmentation"
    corners = _load(manual / f"segmentation_regions_{name}.npy")
    labels = _load(manual / f"manual_segmentation_{name}.npy")
    if corners.shape != (3, len(labels)) or labels.ndim != 3:
        raise UserError(
            f"an archive must have corners of shape (3, n) for labels of shape (n, h, w), but "
            f"{manual} has {corners.shape} and {labels.shape} for {name}."
        )
    regions = []
    for split in SPLITS:
        for k in _load(home / "regions" / f"ind_squares_{split}_{name}.npy").ravel().tolist():
            if not 0 <= k < len(labels):
                raise UserError(
                    f"an index of the split must be below {len(labels)}, but {split} of {name} "
                    f"holds {k}."
                )
            row, column, z = (int(value) for value in corners[:, k])
            height, width = labels.shape[1:]
            box = Box((z, row, column), (z + 1, row + height, column + width))
            title = f"square {k}"
            regions.append(
                Region(name, title, box, split, SquareLabels(labels[k], f"{title} of {name}"))
            )
    volume = open_volume(home / "raw" / name)
    return Sample(name, volume, tuple(regions), EXPECTED_POROSITY.get(name))


def _load(file: File) -> npt.NDArray[np.generic]:
    """Read a NumPy array; pickles are refused."""
    return reading(file, lambda: _array_of(file), "an archive must hold NumPy arrays")


def _array_of(file: File) -> npt.NDArray[np.generic]:
    try:
        array: npt.NDArray[np.generic] = np.load(io.BytesIO(file.read_bytes()), allow_pickle=False)
    except MemoryError as error:  # a damaged header may state any size
        raise ValueError(str(error)) from error
    return array
