"""Work after the last slab: small components in 3D, previews, exports."""

from __future__ import annotations

import numpy as np

from fibsem.data.volumes import open_volume
from fibsem.inference.volume.components import Slabs, remove_small_3d
from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.inference.volume.ledger.outputs import Outputs
from fibsem.inference.volume.plan import Show
from fibsem.inference.volume.work import Work


def finish(work: Work, show: Show) -> list[int | None]:
    """Remove small components in 3D, draw previews and export, if requested and not yet done.

    Returns
    -------
    list of int or None
        Pore voxels of every slice; None for slices that are missing or have no material.
    """
    outputs, ledger, extent = work.outputs, work.ledger, work.plan.extent
    pores = [entry.pores for entry in ledger.slices()]
    if outputs.flat:
        cleaned = ledger.decided.pores_3d
        least = work.options.min_volume_nm3
        pores = _clean(outputs, ledger, least, show) if cleaned is None else list(cleaned)
    missing = {z for z, count in enumerate(pores) if count is None}
    for z in outputs.undrawn(missing):
        if not extent.is_blank(z):
            outputs.redraw(z, work.corrected.slice(z), extent.inside(z))
    _export(outputs, ledger)
    return pores


def _clean(outputs: Outputs, ledger: Ledger, min_volume_nm3: float, show: Show) -> list[int | None]:
    """Write labels without small components, and remove previews of the old labels.

    Returns the remaining pore voxels of every slice.
    """
    assert outputs.flat is not None
    size = float(np.prod([nm for nm in outputs.voxel_nm if nm]))
    slabs = Slabs(open_volume(outputs.flat.path), outputs.classes)
    with outputs.labels.writer(outputs.shape, outputs.voxel_nm) as writer:
        pores = remove_small_3d(slabs, writer, min_volume_nm3 / size, show)
    outputs.forget_previews()
    ledger.decide(pores_3d=tuple(pores))
    return pores


def _export(outputs: Outputs, ledger: Ledger) -> None:
    """Export outputs in formats that cannot be written slice by slice (BigTIFF)."""
    for store in outputs.exported:
        done = ledger.decided.exported
        if store.name not in done or not store.is_whole(outputs.shape[0]):
            store.export(outputs.voxel_nm)
            ledger.decide(exported=tuple(sorted({*done, store.name})))
