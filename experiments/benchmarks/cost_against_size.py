"""Time a pixel and peak memory of a segmentation against the number and the area of its slices.

    .venv/bin/python experiments/benchmarks/cost_against_size.py --json FILE

About 20 minutes on 2 cores for each of --repeats. 1, 2, 4 and 8 slices of 2247 x 3372, and two
slices of a quarter and of half of that area, are segmented in turn by the command, each in a
process of its own: 2dcnn, 81x81x3, four blocks, float32, smoothing and small objects, tiles of one
shape (749 x 843). The weights are untrained. Finished runs are kept in --folder and not repeated.

Three parts of a run hardly depend on its size: `process_s` until the segmentation begins (Python,
TensorFlow, the model), `start_s` until its first slab begins (the correction, which reads up to 20
slices, and the dense network), and, within the remaining `labelling_s`, the trace of the first tile
with the reading before and the finishing after it, which overlap with nothing. The last part is the
intercept of a line: labelling_s = first_s + pixels * s_per_pixel, least squares of relative
deviations.
`flat_time` is the largest deviation of (labelling_s - first_s) / pixels from its median,
`flat_time_with_first` that of labelling_s / pixels; `flat_memory` that of the peak memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from _common import options, report

parser = options(__doc__.splitlines()[0])
parser.add_argument("--size", type=int, nargs=2, default=(2247, 3372), help="rows and columns")
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--folder", type=Path, default=Path("outputs/cost_against_size"))
args = parser.parse_args()

import keras
import numpy as np
from scipy.ndimage import gaussian_filter

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data import Recipe
from fibsem.data.volumes import create_volume
from fibsem.geometry import Nbhd
from fibsem.inference import Scorer, Segmenter
from fibsem.models import build, resolve
from fibsem.tracking import Bundle

rows, columns = args.size
#: Shape (z, y, x) of every volume.
SHAPES = {
    "1_full": (1, rows, columns),
    "2_full": (2, rows, columns),
    "4_full": (4, rows, columns),
    "8_full": (8, rows, columns),
    "2_quarter": (2, rows, columns // 4),
    "2_half": (2, rows, columns // 2),
}
BY_DEPTH = ["1_full", "2_full", "4_full", "8_full"]
BY_AREA = ["2_quarter", "2_half", "2_full"]
#: A third of the height and a quarter of the width, so that all tiles are equal (749 x 843).
TILE = max(-(-rows // 3), -(-columns // 4))
bundle = args.folder / "bundle"


def coarse_and_fine() -> np.ndarray:
    """Return one slice of structure under noise, uint16."""
    rng = np.random.default_rng(0)
    coarse = gaussian_filter(rng.normal(size=(rows, columns)).astype(np.float32), 12)
    grey = coarse / coarse.std() + rng.normal(size=coarse.shape)
    return (32768 + 6000 * grey).clip(0, 65535).astype(np.uint16)


def prepare() -> None:
    """Write the volumes, and an untrained network with a threshold that gives both classes."""
    grey = coarse_and_fine()
    for name, shape in SHAPES.items():
        if (folder := args.folder / "volumes" / name).is_dir():
            continue
        partial = folder.with_name(f"{name}-partial")
        with create_volume(partial, shape, np.uint16, format="tiff") as writer:
            for z in range(shape[0]):
                writer.write(z, np.roll(grey, 211 * z, axis=1)[None, : shape[1], : shape[2]])
        partial.rename(folder)
    keras.utils.set_random_seed(0)
    spec = resolve("2dcnn", Nbhd.parse("81x81x3"), "valid", {"blocks": 4})
    model = build(spec)
    plain = Segmenter.of(spec, model, Recipe(), PostProcessing())
    corner = ((grey[:280, :280] - grey.mean()) / grey.std()).astype(np.float32)
    middle = float(np.median(Scorer(plain)(np.stack([corner] * 3, axis=-1))))
    how = PostProcessing(sigma=2.0, threshold=middle, min_size=100)
    Bundle(Segmenter.of(spec, model, Recipe(), how), (50.0, 10.0, 10.0)).save(bundle)


def segment(name: str, repeat: int) -> dict:
    """Segment a volume by the command, or read the kept figures of an earlier run."""
    kept = args.folder / "runs" / f"{name}-{repeat}.json"
    if kept.is_file():
        return json.loads(kept.read_text())
    output = args.folder / "labels"
    command = [
        sys.executable, "-m", "fibsem.segment", f"volume={args.folder / 'volumes' / name}",
        f"weights={bundle}", f"output={output}", f"tile={TILE}", "certificate=false",
        "previews=0", "overwrite=true",
    ]  # fmt: skip
    started = time.perf_counter()
    subprocess.run(command, check=True)
    wall = time.perf_counter() - started
    summary = json.loads((output / "summary.json").read_text())
    figures = {
        "pixels": summary["voxels"],
        "wall_s": wall,
        "process_s": wall - summary["seconds"],
        "start_s": summary["start_s"],
        "labelling_s": summary["seconds"] - summary["start_s"],
        "peak_rss_gib": summary["peak_rss_gib"],
        "tile": summary["tile"],
        "porosity": summary["porosity"],
        "stages_s": summary["stages"],
    }
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(figures, indent=2))
    return figures


def medians(runs: list[dict]) -> dict:
    """Return the median of every number over the repeats."""
    numbers = [key for key, value in runs[0].items() if isinstance(value, float | int)]
    return {**runs[0], **{key: median(run[key] for run in runs) for key in numbers}}


def line(sizes: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return intercept and slope of a line, by least squares of relative deviations."""
    terms = np.stack([np.ones_like(sizes), sizes], axis=1) / values[:, None]
    (start, slope), *_ = np.linalg.lstsq(terms, np.ones_like(values), rcond=None)
    return float(start), float(slope)


def largest_deviation(values: np.ndarray) -> float:
    """Return the largest relative deviation of values from their median."""
    return float(np.abs(values / np.median(values) - 1).max())


if not (bundle / "bundle.json").is_file():
    prepare()
done: dict[str, list[dict]] = {name: [] for name in SHAPES}
for repeat in range(args.repeats):
    for name in SHAPES:
        done[name].append(segment(name, repeat))

volumes = {name: medians(runs) for name, runs in done.items()}
pixels, labelling = (
    np.array([volume[key] for volume in volumes.values()], float)
    for key in ("pixels", "labelling_s")
)
first_s, s_per_pixel = line(pixels, labelling)
for volume, seconds in zip(volumes.values(), labelling, strict=True):
    expected = first_s + s_per_pixel * volume["pixels"]
    volume["us_per_pixel"] = 1e6 * (seconds - first_s) / volume["pixels"]
    volume["us_per_pixel_with_first"] = 1e6 * seconds / volume["pixels"]
    volume["residual"] = seconds / expected - 1


def memory(names: list[str]) -> np.ndarray:
    return np.array([volumes[name]["peak_rss_gib"] for name in names])


areas = np.array([np.prod(SHAPES[name][1:]) for name in BY_AREA], float)
base_gib, gib_per_pixel = line(areas, memory(BY_AREA))
report(
    {
        "repeats": args.repeats,
        "volumes": volumes,
        "process_s": median(volume["process_s"] for volume in volumes.values()),
        "start_s": median(volume["start_s"] for volume in volumes.values()),
        "first_s": first_s,
        "us_per_pixel": 1e6 * s_per_pixel,
        "flat_time": largest_deviation((labelling - first_s) / pixels),
        "flat_time_with_first": largest_deviation(labelling / pixels),
        "flat_memory": largest_deviation(memory(list(SHAPES))),
        "flat_memory_by_depth": largest_deviation(memory(BY_DEPTH)),
        "flat_memory_by_area": largest_deviation(memory(BY_AREA)),
        "memory_without_slices_gib": base_gib,
        "memory_bytes_per_pixel_of_a_slice": gib_per_pixel * 2**30,
    },
    args.json,
)
