r"""How a step of training grows with its operations, over the networks of three spaces.

    .venv/bin/python experiments/budgets/sizes.py --data vnc/membranes-squares.yaml \
        --json experiments/budgets/results/sizes.json

The first networks of a sweep over each space are timed, one after another, on an otherwise idle
machine, and a line is fitted to the logarithms. An existing JSON is only fitted.
``GROWTH`` in ``fibsem/search/budget/sizes.py`` is from this experiment.
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

import numpy as np

from fibsem.config import Configuration, compose
from fibsem.search import NetworkCost, read_space
from fibsem.training import Material, obtain, probe

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, required=True, help="figures of the networks")
parser.add_argument("--real", type=Path, default=Path("../shared/data"), help="folder of stacks")
parser.add_argument("--data", default="vnc/membranes-squares.yaml", help="manifest below it")
parser.add_argument("--networks", type=int, default=10, help="of each space (default 10)")
args = parser.parse_args()

SPACES = (["model=2dcnn", "nbhd=33x33x3"], ["model=2dcnn", "nbhd=81x81x3"], ["model=unet"])
#: Budget in seconds, which determines how many steps the probe times.
BUDGET_S = 60.0


def networks(space: list[str]) -> list[dict[str, object]]:
    """Return operations and seconds of a step of the first networks of a space."""
    given = Configuration(compose("sweep", [f"data.path={args.real / args.data}", *space]))
    in_order = read_space(given.tree).plan(given.search.seed, enumerate_cells=True)
    points = list(islice(in_order, args.networks))
    config = given.with_values(points[0]).run
    material = Material(obtain(config.data, config.split), config)
    record = []
    for point in points:
        one = material.for_config(given.with_values(point).run)
        timed = probe(one, BUDGET_S)
        record.append(
            {
                "space": " ".join(space),
                "operations": NetworkCost.of(one.config.spec, one.step_shape).operations,
                "step_s": round(timed.step_s, 6),
                "validation_s": round(timed.validation_s, 4),
            }
        )
    return record


def main() -> None:
    if not args.json.is_file():
        record = [one for space in SPACES for one in networks(space)]
        args.json.write_text(json.dumps(record, indent=1) + "\n")
    record = json.loads(args.json.read_text())
    for space in dict.fromkeys(one["space"] for one in record):
        of = [one for one in record if one["space"] == space]
        x, y = (np.log([one[key] for one in of]) for key in ("operations", "step_s"))
        power, constant = np.polyfit(x, y, 1)
        spread = np.std(y - constant - power * x)
        apart = np.exp(np.ptp(x))
        print(
            f"{space}: {len(of)} networks, the largest step of {apart:.1f} times the operations of "
            f"the smallest, power {power:.2f}, within {100 * spread:.0f} %"
        )


if __name__ == "__main__":
    main()
