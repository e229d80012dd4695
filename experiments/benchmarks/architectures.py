"""Every architecture: its dense form against patch by patch, and against the machine's arithmetic.

    .venv/bin/python experiments/benchmarks/architectures.py --json FILE

About three minutes on 2 cores. 33x33 with the n_z of the study (11; 3 for the 2dcnn), valid
padding, default sizes. For each architecture: pixels per second of the dense form and of `predict`
on batches of patches with the same weights, their ratio, the largest difference of the two results,
and the share of the rate of a matrix product (measured in the same run) that the convolutions of
the dense form reach. The U-Net has no patch form, the 1dcnn has no dense form.
"""

from __future__ import annotations

from _common import matmul_gflops, options, report, seconds

args = options(__doc__.splitlines()[0]).parse_args()

import keras
import numpy as np

from fibsem.geometry import Nbhd
from fibsem.inference import BlockScorer, operations_per_pixel
from fibsem.models import MODELS, build, resolve

TILE, PATCHES, BATCH = 512, 1024, 128
NETWORKS = (
    ("2dcnn", 3), ("mv2dcnn", 11), ("triplanar", 11), ("multichannel", 11), ("3dcnn", 3),
    ("3dcnn", 11), ("unet", 3), ("1dcnn", 5),
)  # fmt: skip
rng = np.random.default_rng(0)
gflops = matmul_gflops()
figures: dict = {"matmul_gflops": gflops, "networks": {}}
for name, nz in NETWORKS:
    keras.utils.set_random_seed(0)
    spec = resolve(name, Nbhd(nz, 33, 33), MODELS[name].paddings[0])
    model = build(spec)
    row: dict = {"parameters": model.count_params()}
    patches = rng.normal(size=(PATCHES, *spec.window, nz)).astype("float32")
    if spec.family == "pixel":

        def predict(model=model, patches=patches):
            return model.predict(patches, batch_size=BATCH, verbose=0)

        row["patch_px_per_s"] = PATCHES / seconds(predict, 3)
    if spec.convertible:
        scorer = BlockScorer(spec, model)
        height, width = (TILE + n - 1 for n in spec.window)
        block = rng.normal(size=(height, width, nz)).astype("float32")
        dense = TILE**2 / seconds(lambda scorer=scorer, block=block: scorer(block), 3)
        operations = operations_per_pixel(scorer.network)
        row |= {
            "dense_px_per_s": dense,
            "operations_per_px": operations,
            "gemm_share": dense * operations / 1e9 / gflops,
        }
        if spec.family == "pixel":
            n = spec.window[0]
            cut = np.stack([block[k : k + n, k : k + n] for k in range(32)])
            by_patch = model.predict(cut, verbose=0).ravel()
            row["ratio_patch"] = dense / row["patch_px_per_s"]
            row["largest_difference"] = float(
                np.abs(np.diagonal(scorer(block))[:32] - by_patch).max()
            )
    figures["networks"][f"{name} {spec.nbhd}"] = row
    print(spec.name, spec.nbhd, {key: round(value, 3) for key, value in row.items()}, flush=True)
report(figures, args.json)
