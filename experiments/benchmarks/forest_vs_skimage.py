"""The forest against scikit-image's TrainableSegmenter: comparable features, same trees, one run.

    .venv/bin/python experiments/benchmarks/forest_vs_skimage.py --json FILE

About two minutes on 2 cores. Both have value, gradient and two eigenvalues of the Hessian at five
sigmas (1 to 16 pixels) of one slice, 100 trees, and the same 12 000 training pixels of a simulated
film. Rates are for a slice of 2247 x 3372 pixels from grey values to probabilities. Each forest
runs in a process of its own, to measure its peak memory; ours works tile by tile.
The forest learns from the same pixels as that of scikit-image, and only its scores are timed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from _common import options, report

parser = options(__doc__.splitlines()[0])
parser.add_argument("--only", choices=("ours", "skimage"), help="run one of the two, print JSON")
parser.add_argument("--height", type=int, default=2247)
parser.add_argument("--width", type=int, default=3372)
args = parser.parse_args()

TREES, SIGMAS, PIXELS = 100, [1.0, 2.0, 4.0, 8.0, 16.0], 12_000


def slice_and_labels():
    """Return noise at two scales as a slice, and the sign of the coarse noise as labels."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    coarse = gaussian_filter(rng.normal(size=(args.height, args.width)).astype("float32"), 12)
    coarse /= coarse.std()
    grey = coarse + rng.normal(size=coarse.shape).astype("float32")
    labels = np.zeros(coarse.shape, np.uint8)
    drawn = rng.choice(coarse.size, PIXELS, replace=False)
    labels.flat[drawn] = np.where(coarse.flat[drawn] > 0, 2, 1)
    return grey, labels, coarse > 0


def run_ours():
    import numpy as np

    from fibsem.analysis.postprocessing import PostProcessing
    from fibsem.data import Recipe, fit_correction
    from fibsem.data.volumes import ArrayVolume
    from fibsem.geometry import Nbhd
    from fibsem.inference import Room, Scorer, Segmenter, SlabWorker, tiling_of
    from fibsem.models import resolve, untrained

    grey, labels, truth = slice_and_labels()
    spec = resolve("forest", Nbhd(1, 33, 33), "valid", {"trees": TREES, "sigmas": SIGMAS})
    low, high = float(grey.min()), float(grey.max())
    volume = ArrayVolume(grey[None], value_range=(low, high))
    recipe = Recipe(gradient="none", scaling="none")
    halo = spec.halo[1]
    unit = np.pad((grey - low) / (high - low), halo, mode="symmetric")[..., None]
    table = untrained(spec).features(unit.astype(np.float32))[labels > 0]
    forest = untrained(spec).fitted(table, labels[labels > 0] - 1, seed=0)
    del table, unit
    before = peak_gib()
    segmenter = Segmenter.of(spec, forest, recipe, PostProcessing())
    scorer = Scorer(segmenter)
    tiling = tiling_of(scorer, volume.shape, Room(memory_gib=1.0))
    worker = SlabWorker(volume, fit_correction(volume, recipe), segmenter, scorer, tiling)
    started = time.perf_counter()
    scores = next(worker.scored([0])).scores
    return rate_and_score(started, scores >= 0.5, truth, before)


def run_skimage():
    from skimage.feature import multiscale_basic_features
    from skimage.future import TrainableSegmenter
    from sklearn.ensemble import RandomForestClassifier

    grey, labels, truth = slice_and_labels()

    def features(image):
        return multiscale_basic_features(
            image, sigma_min=SIGMAS[0], sigma_max=SIGMAS[-1], num_sigma=len(SIGMAS)
        )

    segmenter = TrainableSegmenter(
        RandomForestClassifier(TREES, random_state=0, n_jobs=-1), features
    )
    segmenter.fit(grey, labels)
    started = time.perf_counter()
    found = segmenter.predict(grey)
    return rate_and_score(started, found == 2, truth, 0.0)


def rate_and_score(started, solid, truth, before):
    import numpy as np

    seconds = time.perf_counter() - started
    return {
        "px_per_s": solid.size / seconds,
        "accuracy": float(np.mean(solid == truth)),
        "peak_rss_gib": peak_gib(),
        "peak_rss_before_gib": before,
    }


def peak_gib():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if args.only:
    print(json.dumps({"ours": run_ours, "skimage": run_skimage}[args.only]()))
    sys.exit()

figures = {"slice": [args.height, args.width], "trees": TREES, "sigmas": SIGMAS}
for name in ("skimage", "ours"):
    size = ["--height", str(args.height), "--width", str(args.width)]
    done = subprocess.run(
        [sys.executable, __file__, "--only", name, *size],
        check=True,
        capture_output=True,
        text=True,
    )
    figures[name] = json.loads(done.stdout.splitlines()[-1])
    print(name, figures[name], flush=True)
figures["ratio"] = figures["ours"]["px_per_s"] / figures["skimage"]["px_per_s"]
report(figures, args.json)
