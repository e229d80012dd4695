"""``python -m fibsem.segment``: label a whole volume with the champion."""

from __future__ import annotations

from pathlib import Path

from fibsem.config import SegmentConfig, TrackingConfig, Tree, output_folder, read, run_command
from fibsem.data.volumes import open_volume
from fibsem.errors import UserError

OWN_KEYS = ("format", "precision", "memory_gib", "slab", "overwrite")


def main(tree: Tree) -> None:
    """Segment one volume."""
    how = read(SegmentConfig, {key: tree[key] for key in OWN_KEYS}, "segment")
    store = read(TrackingConfig, tree["tracking"], "tracking")
    if tree["volume"] is None:
        raise UserError(
            "`volume` must be given: volume=PATH of a folder of TIFF slices, a TIFF or an OME-Zarr."
        )
    value_range = tuple(tree["range"]) if tree["range"] else None
    volume = open_volume(tree["volume"], value_range=value_range)
    folder = output_folder(
        "segment", {**tree, "overwrite": False}, Path(tree["volume"]).resolve().stem
    )

    from fibsem.inference.volume import Options, segment_volume
    from fibsem.learning.bundle import find_bundle
    from fibsem.progress import Progress

    bundle = find_bundle(tree["weights"], store.uri)
    options = Options(how.format, how.precision, how.memory_gib, how.slab, how.overwrite)
    voxel_nm = volume.voxel_nm if any(volume.voxel_nm) else bundle.voxel_nm
    with Progress("segmenting") as progress:
        record = segment_volume(
            volume, bundle.segmenter, folder, options,
            voxel_nm=voxel_nm, progress=progress,
        )  # fmt: skip
    low, high = record["porosity_ci"]
    print(
        f"porosity {100 * record['porosity']:.2f} % [{100 * low:.2f}, {100 * high:.2f}], "
        f"{record['voxels_per_second']:.0f} voxels a second ({record['mode']}); {folder}"
    )


if __name__ == "__main__":
    run_command("segment", main)
