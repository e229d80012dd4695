"""Checks before anything is written, and a search for lost slices of an earlier start."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fibsem.data.volumes import VoxelNm
from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.inference.options import Options
from fibsem.inference.volume.labelling.remote import LoadSegmenter
from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.inference.volume.ledger.outputs import Outputs, Store
from fibsem.system.advice import MIN_VOLUME_NM3, SCHEDULER, VOXEL_NM, WORKERS


def check_reach(volume: Path, options: Options, load: LoadSegmenter | None) -> None:
    """Refuse other processes for a volume or a model that these could not open."""
    if options.elsewhere and load is None:
        raise UserError(
            f"`{WORKERS}` and `{SCHEDULER}` need a volume and a model on disk; {WORKERS.at(1)} "
            "does not."
        )
    if options.elsewhere and not volume.exists():
        raise UserError(
            f"`{WORKERS}` and `{SCHEDULER}` need a volume that every process can open, but "
            f"{volume} lies in an archive or in memory; the choices are {WORKERS.at(1)} or the "
            "archive unpacked."
        )


def check_voxel(options: Options, voxel_nm: VoxelNm, shape: Triple) -> None:
    """Refuse ``min_volume_nm3`` without a voxel size, or larger than the film."""
    z, y, x = voxel_nm
    if not options.min_volume_nm3:
        return
    if not (z and y and x):
        raise UserError(
            f"`{MIN_VOLUME_NM3}` needs the size of a voxel, but the volume does not state it: "
            f"{voxel_nm}; {VOXEL_NM.at('[z,y,x]')} does."
        )
    film_nm3 = z * y * x * float(np.prod(shape, dtype=np.float64))
    if options.min_volume_nm3 > film_nm3:
        raise UserError(
            f"`{MIN_VOLUME_NM3}` must be at most that of the film, {film_nm3:.3g}, but got "
            f"{options.min_volume_nm3:.3g}."
        )


def check_output_apart(volume: Path | None, folder: Path) -> None:
    """Refuse an output folder that contains the volume, which it might overwrite or remove.

    The path is None for a volume in memory.
    """
    if volume is not None and volume.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            f"`output` must be a folder that does not hold the volume, but {folder} holds "
            f"{volume}; the choice is another output."
        )


def check_room(shape: Triple, folder: Path, options: Options, ledger: Ledger) -> None:
    """Refuse to start if the outputs would not fit on the disk, even compressed by half."""
    left = 1 - len(ledger.slabs) / max(1, -(-shape[0] // ledger.slab))
    needed = left * options.stores * np.prod(shape) / 2
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"`output` must have room for about {needed / 2**20:.1f} MiB, but {folder} has "
            f"{free / 2**20:.1f} MiB free."
        )


def forget_lost(ledger: Ledger, outputs: Outputs, say: Callable[[str], None]) -> None:
    """Remove ledger entries of slices whose outputs are gone, so that they are labelled again.

    Missing chunks would be read as pores.
    """
    done = [z for start, slab in ledger.slabs.items() for z in range(start, start + len(slab))]
    lost = outputs.lost(done, _needed(ledger, outputs))
    if lost:
        say(
            f"warning: {len(lost)} of {len(done)} slices that were written are not whole in "
            f"{outputs.folder} any more; their slabs are labelled again"
        )
        ledger.forget(lost)


def _needed(ledger: Ledger, outputs: Outputs) -> list[Store]:
    """Return the outputs that must contain every slice in the ledger."""
    exported = ledger.decided.exported
    stores = [store for store in (outputs.probabilities, outputs.uncertainty) if store]
    labels_done = not outputs.flat or ledger.decided.pores_3d is not None
    stores += [outputs.labels if labels_done else outputs.flat or outputs.labels]
    # users may remove a store after it was exported
    return [s for s in stores if s.name not in exported or not s.path.exists()]
