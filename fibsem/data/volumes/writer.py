"""The base class of volume writers: checks slabs, writes slices, and detects existing ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from fibsem.data.volumes.voxels import VoxelNm, Voxels
from fibsem.data.volumes.zarrs.ome import Meaning
from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.system.files import room_for


class VolumeWriter(ABC):
    """Context manager that writes slices, and finishes the volume or abandons it on an error.

    Examples
    --------
    ```python
    with create_volume("labels", (8, 64, 64), np.uint8, format="tiff") as writer:
        writer.write(0, np.zeros((4, 64, 64), np.uint8))  # the first four slices
        writer.holds(0), writer.holds(7)
    ```
    """

    def __init__(
        self,
        path: Path,
        shape: Triple,
        dtype: np.dtype[Any],
        voxel_nm: VoxelNm,
        meanings: Sequence[Meaning] = (),
    ) -> None:
        self.path, self.shape, self.dtype, self.voxel_nm = path, shape, dtype, voxel_nm
        self.meanings = meanings
        self._start()

    def write(self, z: int, block: Voxels) -> None:
        """Write a block (k, y, x) at slices z to z + k - 1.

        Raises
        ------
        ValueError
            If dtype or shape do not fit the volume, or a BigTIFF is not written in order.
        UserError
            If the disk is full.
        """
        if block.dtype != self.dtype:
            raise ValueError(f"a block must be {self.dtype}, but is {block.dtype}")
        fits = block.ndim == 3 and block.shape[1:] == self.shape[1:]
        if not fits or z < 0 or z + len(block) > self.shape[0]:
            raise ValueError(f"a block must lie in {self.shape}, but is {block.shape} at slice {z}")
        with room_for(self.path):
            for k, image in enumerate(block):
                self._write_slice(z + k, image)

    def close(self) -> None:  # noqa: B027 - most formats have nothing left to do
        """Finish the volume."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._give_up()

    def holds(self, z: int) -> bool:
        """Whether slice z is complete: all its files are read, and their checksums compared."""
        if not all(file.is_file() and file.stat().st_size for file in self._files(z)):
            return False
        try:
            return self._reads(z)
        except MemoryError:  # not caused by the slice
            raise
        except Exception:  # damaged files raise errors of every kind
            return False

    @abstractmethod
    def _reads(self, z: int) -> bool:
        """Read all of slice z; return whether it belongs to this volume."""

    @abstractmethod
    def _start(self) -> None:
        """Create the files, or check existing ones."""

    @abstractmethod
    def _files(self, z: int) -> list[Path]:
        """Return the files of slice z."""

    @abstractmethod
    def _write_slice(self, z: int, image: Voxels) -> None:
        """Write slice z, an image (y, x)."""

    def _give_up(self) -> None:  # noqa: B027 - most formats have nothing open
        """Clean up after an error, keeping what can be continued."""


def occupied(path: Path) -> bool:
    """Whether anything is at a path; an empty folder does not count."""
    return any(path.iterdir()) if path.is_dir() else path.exists()


def check_same(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    wanted_shape: tuple[int, ...],
    wanted_dtype: np.dtype[Any],
) -> None:
    """Raise UserError if a volume to be continued has another shape or dtype."""
    if shape != wanted_shape or dtype != wanted_dtype:
        raise UserError(
            f"a volume to be continued must be {wanted_shape} {wanted_dtype}, "
            f"but {path} is {shape} {dtype}."
        )
