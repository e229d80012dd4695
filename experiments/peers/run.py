"""The models of this project beside scikit-image's forest and MONAI's U-Net: time, mIoU, memory.

    .venv/bin/python experiments/peers/run.py --monai-python PATH \
        --json experiments/peers/results/peers.json

About 30 minutes on 2 cores: 120 s of training for each of five networks, two forests, and every
method's way over --slices slices of 2247 x 3372. One dataset, split and set of training squares;
each stage in a process of its own; what is done is not done again. ``README.md`` says how to make
the environment of ``--monai-python``; without it the rows of MONAI are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, help="figures go here, and a table beside as .md")
parser.add_argument("--monai-python", type=Path, help="interpreter that has MONAI")
parser.add_argument("--data", default="phantom", help="phantom or demo")
parser.add_argument("--train-seconds", type=float, default=120)
parser.add_argument("--share", type=float, default=0.02, help="of the pixels, for the forests")
parser.add_argument("--slices", type=int, default=2, help="that are timed")
parser.add_argument("--size", type=int, nargs=2, default=(2247, 3372), help="rows and columns")
parser.add_argument(
    "--float32-only", action="store_true", help="bfloat16 is slow on processors without AVX-512"
)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--folder", type=Path, default=Path("outputs/peers"))
args = parser.parse_args()

import numpy as np
from exchange import MARGIN, cores, write

from fibsem.analysis.metrics import Confusion, pooled
from fibsem.analysis.postprocessing import ScoredSquare, search
from fibsem.config import RunConfig, compose
from fibsem.data.preprocessing import CorrectedVolume, Recipe, fit_correction
from fibsem.data.sampling import load_windows
from fibsem.data.volumes import open_volume
from fibsem.evaluation.protocol import THRESHOLDS
from fibsem.geometry import Box
from fibsem.training.datasets import obtain
from fibsem.training.material import Material


@dataclass(frozen=True)
class Method:
    """A row of the table: who scores, with the result of which training."""

    name: str
    script: str
    trained: str
    what: tuple[str, ...] = ()
    precision: str = "float32"


OURS, SKIMAGE, MONAI = "ours.py", "skimage_forest.py", "monai_unet.py"
SMALL = (OURS, "2dcnn-33", ("model=2dcnn", "nbhd=33x33x3"))
LARGE = (OURS, "2dcnn-81", ("model=2dcnn", "nbhd=81x81x3", "model.blocks=4"))
UNET = (OURS, "unet", ("model=unet", "nbhd=33x33x3"))
FOREST = (OURS, "forest", ("model=forest", "nbhd=33x33x3", f"train.share={args.share}"))
BASIC, RESIDUAL = (MONAI, "monai-basic", ("BasicUNet",)), (MONAI, "monai-unet", ("UNet",))
METHODS = [
    Method("2dcnn(33,33,3)", *SMALL),
    Method("2dcnn(33,33,3), bfloat16", *SMALL, "bfloat16"),
    Method("2dcnn(81,81,3)", *LARGE),
    Method("2dcnn(81,81,3), bfloat16", *LARGE, "bfloat16"),
    Method("unet", *UNET),
    Method("unet, bfloat16", *UNET, "bfloat16"),
    Method("forest", *FOREST),
    Method("scikit-image, TrainableSegmenter", SKIMAGE, "skimage"),
    Method("MONAI, BasicUNet", *BASIC),
    Method("MONAI, BasicUNet, bfloat16", *BASIC, "bfloat16"),
    Method("MONAI, UNet", *RESIDUAL),
    Method("MONAI, UNet, bfloat16", *RESIDUAL, "bfloat16"),
]
material = args.folder / "material"


def settle() -> None:
    """Refuse to mix the results of two settings in one folder."""
    keys = ("data", "train_seconds", "share", "slices", "size", "seed")
    settings = {key: getattr(args, key) for key in keys}
    known, settings["size"] = args.folder / "settings.json", list(args.size)
    if known.is_file() and json.loads(known.read_text()) != settings:
        sys.exit(
            f"error: {args.folder} holds results of {known.read_text()}; give another --folder"
        )
    write(known, settings)


def run(*command: object) -> None:
    subprocess.run([sys.executable, *map(str, command)], check=True)


def prepare() -> None:
    """Write what all methods are given; see ``exchange.Material``."""
    if (material / "done.json").is_file():
        return
    tree = compose("train", [f"data={args.data}", *FOREST[-1]])
    config = RunConfig.of(tree)
    dataset = obtain(config.data, config.split)
    ours = Material.of(dataset, config)
    material.mkdir(parents=True, exist_ok=True)
    for split in ("train", "val", "test"):
        windows = load_windows(dataset, split, ours.volumes, (1, MARGIN, MARGIN))
        np.save(material / f"{split}_images.npy", np.stack([window.image for window in windows]))
        np.save(material / f"{split}_labels.npy", np.stack([window.labels for window in windows]))
        truth = [window.region.read_truth for window in windows]
        if all(truth):
            np.save(material / f"{split}_truth.npy", np.stack([read() for read in truth]))
    drawn = ours.training_pixels
    np.save(
        material / "pixels.npy",
        np.stack([drawn.window, drawn.y, drawn.x, drawn.label], axis=1).astype(np.int32),
    )
    film = args.folder / "film"
    if not (film / "dataset.yaml").is_file():
        rows, columns = args.size
        run(
            "-m", "fibsem.simulate", "phantom=full", "phantom.squares=3",
            f"phantom.shape=[{args.slices},{rows},{columns}]",
            "~phantom.samples.HPC22", "~phantom.samples.HPC45", f"output={film}",
        )  # fmt: skip
    volume = open_volume(next(film.glob("*/slices")))
    correction = fit_correction(volume, Recipe())
    whole = Box.whole(volume.shape)
    np.save(material / "film.npy", volume.read(whole))
    np.save(material / "film_corrected.npy", CorrectedVolume(volume, correction).read(whole))
    write(material / "correction.json", correction.to_json())
    counts = {"train_squares": len(ours.train), "forest_pixels": len(drawn)}
    write(material / "done.json", counts)


def stage(name: str, method: Method, trained: Path, output: Path | None = None) -> None:
    """Run one stage of a method in a process of its own."""
    python = args.monai_python if method.script == MONAI else sys.executable
    command = [
        python, Path(__file__).with_name(method.script), name, "--material", material,
        "--trained", trained, "--seconds", args.train_seconds, "--precision", method.precision,
        "--seed", args.seed, *(["--output", output] if output else []), "--what", *what(method),
    ]  # fmt: skip
    subprocess.run([str(part) for part in command], check=True)


def what(method: Method) -> tuple[str, ...]:
    own = (f"data={args.data}",) if method.script == OURS else ()
    return (*own, *method.what)


def figures(method: Method) -> dict:
    """Train, score, and judge one method; or find it done."""
    trained = args.folder / "trained" / method.trained
    output = args.folder / "scores" / f"{method.trained}-{method.precision}"
    if not (trained / "fit.json").is_file():
        print(f"{method.name}: training", flush=True)
        stage("fit", method, trained)
    if not (output / "result.json").is_file():
        print(f"{method.name}: scoring", flush=True)
        stage("infer", method, trained, output)
    fitted = json.loads((trained / "fit.json").read_text())
    result = json.loads((output / "result.json").read_text())
    return {
        "seconds_per_gigapixel": 1e9 * result["seconds"] / result["pixels"],
        "peak_rss_gib": result["peak_rss_gib"],
        "parameters": fitted["parameters"],
        "train_seconds": fitted["train_seconds"],
        "train_steps": fitted.get("steps"),
        **judged(output),
    }


def judged(output: Path) -> dict:
    """MIoU over all pixels of the test squares, at the best threshold on validation."""
    squares = squares_of(output, "val", "labels")
    chosen, surface = search(squares, THRESHOLDS)
    record = {"threshold": chosen.threshold, "val_miou": float(surface.max())}
    for name, against in (("test_miou", "labels"), ("test_miou_truth", "truth")):
        if (material / f"test_{against}.npy").is_file():
            tested = squares_of(output, "test", against)
            record[name] = pooled(square.confusion(chosen) for square in tested).miou
    record["test_miou_half"] = pooled(
        Confusion.at_threshold(square.labels, square.scores, 0.5)
        for square in squares_of(output, "test", "labels")
    ).miou
    return record


def squares_of(output: Path, split: str, against: str) -> list[ScoredSquare]:
    scores, labels = np.load(output / f"{split}.npy"), np.load(material / f"{split}_{against}.npy")
    everything = (slice(None), slice(None))
    return [ScoredSquare(*pair, everything) for pair in zip(scores, labels, strict=True)]


def table(rows: dict[str, dict]) -> str:
    """The figures as Markdown."""
    lines = [
        "| method | s per gigapixel | test mIoU | test mIoU against truth | parameters "
        "| training (s) | steps | peak memory (GiB) |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in rows.items():
        truth = f"{row['test_miou_truth']:.4f}" if "test_miou_truth" in row else ""
        lines.append(
            f"| {name} | {row['seconds_per_gigapixel']:.0f} | {row['test_miou']:.4f} | {truth} "
            f"| {row['parameters']} | {row['train_seconds']:.0f} | {row['train_steps'] or ''} "
            f"| {row['peak_rss_gib']:.2f} |"
        )
    return "\n".join(lines) + "\n"


settle()
prepare()
wanted = [
    method
    for method in METHODS
    if (args.monai_python or method.script != MONAI)
    and not (args.float32_only and method.precision != "float32")
]
rows = {method.name: figures(method) for method in wanted}
record = {
    "settings": json.loads((args.folder / "settings.json").read_text()),
    **json.loads((material / "done.json").read_text()),
    "methods": rows,
    "machine": {"cpus": cores(), "processor": platform.machine()},
}
print(table(rows))
if args.json:
    write(args.json, record)
    args.json.with_suffix(".md").write_text(table(rows))
