"""How a step of training grows with the operations of its network, in the sweeps of searches.py.

    .venv/bin/python experiments/budgets/sizes.py --json experiments/budgets/results/sizes.json

Whole trainings of the study's scheme and of TPE, which ``searches.py`` has left in
``outputs/searches``: a line through the logarithms. Where the JSON is there already, it is fitted
as it stands. ``GROWTH`` in ``fibsem/search/sizes.py`` comes from here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fibsem import models
from fibsem.config import Configuration, compose
from fibsem.inference import operations_per_pixel

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, required=True, help="figures of the trainings")
parser.add_argument("--sweeps", type=Path, default=Path("outputs/searches"))
args = parser.parse_args()

#: As in ``searches.py``.
SPACE = ["model=2dcnn", "nbhd=33x33x3", "space=2d"]
WAYS = ("the-study's-scheme", "TPE")


def trainings(folder: Path) -> Iterator[dict[str, object]]:
    """Whole trainings of a sweep: seconds of a step, and operations of the network for a pixel."""
    film, _, rest = folder.name.partition("-")
    given = Configuration(compose("sweep", SPACE))
    for trial in json.loads((folder / "trials.json").read_text()):
        file = folder / f"trials/{trial['number']:04d}/result.json"
        if not file.is_file():
            continue
        point = {key: value for key, value in trial.items() if key in given.tree["space"]["axes"]}
        spec = given.with_values(point).run.spec
        epochs = [epoch["seconds"] for epoch in json.loads(file.read_text())["history"][1:]]
        steps = json.loads((folder / "identity.json").read_text())["settings"]["train.steps"]
        yield {
            "film": film, "search": rest, "trial": trial["number"],
            "step_s": float(np.median(epochs)) / steps,
            "operations": operations_per_pixel(models.build(spec, dense=True)),
        }  # fmt: skip


def main() -> None:
    if not args.json.is_file():
        folders = [one for way in WAYS for one in sorted(args.sweeps.glob(f"*-{way}-*"))]
        record = [training for folder in folders for training in trainings(folder)]
        args.json.write_text(json.dumps(record, indent=1) + "\n")
    record = json.loads(args.json.read_text())
    for film in dict.fromkeys(one["film"] for one in record):
        of = [one for one in record if one["film"] == film]
        x, y = (np.log([one[key] for one in of]) for key in ("operations", "step_s"))
        power, constant = np.polyfit(x, y, 1)
        spread = np.std(y - constant - power * x)
        print(f"{film}: {len(of)} trainings, power {power:.2f}, within {100 * spread:.0f} %")


if __name__ == "__main__":
    main()
