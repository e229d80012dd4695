"""``python -m fibsem.segment``: label a whole volume with the champion."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from fibsem.config import TrackingConfig, Tree, output_folder, read, read_path, run_command
from fibsem.data.scale import learned_range
from fibsem.data.volumes import Manner, Volume, VoxelNm, reopen
from fibsem.errors import UserError
from fibsem.inference.options import Options


def main(tree: Tree) -> None:
    """Segment one volume, or say what it would take."""
    options = read(Options, {field.name: tree[field.name] for field in fields(Options)}, "segment")
    store = read(TrackingConfig, tree["tracking"], "tracking")
    if tree["estimate"] not in (True, False, "table"):
        raise UserError(f"`estimate` must be true, false or table, but got {tree['estimate']}.")
    if tree["estimate"] == "table":
        from fibsem.inference.volume.estimate import comparison_table
        from fibsem.system.progress import Progress

        with Progress("timing") as progress:
            for line in comparison_table(progress):
                print(line, flush=True)
        return
    volume = _volume(tree, options)
    given = _voxel_nm(tree)
    weights = _weights(tree)
    folder = output_folder("segment", tree, volume.path.resolve().stem)

    from fibsem.analysis.intervals import corrected_text, porosity_text
    from fibsem.inference.model.segmenter import Segmenter
    from fibsem.inference.volume.estimate import estimate_segmentation
    from fibsem.inference.volume.segmentation import segment_volume
    from fibsem.system.progress import Progress
    from fibsem.tracking.bundle import find_bundle, load_segmenter
    from fibsem.tracking.provenance import provenance
    from fibsem.tracking.runs import code_version

    bundles = [find_bundle(name, store.uri) for name in weights]
    if tree["range"] is None:
        volume = volume.with_range(learned_range(volume.dtype, *(b.scales for b in bundles)))
    segmenter = Segmenter.ensemble([bundle.segmenter for bundle in bundles])
    if tree["estimate"]:
        print(estimate_segmentation(volume, segmenter, options).text())
        return
    places = [_place(name, bundle.version) for name, bundle in zip(weights, bundles, strict=True)]
    with Progress("segmenting") as progress:
        record = segment_volume(
            volume, segmenter, folder, options,
            voxel_nm=given, trained=[bundle.trained for bundle in bundles],
            tested=bundles[0].tested if len(bundles) == 1 else (),
            load=partial(load_segmenter, places, store.absolute_uri),
            provenance=provenance(
                weights, [bundle.version for bundle in bundles],
                [bundle.audit for bundle in bundles],
                code=code_version(), command=tree.get("command"),
            ),
            progress=progress,
        )  # fmt: skip
    porosity = porosity_text(record["porosity"], record["porosity_ci"])
    missing = f", {len(record['missing'])} slices missing" if record["missing"] else ""
    left = 1 - record["material"]["share"]
    missing += f", {100 * left:.2f} % not material" if left else ""
    print(
        f"porosity {porosity}{missing}, {record['voxels_per_second']:.0f} voxels a second "
        f"({record['mode']}, {record['precision']}); {folder}"
    )
    print(corrected_text(record))


def _place(weights: str, version: str | None) -> str:
    """Where processes in other folders find a model, whatever its alias means by then.

    >>> _place("models:/fibsem@champion", "3"), _place("models:/fibsem/2", "2")
    ('models:/fibsem/3', 'models:/fibsem/2')
    """
    if ":/" not in weights:
        return str(Path(weights).resolve())
    return f"{weights.partition('@')[0]}/{version}" if "@" in weights and version else weights


def _volume(tree: Tree, options: Options) -> Volume:
    """Open the volume; says where missing=skip would help."""
    if tree["volume"] is None:
        raise UserError(
            "`volume` must be given: volume=PATH of a folder of TIFF slices, a TIFF or an OME-Zarr."
        )
    path, value_range = read_path(tree["volume"], "volume"), tree["range"]
    asked = {key: tree[key] or None for key in ("pattern", "series")}
    gaps = options.missing == "skip"
    manner = read(Manner, {**asked, "sparse": tree["sparse"], "gaps": gaps}, "segment")
    try:
        return reopen(path, manner, value_range)
    except UserError as error:
        with suppress(UserError):
            reopen(path, replace(manner, gaps=True), value_range)
            error = UserError(f"{error} missing=skip leaves such slices out.")
        raise error from None


def _weights(tree: Tree) -> list[str]:
    """The models by name or folder, one or several."""
    given = tree["weights"]
    weights = given if isinstance(given, list) else [given]
    if not weights or not all(isinstance(name, str) and name for name in weights):
        raise UserError(
            "`weights` must be a registered model (models:/fibsem@champion), a bundle's folder or "
            f"a list of them, but got {given}."
        )
    return weights


def _voxel_nm(tree: Tree) -> VoxelNm:
    """Voxel size as the user gives it."""
    if tree["voxel_nm"] is None:
        return None, None, None
    given = tree["voxel_nm"]
    if not (isinstance(given, list) and len(given) == 3 and all(map(_is_size, given))):
        raise UserError(
            "`voxel_nm` must be three sizes [z, y, x] in nm, null where the volume or the model "
            f"knows it, but got {given}."
        )
    return given[0], given[1], given[2]


def _is_size(nm: object) -> bool:
    """Whether this is a size in nm, or null."""
    return nm is None or (
        isinstance(nm, int | float) and not isinstance(nm, bool) and 0 < nm < math.inf
    )


if __name__ == "__main__":
    run_command("segment", main)
