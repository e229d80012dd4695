"""Time and peak memory of quantify on a film, and that slabs find what the whole film finds.

    .venv/bin/python experiments/benchmarks/quantify_film.py --json FILE [--shape 200 2247 3372]

The labels are the exact pores of a phantom film of 45 % porosity, written slice by slice, with the
summary of a segmentation beside them. The command runs in a process of its own. Then a corner of
the film that fits into memory is measured once in slabs of one slice and once as a whole: every
figure must be equal. Pore sizes and transport are measured on --parts of a million voxels.

Slabs of a chosen height are compared with the whole, which no command offers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from _common import options, report

parser = options(__doc__.splitlines()[0])
parser.add_argument("--shape", type=int, nargs=3, default=(200, 2247, 3372))
parser.add_argument("--corner", type=int, nargs=3, default=(60, 500, 500))
parser.add_argument("--parts", type=int, default=4)
parser.add_argument("--folder", type=Path, default=Path("outputs/quantify_film"))
args = parser.parse_args()

from fibsem.data.phantom import PhantomRecipe, Structure
from fibsem.data.volumes import create_volume, open_volume
from fibsem.geometry import Box
from fibsem.quantification import QuantifyConfig, open_segmented, quantify
from fibsem.system import write_json

recipe = replace(PhantomRecipe(), shape=tuple(args.shape), squares=3, square_px=32)


def write(folder: Path, shape: tuple[int, ...], plane) -> None:
    """Write labels, slice by slice, and the summary of a segmentation."""
    if (folder / "summary.json").exists():
        return
    labels = folder / "labels.ome.zarr"
    how = {"format": "ome-zarr", "voxel_nm": recipe.voxel_nm, "resume": True}
    pores = 0
    with create_volume(labels, shape, np.uint8, **how) as writer:
        for z in range(shape[0]):
            pore = plane(z)
            pores += int(pore.sum())
            writer.write(z, np.where(pore, 0, 255).astype(np.uint8)[None])
    write_json(folder / "summary.json", {
        "labels": labels.name, "classes": [0, 255], "voxel_nm": list(recipe.voxel_nm),
        "shape": list(shape), "missing": [], "porosity": pores / np.prod(shape),
    })  # fmt: skip


def main() -> None:
    rows, columns = args.shape[1:]
    structure = Structure(recipe, "HPC45", 0.45, (rows, columns))
    film, corner = args.folder / "film", args.folder / "corner"
    write(film, tuple(args.shape), lambda z: structure.pore(z * recipe.subplanes)[:rows, :columns])
    stack, (_, h, w) = open_volume(film / "labels.ome.zarr"), args.corner
    write(corner, tuple(args.corner), lambda z: stack.read(Box((z, 0, 0), (z + 1, h, w)))[0] == 0)
    line = [sys.executable, "-m", "fibsem.quantify", f"segmentation={film}",
            f"output={args.folder / 'measured'}", f"blocks={args.parts}"]  # fmt: skip
    subprocess.run(line, check=True)
    record = json.loads((args.folder / "measured" / "summary.json").read_text())
    told = []
    for name, slab in (("slabs", 1), ("whole", args.corner[0])):
        how = QuantifyConfig(blocks=1, block_voxels=100_000, slab=slab)
        quantify(open_segmented(corner), how, args.folder / name)
        one = json.loads((args.folder / name / "summary.json").read_text())
        told.append({k: v for k, v in one.items() if k not in ("seconds", "peak_rss_gib")})
    voxels = int(np.prod(args.shape))
    keys = ("seconds", "peak_rss_gib", "porosity", "components", "percolates", "pore_size_nm")
    report(
        {
            "voxels": voxels, **{key: record[key] for key in keys},
            "voxels_per_s": voxels / record["seconds"], "corner": args.corner,
            "corner_equal": told[0] == told[1],
        },
        args.json,
    )  # fmt: skip


if __name__ == "__main__":
    main()
