"""Do probabilities mean what they say? Calibration error on test squares, by sample.

    make demo
    .venv/bin/python experiments/calibration/run.py outputs/demo/promote data=demo

See README.md. The first argument is the folder of a finished promotion, the others name its data as
on the command line; --json adds to an existing file.

The script scores all squares again, since a promotion does not keep their probabilities.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from fibsem.analysis import Platt, Reliability, cross_entropy, markdown, with_temperature
from fibsem.config import Configuration, DataConfig, compose, read
from fibsem.data import SplitRecipe
from fibsem.inference import Scorer
from fibsem.promotion import labelled_pixels
from fibsem.system import replace_file, write_json
from fibsem.tracking import load_bundle
from fibsem.training import Material, obtain, scored_squares


def pixels(squares: list, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and smoothed scores of all labelled pixels of some squares."""
    parts = [labelled_pixels(square, sigma) for square in squares]
    return tuple(np.concatenate(some) for some in zip(*parts, strict=True))


def errors(squares: list, platt: Platt, temperature: float) -> dict:
    """Return the expected calibration error of some squares, and the bias of the porosity."""
    labels, scores = pixels(squares, platt.smoothed_px)
    alone = replace(platt, temperature=temperature, offset=0.0)
    ways = {"plain": scores, "temperature": alone.line(scores), "line": platt.line(scores)}
    share = 1 - labels.mean()
    return {
        "squares": len(squares), "pixels": int(labels.size), "porosity": float(share),
        **{f"ece_{way}": Reliability.of(labels, some).error for way, some in ways.items()},
        **{f"bias_{way}": float(1 - some.mean() - share) for way, some in ways.items()},
    }  # fmt: skip


def temperature_of(squares: list, sigma: float) -> float:
    """Return the temperature that a fit without an offset gives on some squares."""
    labels, scores = pixels(squares, sigma)
    found = minimize_scalar(
        lambda log: cross_entropy(labels, with_temperature(scores, 2.0**log)), bounds=(-3, 3),
        method="bounded",
    )  # fmt: skip
    return float(2.0**found.x)


def examine(promotion: Path, overrides: list[str]) -> dict:
    """Return errors of a promoted model on the test squares, by sample and over all."""
    segmenter = load_bundle(promotion / "bundle").segmenter
    tree = compose("promote", overrides)
    dataset = obtain(
        read(DataConfig, tree["data"], "data"), read(SplitRecipe, tree["split"], "split")
    )
    config = replace(
        Configuration(tree).run, preprocess=segmenter.recipe, spec=segmenter.members[0].spec
    )
    material, margin = Material(dataset, config), int(4 * segmenter.smoothed_px + 0.5)
    scorer = Scorer(segmenter)
    val = [one for _, one in scored_squares(material, scorer, "val", margin)]
    temperature = temperature_of(val, segmenter.smoothed_px)
    by_sample = defaultdict(list)
    for region, square in scored_squares(material, scorer, "test", margin):
        by_sample[region.sample].append(square)
    everything = [square for some in by_sample.values() for square in some]
    return {
        "temperature_alone": temperature, "temperature": segmenter.temperature,
        "offset": segmenter.offset,
        "samples": {
            name: errors(some, segmenter.platt, temperature)
            for name, some in {**by_sample, "all": everything}.items()
        },
    }  # fmt: skip


def table(records: dict) -> str:
    rows = [
        {"data": data, "sample": name, "squares": one["squares"],
         "porosity %": f"{100 * one['porosity']:.1f}",
         **{f"error, {way}": f"{one[f'ece_{way}']:.4f}"
            for way in ("plain", "temperature", "line")},
         **{f"porosity told wrong, {way}": f"{100 * one[f'bias_{way}']:+.1f}"
            for way in ("plain", "line")}}
        for data, record in records.items() for name, one in record["samples"].items()
    ]  # fmt: skip
    return markdown(pd.DataFrame(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("promotion", type=Path)
    parser.add_argument("overrides", nargs="+", help="data=NAME, or data.path=PATH data.name=NAME")
    parser.add_argument("--name", help="of the data in the table", default="demo")
    parser.add_argument("--json", type=Path, help="add the figures here, and a table beside it")
    args = parser.parse_args()
    records = json.loads(args.json.read_text()) if args.json and args.json.is_file() else {}
    records[args.name] = examine(args.promotion, args.overrides)
    print(table(records))
    if args.json:
        write_json(args.json, records)
        replace_file(args.json.with_suffix(".md"), table(records) + "\n")


if __name__ == "__main__":
    main()
