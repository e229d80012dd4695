"""``python -m fibsem.segment``: label a whole volume with the champion."""

from __future__ import annotations

from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

from fibsem.config import SegmentConfig, TrackingConfig, Tree, output_folder, read, run_command
from fibsem.data.volumes import Volume, VoxelNm, open_volume
from fibsem.errors import UserError


def main(tree: Tree) -> None:
    """Segment one volume, or say what it would take."""
    keys = [field.name for field in fields(SegmentConfig)]
    how = read(SegmentConfig, {key: tree[key] for key in keys}, "segment")
    store = read(TrackingConfig, tree["tracking"], "tracking")
    if tree["estimate"] == "table":
        from fibsem.inference.estimate import comparison_table

        print(comparison_table())
        return
    volume = _volume(tree, gaps=how.missing == "skip")
    weights = [tree["weights"]] if isinstance(tree["weights"], str) else list(tree["weights"])
    folder = output_folder(
        "segment", {**tree, "overwrite": False}, Path(tree["volume"]).resolve().stem
    )

    from fibsem.inference.estimate import estimate_segmentation
    from fibsem.inference.options import Options
    from fibsem.inference.volume import segment_volume
    from fibsem.learning.bundle import find_bundle, load_segmenter
    from fibsem.progress import Progress

    # other processes have folders of their own
    places = [name if ":/" in name else str(Path(name).resolve()) for name in weights]
    load = partial(load_segmenter, places, store.absolute_uri)
    segmenter, options = load(), Options(**asdict(how))
    if tree["estimate"]:
        print(estimate_segmentation(volume, segmenter, options).text())
        return
    with Progress("segmenting") as progress:
        record = segment_volume(
            volume, segmenter, folder, options,
            voxel_nm=_voxel_nm(tree, volume, lambda: find_bundle(weights[0], store.uri).voxel_nm),
            load=load, progress=progress,
        )  # fmt: skip
    low, high = record["porosity_ci"]
    missing = f", {len(record['missing'])} slices missing" if record["missing"] else ""
    print(
        f"porosity {100 * record['porosity']:.2f} % [{100 * low:.2f}, {100 * high:.2f}]{missing}, "
        f"{record['voxels_per_second']:.0f} voxels a second ({record['mode']}, "
        f"{record['precision']}); {folder}"
    )


def _volume(tree: Tree, *, gaps: bool) -> Volume:
    if tree["volume"] is None:
        raise UserError(
            "`volume` must be given: volume=PATH of a folder of TIFF slices, a TIFF or an OME-Zarr."
        )
    value_range = tuple(tree["range"]) if tree["range"] else None
    try:
        return open_volume(tree["volume"], value_range=value_range, gaps=gaps)
    except UserError as error:
        if "without gaps" in str(error) or "cannot be read as one" in str(error):
            raise UserError(f"{error} missing=skip leaves such slices out.") from error
        raise


def _voxel_nm(tree: Tree, volume: Volume, of_model: Any) -> VoxelNm:
    """Voxel size as the user says, else as the volume does, else as the model was trained with."""
    if tree["voxel_nm"] is not None:
        given = list(tree["voxel_nm"])
        if len(given) != 3 or not all(nm is None or nm > 0 for nm in given):
            raise UserError(f"`voxel_nm` must be three sizes [z, y, x] in nm, but got {given}.")
        return given[0], given[1], given[2]
    if any(volume.voxel_nm):
        return volume.voxel_nm
    size: VoxelNm = of_model()
    return size


if __name__ == "__main__":
    run_command("segment", main)
