"""Dense against patch by patch, one set of weights, one run.

    .venv/bin/python experiments/benchmarks/dense_vs_sliding.py --json FILE

About two minutes on 2 cores. 2dcnn, 81x81x3, four blocks. Three rates in pixels per second: the
dense form; `model.predict` of the same weights on batches of patches; `model.predict` of the
thesis's same-padded network. Expected: dense at least 250 and 450 times faster.
"""

from __future__ import annotations

from itertools import pairwise

from _common import matmul_gflops, options, report, seconds

args = options(__doc__.splitlines()[0]).parse_args()

import keras
import numpy as np

from fibsem.geometry import Nbhd
from fibsem.inference import BlockScorer
from fibsem.models import build, resolve

TILE, PATCHES, BATCH = 1024, 1536, 128
nbhd = Nbhd.parse("81x81x3")
rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)

valid = resolve("2dcnn", nbhd, "valid", {"blocks": 4})
same = resolve("2dcnn", nbhd, "same", {"blocks": 4})
network, thesis = build(valid), build(same)
block = rng.normal(size=(TILE + 80, TILE + 80, 3)).astype("float32")
patches = rng.normal(size=(PATCHES, 81, 81, 3)).astype("float32")

scorer = BlockScorer(valid, network)
dense = TILE**2 / seconds(lambda: scorer(block), 5)
patch = PATCHES / seconds(lambda: network.predict(patches, batch_size=BATCH, verbose=0), 3)
paper = PATCHES / seconds(lambda: thesis.predict(patches, batch_size=BATCH, verbose=0), 3)

# the same pixels in both ways, so that the ratio compares equal results
reference = network.predict(
    np.stack([block[k : k + 81, k : k + 81] for k in range(64)]), verbose=0
).ravel()
difference = float(np.abs(np.diagonal(scorer(block))[:64] - reference).max())

widths = [3, 16, 16, 32, 32, 64, 64, 80, 80]
operations = 2 * (9 * sum(a * b for a, b in pairwise(widths)) + 80 * 128 + 128 * 64 + 64)
gflops = matmul_gflops()
report(
    {
        "dense_px_per_s": dense,
        "patch_px_per_s": patch,
        "thesis_px_per_s": paper,
        "ratio_patch": dense / patch,
        "ratio_thesis": dense / paper,
        "largest_difference": difference,
        "dense_gflops": dense * operations / 1e9,
        "matmul_gflops": gflops,
        "gemm_share": dense * operations / 1e9 / gflops,
    },
    args.json,
)
