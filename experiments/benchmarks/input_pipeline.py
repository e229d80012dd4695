"""Whether training waits for its input, or for validation.

    .venv/bin/python experiments/benchmarks/input_pipeline.py --json FILE

About two minutes on 2 cores. For patch and grid mode at 33x33x3 and 81x81x3 on the phantom:
samples per second of the input pipeline alone, samples per second in training, their ratio, and the
share of an epoch that validation takes. Expected: ratios above 3, validation below a tenth. Keys
without a prefix are those of the tightest case.
"""

from __future__ import annotations

import time

from _common import options, report

args = options(__doc__.splitlines()[0]).parse_args()

from fibsem.config import Configuration, compose
from fibsem.training import Material, epoch_batches, obtain, train


def case(mode: str, nbhd: str) -> dict[str, float]:
    config = Configuration(
        compose(
            "train",
            ["data=phantom", f"nbhd={nbhd}", f"train.mode={mode}", "train.epochs=3",
             "train.patience=null"],
        )
    ).run  # fmt: skip
    material = Material(obtain(config.data, config.split), config)
    next(epoch_batches(material, 0)[0]())  # read the data first
    started = time.perf_counter()
    samples = sum(labels.size for _, labels, _ in epoch_batches(material, 0)[0]())
    pipeline = samples / (time.perf_counter() - started)
    epoch = train(material).history[-1]  # the first epoch includes compilation
    trained = samples / epoch.seconds
    return {
        "samples_per_s": pipeline,
        "train_samples_per_s": trained,
        "ratio": pipeline / trained,
        "validation_share": epoch.val_seconds / (epoch.seconds + epoch.val_seconds),
    }


cases = {
    f"{mode} {nbhd}": case(mode, nbhd)
    for mode in ("patch", "grid")
    for nbhd in ("33x33x3", "81x81x3")
}
tightest = min(cases.values(), key=lambda figures: figures["ratio"])
report({**tightest, "cases": cases}, args.json)
