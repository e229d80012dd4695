"""What a step of training takes in bfloat16, beside float32.

    .venv/bin/python experiments/benchmarks/precision_of_steps.py --json FILE

About ten minutes on 2 cores. Complete training steps, including data, optimiser and averages, on
the small phantom: the second epoch of a training, precisions in turn, minimum over the repeats.
Expected, if the processor supports bfloat16: ratios below 0.9 for architectures that declare
``quick_in_bfloat16``. Keys without a prefix are those of 81x81x3.
"""

from __future__ import annotations

from _common import options, report

parser = options(__doc__.splitlines()[0])
parser.add_argument("--turns", type=int, default=3)
args = parser.parse_args()

from fibsem.config import Configuration, compose
from fibsem.training import Material, obtain, train

#: Steps per epoch, chosen so that each epoch takes some seconds.
CASES = {
    ("unet", "33x33x3"): 200, ("2dcnn", "33x33x3"): 120, ("2dcnn", "81x81x3"): 20,
    ("2dcnn", "113x113x3"): 12, ("mv2dcnn", "33x33x3"): 40, ("triplanar", "33x33x3"): 60,
    ("3dcnn", "33x33x3"): 60, ("multichannel", "33x33x3"): 60, ("1dcnn", "33x33x3"): 60,
}  # fmt: skip
PRECISIONS = ("float32", "bfloat16")


def step_ms(model: str, nbhd: str, steps: int, precision: str) -> float:
    config = Configuration(
        compose(
            "train",
            ["data=demo", f"model={model}", f"nbhd={nbhd}", f"train.precision={precision}",
             "train.epochs=2", f"train.steps={steps}", "train.min_steps=0", "train.patience=null",
             "train.val_all=false", "train.restart=false"],
        )
    ).run  # fmt: skip
    material = Material(obtain(config.data, config.split), config)
    return 1000 * train(material).history[-1].seconds / steps


def case(model: str, nbhd: str, steps: int) -> dict[str, float]:
    least = dict.fromkeys(PRECISIONS, float("inf"))
    for _ in range(args.turns):
        for precision in PRECISIONS:
            took = step_ms(model, nbhd, steps, precision)
            least[precision] = min(least[precision], took)
    of_each = {f"{precision}_ms": least[precision] for precision in PRECISIONS}
    return {**of_each, "ratio": least["bfloat16"] / least["float32"]}


cases = {f"{model} {nbhd}": case(model, nbhd, steps) for (model, nbhd), steps in CASES.items()}
report({**cases["2dcnn 81x81x3"], "cases": cases}, args.json)
