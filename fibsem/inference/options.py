"""How the segmentation of a volume is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fibsem.inference.predict import Precision

Format = Literal["tiff", "ome-zarr", "bigtiff"]


@dataclass(frozen=True)
class Options:
    """How the work is done; what changes the result is in :attr:`key`.

    Attributes
    ----------
    format
        Of the labels and probabilities.
    precision
        Of the networks' dense form; bfloat16 falls back to float32 where labels differ too often.
    probabilities
        Write them too, as uint8: 255 times the mean probability of solid.
    missing
        Whether a slice that cannot be read stops the work or is left out.
    min_volume_nm3
        Components of less volume are flipped in 3D after all else; 0: none.
    memory_gib
        Budget of every process.
    slab
        Slices between two entries of the ledger.
    tile
        Largest side of a tile; None: the fastest on this machine.
    previews
        Slices of which a picture is drawn.
    certificate
        Whether dense and patch evaluation are compared first; None: before long runs.
    workers, scheduler
        Processes on this machine, or the address of a Dask scheduler.
    overwrite
        Start anew instead of going on.
    """

    format: Format = "ome-zarr"
    precision: Precision = "float32"
    probabilities: bool = False
    missing: Literal["stop", "skip"] = "stop"
    min_volume_nm3: float = 0.0
    memory_gib: float = 4.0
    slab: int = 4
    tile: int | None = None
    previews: int = 3
    certificate: bool | None = None
    workers: int = 1
    scheduler: str | None = None
    overwrite: bool = False

    @property
    def key(self) -> dict[str, Any]:
        """What changes the result."""
        return {
            "format": self.format,
            "precision": self.precision,
            "probabilities": self.probabilities,
            "missing": self.missing,
            "min_volume_nm3": self.min_volume_nm3,
        }
