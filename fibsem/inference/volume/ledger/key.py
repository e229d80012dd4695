"""What the labels of a volume follow from: all of it is one key, and a folder holds one."""

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
    asked: Extent | None,
) -> dict[str, object]:
    """All that the labels follow from; a folder that holds labels of something else is refused.

    Of the ``volume`` that is its signature.
    """
    key = {
        "volume": volume,
        "model": segmenter.identity,
        "voxel_nm": list(voxel_nm),
        **options.key,
    }
    if segmenter.symmetry > 1:
        key["calibrated"] = False  # earlier versions calibrated the mean of views
    if asked and asked.mask:
        key["mask"] = asked.mask.signature()
    return key


def as_begun(asked: Extent | None, ledger: Ledger) -> Extent | None:
    """What is asked for as material, with a mask that stays what the first slab was made by.

    Labels, counts of pores and the pixels that they are shares of read it, in every process.
    """
    if asked is None or asked.mask is None:
        return asked
    digests = slice_digests(asked.mask)
    ledger.hold_mask(digest_of(list(digests.values())))
    return replace(asked, mask=witnessed(asked.mask, digests, of_mask()))


def check_kind(folder: Path) -> None:
    """Refuse to write a segmentation beside the results of another command."""
    before = Identity.beside(folder)
    if before is not None:
        Identity("segmentation", {}, {}).check(before, folder, remedy="another output")
