"""The key of a segmentation: everything that determines its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fibsem.data.dataset.digests import digest_of, slice_digests
from fibsem.data.material import Extent
from fibsem.data.volumes import VoxelNm
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.inference.volume.ledger.witness import of_mask, witnessed
from fibsem.system.identity import Identity


def key_of(
    volume: Mapping[str, object],
    segmenter: Segmenter,
    voxel_nm: VoxelNm,
    options: Options,
    extent: Extent | None,
) -> dict[str, object]:
    """Return everything that determines the labels; folders with another key are refused.

    ``volume`` is the signature of the volume; ``extent`` may have a mask of material.
    """
    key = {
        "volume": volume,
        "model": segmenter.identity,
        "voxel_nm": list(voxel_nm),
        **options.key,
    }
    if segmenter.symmetry > 1:
        key["calibrated"] = False  # in earlier versions the mean of views was calibrated
    if extent and extent.mask:
        key["mask"] = extent.mask.signature()
    return key


def as_begun(extent: Extent | None, ledger: Ledger) -> Extent | None:
    """Return the requested extent, with a mask that is checked for changes whenever it is read.

    Every process reads the mask, for labels and for pixel counts.
    """
    if extent is None or extent.mask is None:
        return extent
    digests = slice_digests(extent.mask)
    ledger.hold_mask(digest_of(list(digests.values())))
    return replace(extent, mask=witnessed(extent.mask, digests, of_mask()))


def check_kind(folder: Path) -> None:
    """Refuse to write a segmentation beside the results of another command."""
    before = Identity.beside(folder)
    if before is not None:
        Identity("segmentation", {}, {}).check(before, folder, remedy="another output")
