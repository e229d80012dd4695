"""Bounded validation beside every labelled pixel: do both rank networks alike.

    .venv/bin/python experiments/budgets/ranking.py --json FILE [--real DIR]

Networks of several ages and learning rates are scored twice: on the pieces that represent the
validation split, and on every labelled pixel. Spearman's rank correlations are given, and the
differences of the metrics in comparison with their estimated standard errors. Then follows which
metric of the pieces should choose networks: the rank correlation of each with the mIoU of every
test pixel, at the threshold of the pieces, and the test mIoU of the network that it would pick.
Some ten minutes on two cores.

One network is scored in two ways after every few epochs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from _every_pixel import Material, every_pixel, material_of
from scipy.stats import spearmanr
from sklearn.metrics import jaccard_score

from fibsem.analysis import Estimate
from fibsem.training import DivergedError, estimate, train

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path)
parser.add_argument("--real", type=Path, default=Path("../shared/data"))
parser.add_argument("--data", default="vnc/mitochondria.yaml", help="of the real stacks")
args = parser.parse_args()

AGES, RATES, FILTERS = (15, 40, 100), (0.0005, 0.002, 0.008), (4, 8)
#: Objectives of a search: on balanced or on all (natural) pixels, name of the metric, and its sign.
FIGURES = {
    "val/loss": ("balanced", "loss", -1), "val/miou": ("balanced", "miou", 1),
    "val_all/miou": ("natural", "miou", 1),
}  # fmt: skip


def exhaustive(material: Material, model: object, split: str) -> Estimate:
    """Return an estimate from every labelled pixel of a split, each once."""
    labels, scores = every_pixel(material, model, split)
    counts = int((labels == 0).sum()), int((labels == 1).sum())
    return Estimate(labels, scores, np.ones(labels.size), np.zeros(labels.size, np.int64), counts)


def choice(figures: list[float], tested: list[float]) -> dict[str, float]:
    """Compare a metric, of which larger is better, with the test mIoU of the networks."""
    return {
        "spearman": float(spearmanr(figures, tested).statistic),
        "picked_test_miou": tested[int(np.argmax(figures))],
        "best_test_miou": max(tested),
    }


def networks() -> list[Material]:
    """Return the compared settings, on one dataset that is read once."""
    found: list[Material] = []
    for steps in AGES:
        for rate in RATES:
            for filters in FILTERS:
                overrides = [
                    f"data.path={args.real / args.data}", "nbhd=33x33x3",
                    f"model.filters={filters}", "train.epochs=1", f"train.steps={steps}",
                    f"train.learning_rate={rate}",
                ]  # fmt: skip
                found.append(material_of("train", overrides, found[0] if found else None))
    return found


def main() -> None:
    rows, tested = [], []
    for material in networks():
        try:
            model = train(material).model
        except DivergedError as error:
            print(f"left out: {error}")
            continue
        few, every = estimate(material, model, "val"), exhaustive(material, model, "val")
        rows.append(
            {kind: [getattr(few, kind), getattr(every, kind)] for kind in ("balanced", "natural")}
        )
        test = exhaustive(material, model, "test")
        solid = test.scores >= few.natural["threshold"]
        tested.append(float(jaccard_score(test.labels, solid, average="macro")))
        print({kind: [round(one["miou"], 4) for one in pair] for kind, pair in rows[-1].items()})
    record: dict[str, object] = {"data": args.data, "networks": len(rows)}
    for kind in ("balanced", "natural"):
        few, every = (np.array([row[kind][k]["miou"] for row in rows]) for k in (0, 1))
        error = np.array([row[kind][0]["miou_se"] for row in rows])
        record[kind] = {
            "spearman": float(spearmanr(few, every).statistic),
            "rms_difference": float(np.sqrt(np.mean((few - every) ** 2))),
            "told_error": float(np.sqrt(np.mean(error**2))),
            "within_two_errors": float(np.mean(np.abs(few - every) <= 2 * error)),
        }
    record["loss_spearman"] = float(
        spearmanr(*([row["balanced"][k]["loss"] for row in rows] for k in (0, 1))).statistic
    )
    record["chooses"] = {
        name: choice([sign * row[kind][0][figure] for row in rows], tested)
        for name, (kind, figure, sign) in FIGURES.items()
    }
    print(json.dumps(record, indent=2))
    if args.json:
        args.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
