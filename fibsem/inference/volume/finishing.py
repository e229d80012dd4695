"""Work after the last slab: small components in 3D, previews, exports."""

from __future__ import annotations

import numpy as np

from fibsem.data.volumes import open_volume
from fibsem.inference.volume.components import Slabs, remove_small_3d
from fibsem.inference.volume.plan import Show
from fibsem.inference.volume.work import Work


def finish(work: Work, show: Show) -> list[int | None]:
    """Remove small components in 3D, draw previews and export, if requested and not yet done.

    Returns
    -------
    list of int or None
        Pore voxels of every slice; None for slices that are missing or have no material.
    """
    pores = [entry.pores for entry in work.ledger.slices()]
    if work.outputs.flat:
        cleaned = work.ledger.decided.pores_3d
        pores = _clean(work, show) if cleaned is None else list(cleaned)
    _draw(work, {z for z, count in enumerate(pores) if count is None})
    _export(work)
    return pores


def _clean(work: Work, show: Show) -> list[int | None]:
    """Write labels without small components, and remove previews of the old labels.

    Returns the remaining pore voxels of every slice.
    """
    outputs, voxel_nm = work.outputs, work.outputs.voxel_nm
    assert outputs.flat is not None
    size = float(np.prod([nm for nm in voxel_nm if nm]))
    slabs = Slabs(open_volume(outputs.flat.path), work.segmenter.classes)
    with outputs.labels.writer(work.volume.shape, voxel_nm) as writer:
        pores = remove_small_3d(slabs, writer, work.options.min_volume_nm3 / size, show)
    outputs.forget_previews()
    work.ledger.decide(pores_3d=tuple(pores))
    return pores


def _draw(work: Work, missing: set[int]) -> None:
    """Draw previews that do not exist; an earlier start may have drawn fewer."""
    outputs, blank = work.outputs, work.plan.extent.is_blank
    lacking = [z for z in sorted(outputs.previewed - missing) if not outputs.preview(z).exists()]
    if shown := [z for z in lacking if not blank(z)]:
        outputs.redraw(work.corrected, shown)


def _export(work: Work) -> None:
    """Export outputs in formats that cannot be written slice by slice (BigTIFF)."""
    for store in work.outputs.exported:
        done = work.ledger.decided.exported
        if store.name not in done or not store.is_whole(work.depth):
            store.export(work.outputs.voxel_nm)
            work.ledger.decide(exported=tuple(sorted({*done, store.name})))
