"""One model, an ensemble of five, and the best trial as it was found: what promotion is worth.

    .venv/bin/python experiments/promotion/run.py --flyem ../shared/data/flyem

About 35 minutes on 2 cores; an interrupted run is resumed. On the phantom and on a real stack: a
sweep of four trials of a 2dcnn at 33x33x3, then `promote ensemble=5`. Compared on the test squares:
the best trial run again with three seeds (mean and s.d.), one network after final training, and the
mean of five of them. Post-processing and temperature of each are chosen on the validation squares.
The repeated trials are scored on the test squares here, which a promotion never does.

Members of an ensemble are scored one by one, and trials on test squares, which no promotion does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).parent

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--flyem", type=Path, help="folder of the real stack; left out without")
parser.add_argument("--output", type=Path, default=Path("outputs/promotion"))
parser.add_argument("--results", type=Path, default=HERE / "results")
parser.add_argument("--json", type=Path, help="write the figures here, too")
parser.add_argument("--stage", choices=("sweep", "promote", "compare"), default="compare")
parser.add_argument("overrides", nargs="*", help="of both commands, for a quick look")
args = parser.parse_args()

STORE = [
    f"tracking.uri=sqlite:///{args.output.resolve() / 'mlflow.db'}",
    f"tracking.artifacts={args.output.resolve() / 'artifacts'}",
]
COMMON = ["nbhd=33x33x3", *STORE, *args.overrides]
SWEEP = [
    "search.trials=4", "train.epochs=4", "train.steps=80", "space.axes.model.blocks=[2,3]",
    "space.axes.model.filters=[8,16]", "space.axes.model.kernel=[3]",
]  # fmt: skip
PROMOTE = [
    "rank.k=2", "rank.seeds=3", "ensemble=5", "final.epochs=6", "segment=false",
    "postprocessing.sigma=[0,0.5,1,1.5,2,3]", "postprocessing.threshold_steps=37",
]  # fmt: skip


def command(name: str, output: Path, *overrides: str) -> dict:
    """Run one command, unless it is finished, and return its summary."""
    if not (output / "summary.json").is_file():
        line = [sys.executable, "-m", f"fibsem.{name}", f"output={output}", *overrides]
        subprocess.run(line, check=True)
    return json.loads((output / "summary.json").read_text())


datasets = {"phantom": ["data=phantom"]}
if args.flyem:
    datasets["flyem"] = [f"data.path={args.flyem}", "data.name=flyem"]

promoted = {}
for name, data in datasets.items():
    sweep = command("sweep", args.output / name / "sweep", *data, *COMMON, *SWEEP)
    if args.stage != "sweep":
        folder = args.output / name / "promote"
        study = f"study={sweep['study']}"
        promoted[name] = folder, command("promote", folder, *data, *COMMON, *PROMOTE, study)
if args.stage != "compare":
    sys.exit()

import pandas as pd

from fibsem import models
from fibsem.analysis import Platt, Spread, markdown, plus_minus, pooled, porosity_error
from fibsem.analysis.postprocessing import PostProcessing, search
from fibsem.config import (
    DataConfig,
    PostProcessingConfig,
    RankConfig,
    TrackingConfig,
    compose,
    read,
)
from fibsem.data import SplitRecipe
from fibsem.inference import Member, Scorer, Segmenter, seconds_per_gigapixel
from fibsem.promotion import (
    Reliabilities,
    best_trials,
    calibration_errors,
    final_configuration,
    fit_calibration,
)
from fibsem.system import read_json, replace_file, write_json
from fibsem.tracking import Tracking
from fibsem.training import Material, obtain, scored_squares


def worth(folders: list[Path], known: Path, material: Material, grid) -> dict:
    """Return figures on the test squares for the mean of the networks in some folders."""
    if known.is_file():
        return read_json(known)
    spec = material.config.spec
    members = tuple(Member(spec, models.load(spec, folder)) for folder in folders)
    plain = Segmenter(members, material.config.preprocess, PostProcessing(), "")
    scored = scored_squares(material, Scorer(plain), "val", grid.margin)
    squares = [square for _, square in scored]
    best, _ = search(squares, grid)
    fitted = fit_calibration(squares)
    line = Platt(fitted.temperature, fitted.offset)
    test = list(scored_squares(material, Scorer(plain), "test", grid.margin))
    films = defaultdict(list)
    for region, square in test:
        films[region.sample].append(square.confusion(best))
    by_film = [pooled(squares) for squares in films.values()]
    errors = calibration_errors([Reliabilities.of(square, line) for _, square in test])
    record = {
        "test_miou": pooled(by_film).miou,
        "porosity_error": porosity_error(by_film),
        "calibration_error_raw": errors["ece_before"],
        "calibration_error": errors["ece_after"],
        "temperature": line.temperature,
        "seconds_per_gigapixel": seconds_per_gigapixel(Scorer(plain)),
        "members": len(members),
    }
    write_json(known, record)
    return record


FIGURES = (
    "test_miou", "porosity_error", "calibration_error_raw", "calibration_error",
    "seconds_per_gigapixel",
)  # fmt: skip
results: dict[str, dict] = {}
lines = []
for name, (folder, summary) in promoted.items():
    tree = compose("promote", [*datasets[name], *COMMON, *PROMOTE])
    grid = read(PostProcessingConfig, tree["postprocessing"], "postprocessing").grid
    best = summary["winner"][:8]
    dataset = obtain(
        read(DataConfig, tree["data"], "data"), read(SplitRecipe, tree["split"], "split")
    )
    tracking = Tracking.open(read(TrackingConfig, tree["tracking"], "tracking"), dataset.name)
    trials = {trial.run_id: trial for trial in best_trials(tracking, dataset, RankConfig(k=99))}
    config = final_configuration(trials[summary["winner"]].tree, tree, tree["seed"]).run
    material = Material(dataset, config)
    again = sorted((folder / "rank" / best).glob("seed-*"))
    finals = [folder / "final" / f"{best}-seed-{seed}" for seed in summary["seeds"]]
    runs = {
        "best trial, three fresh seeds": [
            worth([one], one / "worth.json", material, grid) for one in again
        ],
        "final training, one seed": [worth(finals[:1], finals[0] / "worth.json", material, grid)],
        "mean of the five": [worth(finals, folder / "worth-ensemble.json", material, grid)],
    }
    results[name] = {
        what: {key: vars(Spread.of([run[key] for run in some])) for key in FIGURES}
        for what, some in runs.items()
    }
    results[name]["promotion"] = {
        key: summary[key] for key in ("ranking", "postprocessing", "gate", "ensemble", "seeds")
    }
    for what in runs:
        spreads = {key: Spread(**some) for key, some in results[name][what].items()}
        lines.append(
            {
                "data": name,
                "model": what,
                "test mIoU": plus_minus(spreads["test_miou"], 4),
                "porosity error (points)": plus_minus(spreads["porosity_error"], 2, 100),
                "calibration error": plus_minus(spreads["calibration_error_raw"], 4),
                "with temperature": plus_minus(spreads["calibration_error"], 4),
                "s per gigapixel": plus_minus(spreads["seconds_per_gigapixel"], 0),
            }
        )
for file in filter(None, (args.results / "promotion.json", args.json)):
    write_json(file, results)
replace_file(args.results / "promotion.md", markdown(pd.DataFrame(lines)) + "\n")
print((args.results / "promotion.md").read_text())
