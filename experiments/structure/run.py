"""How far the error of a segmentation moves each figure of structure, on films of known truth.

    make demo
    .venv/bin/python experiments/structure/run.py --json experiments/structure/results/demo.json

See README.md. Finished films are kept in --folder and not repeated.

Parts of a film are measured in the same way for the truth, the annotator and the segmentation.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from fibsem import api
from fibsem.analysis import Confusion, difference_estimate, markdown
from fibsem.analysis.structure import Film, PartErrors
from fibsem.config import compose
from fibsem.data.phantom import PhantomRecipe, draw
from fibsem.data.volumes import open_volume
from fibsem.quantification import (
    QuantifyConfig,
    Sampled,
    Segmented,
    Streamed,
    carried_errors,
    figures_of_part,
    open_segmented,
    summary_of,
)
from fibsem.system import known_json, replace_file, write_json
from fibsem.system.summaries import FilmPorosity, Interval

#: Number of squares that the annotator labels after the segmentation, and their side in pixels.
SQUARES, SIDE = 12, 64
#: Options of the measurement: parts of a film, their voxels, and draws of the labels.
HOW = QuantifyConfig(blocks=9, block_voxels=390_000, largest=600.0, reach=600.0, draws=16)
SINGLE = ("porosity", "components", "reachable_share", "surface_per_um",
          "porosity_per_px_of_boundary", "integral_range_nm3",
          "porosity_sd_of_such_volumes")  # fmt: skip
WAYS = ("independent", "as_in_slice", "smooth", "range")
BY_AXIS = ("connected_share", "tortuosity_factor")
MEDIANS = ("pore_size_nm", "throat_size_nm", "chord_nm")


def quiet(*_: object) -> None:
    """Show no progress."""


def annotated(truth: np.ndarray, recipe: PhantomRecipe, seed: int) -> np.ndarray:
    """Return a film as drawn by the annotator of the phantom, (z, y, x) uint8; 0 is pore."""
    rng, margin = np.random.default_rng([3, seed]), 4 * round(recipe.annotator_sd_px + 1)
    padded = np.pad(truth, ((0, 0), (margin,) * 2, (margin,) * 2), mode="reflect")
    return np.stack([draw(image, recipe, rng, margin) > 0 for image in padded]).astype(np.uint8)


def places(shape: tuple[int, int, int], seed: int) -> list[tuple]:
    """Return squares at random positions in the film."""
    rng, room = np.random.default_rng([4, seed]), np.subtract(shape, (0, SIDE - 1, SIDE - 1))
    starts = [tuple(map(int, rng.integers(0, room))) for _ in range(SQUARES)]
    return [(z, slice(y, y + SIDE), slice(x, x + SIDE)) for z, y, x in starts]


def part_errors(labels: np.ndarray, solid: np.ndarray, where: list[tuple]) -> PartErrors:
    """Return the errors of the probabilities in small parts of the squares."""
    known = np.ones((SIDE, SIDE), bool)
    each = [PartErrors.of(labels[at] == 0, 1 - solid[at], known) for at in where]
    return sum(each, PartErrors())


def structure(segmented: Segmented) -> tuple[dict, Sampled]:
    """Return all figures that are single numbers, and the sampled parts of the film."""
    streamed = Streamed.of(segmented.film, HOW, quiet)
    widest = min(n * step for n, step in zip(segmented.film.shape, segmented.film.spacing,
                                             strict=True))  # fmt: skip
    sampled = Sampled.of(segmented.film, streamed.cells, HOW, widest, quiet)
    told = summary_of(segmented, streamed, sampled, HOW)
    figures = {key: getattr(told, key) for key in SINGLE}
    figures |= {f"{key} {axis}": getattr(told, key)[axis] for key in BY_AXIS for axis in "zyx"}
    for key in MEDIANS:
        by_axis = told.chord_nm if key == "chord_nm" else {"": getattr(told, key)}
        figures |= {f"{key} {axis}".strip(): part.median for axis, part in by_axis.items()}
    return figures, sampled


def one_film(k: int, name: str, data: Path, bundle: Path, folder: Path) -> dict:
    """Return the structure of one film from its truth, an annotator and a segmentation."""
    found = api.segment(data / name / "slices", bundle, probabilities=True, output=folder / name)
    segmented = open_segmented(found.folder)
    truth = (open_volume(data / name / "truth_slices").whole() > 0).astype(np.uint8)
    recipe = PhantomRecipe.from_mapping(compose("simulate", ["phantom=demo"])["phantom"])
    drawn = annotated(truth, recipe, k)
    labels = (found.labels == found.classes[1]).astype(np.uint8)
    bare = replace(
        segmented.summary, porosity=float("nan"), porosity_corrected=None, probabilities=None
    )

    def of(phases: np.ndarray) -> Segmented:
        return Segmented(folder, bare, Film.of(phases, segmented.film.spacing), "nm")

    where = places(labels.shape, k)
    estimate = difference_estimate(
        found.porosity, [Confusion.of(drawn[at], labels[at]) for at in where]
    )
    told = Interval(
        estimate.interval, estimate.error, estimate.degrees, squares=SQUARES, square_px=SIDE**2,
        parts_sd=part_errors(drawn, found.probabilities, where).sd,
    )  # fmt: skip
    figures, sampled = structure(segmented)
    from_truth, _ = structure(of(truth))
    from_annotator, _ = structure(of(drawn))
    known = FilmPorosity(
        found.porosity, porosity_corrected=estimate.porosity, porosity_interval=told
    )
    error = carried_errors(segmented, sampled.blocks, known, HOW, quiet)
    return {
        "sample": name, "squares_interval": list(estimate.interval), "corrected": estimate.porosity,
        "figures": {key: [from_truth[key], from_annotator[key], figures[key]] for key in figures},
        "carried": {
            **asdict(error), "truth": moved(segmented.film, truth, sampled),
            "annotator": moved(segmented.film, drawn, sampled),
        },
    }  # fmt: skip


def moved(film: Film, truth: np.ndarray, sampled: Sampled) -> dict[str, float]:
    """Return the mean difference of the figures of the parts, truth minus labels."""
    each = []
    for block in sampled.blocks:
        right = figures_of_part(truth[block.slices], film, HOW)
        found = figures_of_part(film.read(block), film, HOW)
        each.append({key: right[key] - found[key] for key in right})
    return {key: float(np.mean([one[key] for one in each])) for key in each[0]}


def table(records: list[dict]) -> str:
    """Return two tables in Markdown: every figure by its source, and the carried intervals."""
    rows = [
        {"film": record["sample"], "figure": key,
         **{name: "none" if value is None else f"{value:.4g}"
            for name, value in zip(("truth", "annotator", "segmentation"), values, strict=True)}}
        for record in records for key, values in record["figures"].items()
    ]  # fmt: skip
    return f"{markdown(pd.DataFrame(rows))}\n\n{markdown(pd.DataFrame(list(held(records))))}\n"


def held(records: list[dict]):
    """Yield, for every figure, whether each carried interval contains truth and annotator."""
    for record in records:
        told = record["carried"]
        true = record["figures"]["porosity"][0]
        yield {"film": record["sample"], "figure": "porosity by squares",
               "truth": f"{true:.4g} itself", "annotator": "",
               "range": _interval(record["squares_interval"], true)}  # fmt: skip
        if told.get("why"):
            continue
        for key, right in told["truth"].items():
            drawn = told["annotator"][key]
            ways = {way: _interval(told[way][key], right, drawn) for way in WAYS}
            yield {"film": record["sample"], "figure": key, "truth": f"{right:.4g}",
                   "annotator": f"{drawn:.4g}", **ways}  # fmt: skip


def _interval(ends: list[float], *values: float) -> str:
    low, high = ends
    holds = ["holds" if low <= value <= high else "misses" for value in values]
    return f"{low:.4g} to {high:.4g}: {', '.join(holds)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures here, and a table beside it")
    parser.add_argument("--data", type=Path, default=Path("data/demo"))
    parser.add_argument("--bundle", type=Path, default=Path("outputs/demo/promote/bundle"))
    parser.add_argument("--folder", type=Path, default=Path("outputs/structure"))
    args = parser.parse_args()
    records = []
    for k, name in enumerate(("HPC22", "HPC30", "HPC45")):
        path = args.folder / f"{name}.json"
        if known_json(path) is None:
            write_json(path, one_film(k, name, args.data, args.bundle, args.folder))
        records.append(known_json(path))
        print(f"{name} is done", flush=True)
    print(table(records))
    if args.json:
        write_json(args.json, {"films": records})
        replace_file(args.json.with_suffix(".md"), table(records))


if __name__ == "__main__":
    main()
