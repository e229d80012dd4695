"""Options of the segmentation of a volume."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from fibsem.data.volumes import Format
from fibsem.errors import UserError
from fibsem.system.advice import MISSING, OVERWRITE, UNCERTAINTY, WEIGHTS, Key

Precision = Literal["float32", "bfloat16"]


def _advised_several() -> str:
    """Return the advice on how to get several members."""
    return f"several models: {WEIGHTS.at('[A,B,...]')}, or one that is an ensemble"


def advised_missing() -> str:
    """Return the advice for missing or damaged slices."""
    return f"{MISSING.at('skip')} leaves such slices out."


def advised_overwrite() -> str:
    """Return the advice on how to label a volume anew."""
    return OVERWRITE.at("true")


@dataclass(frozen=True)
class Options:
    """Options of a segmentation; those that change the result are in :attr:`key`.

    Attributes
    ----------
    format
        Format of the labels, the probabilities and the uncertainty.
    precision
        Precision of dense networks; bfloat16 falls back to float32 if too many labels differ.
    symmetry
        Number of views of a tile whose scores are averaged: 2 with the mirror image in x, 4 with
        the mirror images in y, 8 with all of these turned. Every view takes as long as the tile.
    probabilities
        Whether probabilities are written, too: 255 times the calibrated mean probability of
        solid, as uint8.
    uncertainty
        Whether the spread between the members of an ensemble is written, too: 255 times twice the
        standard deviation of their probabilities (0.5 at most), as uint8.
    valid
        Extent of the material: ``auto`` (found before the first slab), ``all``, or the path of a
        mask that is 0 outside the material.
    missing
        Whether a slice that cannot be read stops the work or is left out.
    min_volume_nm3
        Components of less volume are flipped to the other class in 3D at the end; 0: none.
    memory_gib
        Memory of every process.
    slab
        Slices between two entries of the ledger.
    tile
        Largest side of a tile; None: the fastest on this machine.
    previews
        Number of slices that are drawn as pictures.
    certificate
        Whether dense and patch evaluation are compared first; None: only before long runs.
    workers, scheduler
        Processes on this machine, or the address of a Dask scheduler.
    overwrite
        Remove an earlier segmentation in the folder instead of resuming it.

    Examples
    --------
    >>> Options(memory_gib=2.0, probabilities=True).format
    'ome-zarr'
    >>> Options(symmetry=3)
    Traceback (most recent call last):
    fibsem.errors.UserError: `symmetry` must be 1, 2, 4 or 8, but got 3.
    """

    format: Format = "ome-zarr"
    precision: Precision = "float32"
    symmetry: int = 1
    probabilities: bool = False
    uncertainty: bool = False
    valid: str = "auto"
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

    def __post_init__(self) -> None:
        for key, value, constraint, legal in (
            ("memory_gib", self.memory_gib, "positive", self.memory_gib > 0),
            ("slab", self.slab, "at least 1", self.slab >= 1),
            ("workers", self.workers, "at least 1", self.workers >= 1),
            ("min_volume_nm3", self.min_volume_nm3, "at least 0", self.min_volume_nm3 >= 0),
            ("previews", self.previews, "at least 0", self.previews >= 0),
            ("symmetry", self.symmetry, "1, 2, 4 or 8", self.symmetry in (1, 2, 4, 8)),
            ("tile", self.tile, "at least 32 or null", self.tile is None or self.tile >= 32),
        ):
            if not legal:
                raise UserError(f"`{Key(key)}` must be {constraint}, but got {value}.")

    def check_members(self, count: int, several: str | None = None) -> None:
        """Refuse the uncertainty of a single model; ``several`` advises how to have more members.

        Raises
        ------
        UserError
            If the uncertainty is requested with fewer than two members.
        """
        if self.uncertainty and count < 2:
            raise UserError(
                f"`{UNCERTAINTY}` is the spread between at least 2 members of an ensemble, but got "
                f"{count}; the choices are {UNCERTAINTY.at('false')} or "
                f"{several or _advised_several()}."
            )

    @property
    def elsewhere(self) -> bool:
        """Whether other processes label the slabs."""
        return self.workers > 1 or self.scheduler is not None

    @property
    def stores(self) -> int:
        """Number of volumes of one byte a voxel that are on the disk at the end."""
        written = 1 + self.probabilities + self.uncertainty
        return written * (2 if self.format == "bigtiff" else 1) + bool(self.min_volume_nm3)

    @property
    def key(self) -> dict[str, object]:
        """The options that change the result."""
        return {
            "format": self.format,
            "precision": self.precision,
            "symmetry": self.symmetry,
            "probabilities": self.probabilities,
            "uncertainty": self.uncertainty,
            "valid": self.valid,
            "missing": self.missing,
            "min_volume_nm3": self.min_volume_nm3,
        }


#: Names of all options, which commands accept as keys.
KEYS = tuple(field.name for field in fields(Options))
