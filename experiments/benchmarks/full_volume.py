"""A volume of full slice size from files to files, against the network alone and the thesis's way.

    .venv/bin/python experiments/benchmarks/full_volume.py --json FILE [--slices 200] [--unet]

2dcnn, 81x81x3, four blocks, or the U-Net with its defaults; smoothing and small objects included;
2247 x 3372 pixels per slice, six slices by default. First a film is simulated and a network is
trained for two minutes; both are kept in --folder. The segmentation is the command as users type
it, in a process of its own. An interrupted one is resumed, but its time is not reported.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from _common import matmul_gflops, options, report, seconds

parser = options(__doc__.splitlines()[0])
parser.add_argument("--slices", type=int, default=6)
parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
parser.add_argument("--folder", type=Path, default=Path("outputs/full_volume"))
parser.add_argument("--size", type=int, nargs=2, default=(2247, 3372), help="rows and columns")
parser.add_argument("--train-seconds", type=int, default=120)
parser.add_argument("--unet", action="store_true", help="instead of the thesis's network")
args = parser.parse_args()

SQUARES = 6
THESIS = ["nbhd=81x81x3", "model.blocks=4"]
NETWORK = ["model=unet"] if args.unet else THESIS
name = "unet" if args.unet else "2dcnn"
rows, columns = args.size
film = args.folder / f"film-{args.slices}x{rows}x{columns}"
bundle, trained = args.folder / f"bundle-{name}", args.folder / f"trained-{name}"
output = args.folder / f"labels-{name}-{args.slices}-{args.precision}"


def command(name: str, *overrides: str) -> None:
    subprocess.run([sys.executable, "-m", f"fibsem.{name}", *overrides], check=True)


if not (film / "dataset.yaml").is_file():
    command(
        "simulate", "phantom=full", f"phantom.shape=[{args.slices},{rows},{columns}]",
        f"phantom.squares={SQUARES}", "~phantom.samples.HPC22", "~phantom.samples.HPC45",
        f"output={film}",
    )  # fmt: skip

from fibsem import models
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import Configuration, compose
from fibsem.data import Recipe
from fibsem.geometry import Nbhd
from fibsem.inference import BlockScorer, Segmenter
from fibsem.models import resolve
from fibsem.tracking import Bundle, load_bundle

if not (bundle / "bundle.json").is_file():
    command(
        "train", *NETWORK, f"budget={args.train_seconds}s", f"output={trained}",
        f"tracking.uri=sqlite:///{args.folder / 'mlflow.db'}",
        f"tracking.artifacts={args.folder / 'artifacts'}",
    )  # fmt: skip
    spec = Configuration(compose("train", NETWORK)).run.spec
    how = PostProcessing(sigma=2.0, threshold=0.45, rounds=1, min_size=100)
    segmenter = Segmenter.of(spec, models.load(spec, trained), Recipe(), how)
    Bundle(segmenter, (50.0, 10.0, 10.0)).save(bundle)

slices = next(film.glob("*/slices"))
clock = args.folder / f"{output.name}-seconds.json"  # a finished run has no time
if not clock.is_file():
    started = time.perf_counter()
    command(
        "segment", f"volume={slices}", f"weights={bundle}", f"output={output}",
        f"precision={args.precision}",
    )  # fmt: skip
    clock.write_text(json.dumps(time.perf_counter() - started))
wall = json.loads(clock.read_text())
summary = json.loads((output / "summary.json").read_text())
if summary["slabs"]["resumed"]:
    sys.exit(f"{output} was made in several starts; remove it and {clock} to time it whole")

import keras
import numpy as np

# the network alone: one tile of the run with its halo, in the precision of the run
member = load_bundle(bundle).segmenter.members[0]
height, width = summary["tile"]
_, up, left = member.spec.halo
around = height + 2 * up, width + 2 * left, 3
block = np.random.default_rng(0).normal(size=around).astype("float32")
scorer = BlockScorer(member.spec, member.model, summary["precision"])
network_px_per_s = height * width / seconds(lambda: scorer(block), 3)

# as in the thesis, end to end: cut patches of a strip, predict them, smooth and threshold
from fibsem.analysis.postprocessing import segment_slice
from fibsem.data.volumes import open_volume
from fibsem.geometry import Box
from fibsem.inference import operations_per_pixel

STRIP = (8, 256)
thesis = models.build(resolve("2dcnn", Nbhd.parse("81x81x3"), "same", {"blocks": 4}))
volume = open_volume(slices)
thesis.predict(np.zeros((128, 81, 81, 3), np.float32), batch_size=128, verbose=0)
started = time.perf_counter()
grey = volume.read_unit(Box((0, 0, 0), (3, STRIP[0] + 80, STRIP[1] + 80)))
windows = np.lib.stride_tricks.sliding_window_view(np.moveaxis(grey, 0, -1), (81, 81), (0, 1))
patches = np.ascontiguousarray(np.moveaxis(windows, 2, -1)).reshape(-1, 81, 81, 3)
scores = thesis.predict(patches, batch_size=128, verbose=0).reshape(STRIP)
segment_slice(scores, load_bundle(bundle).segmenter.postprocessing)
thesis_px_per_s = scores.size / (time.perf_counter() - started)

operations = operations_per_pixel(models.build(member.spec, dense=True))
gflops = matmul_gflops()
voxels, stages = summary["voxels"], summary["stages"]
keras.backend.clear_session()
report(
    {
        "voxels": voxels,
        "seconds": wall,
        "seconds_without_start": summary["seconds"],
        "voxels_per_s": voxels / wall,
        "precision": summary["precision"],
        "labels_changed_by_bfloat16": summary["labels_changed_by_bfloat16"],
        "certificate": summary["certificate"],
        "peak_rss_gib": summary["peak_rss_gib"],
        "tile": summary["tile"],
        "stages_s": stages,
        "network_share": stages["network"] / summary["seconds"],
        "network_alone_s": voxels / network_px_per_s,
        "end_to_end_ratio": wall / (voxels / network_px_per_s),
        "network_px_per_s": network_px_per_s,
        "matmul_gflops": gflops,
        "gemm_share": network_px_per_s * operations / 1e9 / gflops,
        "floor_ratio": wall / (voxels * operations / (gflops * 1e9)),
        "thesis_px_per_s": thesis_px_per_s,
        "ratio_thesis": voxels / wall / thesis_px_per_s,
        "porosity": summary["porosity"],
        "val_all_miou": json.loads((trained / "summary.json").read_text())["val_all"]["miou"],
        "slabs": summary["slabs"],
    },
    args.json,
)
