"""How often intervals for porosity hold the truth, on phantoms of which the truth is known.

    .venv/bin/python experiments/coverage/run.py --json experiments/coverage/results/coverage.json

See README.md. What is done is kept in --folder, film by film, and not done again.

Looks inside: intervals are judged on thousands of drawn films of known truth, with no model and no
files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter
from scipy.stats import binomtest
from skimage.filters import threshold_otsu

from fibsem.analysis.intervals import (
    Estimate,
    difference_estimate,
    normal_interval,
    post_stratified_estimate,
    with_sampling,
)
from fibsem.analysis.metrics import Confusion
from fibsem.analysis.structure import Film
from fibsem.analysis.structure.cells import CellCounts
from fibsem.analysis.structure.integral_range import integral_range
from fibsem.analysis.structure.walk import walk
from fibsem.data.phantom import PhantomRecipe
from fibsem.data.phantom.render import signals
from fibsem.data.phantom.simulation import draw
from fibsem.system.files import known_json, write_json

#: This volume: twelve films, four of each porosity; material: small films of one porosity.
VOLUME = replace(PhantomRecipe(), seed=11, shape=(24, 384, 384), squares=3)
MATERIAL = replace(PhantomRecipe(), seed=12, shape=(12, 192, 192), squares=3, square_px=64)
POROSITIES = (0.22, 0.30, 0.45)
SQUARE, COUNTS, ANNOTATORS = 64, (6, 12, 20), ("true", "noisy", "biased")
MATERIAL_POROSITY, MATERIAL_SQUARES = 0.30, 12
#: Of the smoothing before Otsu's threshold, pixels.
SIGMA = 2.0


@dataclass(frozen=True)
class Phantom:
    """A film with its truth, what an annotator makes of it, and a map; (z, y, x), true is pore."""

    labels: dict[str, np.ndarray]
    mapped: np.ndarray

    @classmethod
    def of(cls, recipe: PhantomRecipe, name: str, porosity: float) -> Phantom:
        shape = recipe.shape
        truth, mapped, noisy = (np.zeros(shape, bool) for _ in range(3))
        rng = np.random.default_rng([recipe.seed, int(name)])
        for z, depth, seen in signals(recipe, name, porosity, shape[1:], range(shape[0])):
            smooth = gaussian_filter(seen, SIGMA)
            truth[z], mapped[z] = depth > 0, smooth < threshold_otsu(smooth)
            margin = 4 * round(recipe.annotator_sd_px + 1)
            solid = np.pad(depth == 0, margin, mode="reflect")
            noisy[z] = draw(solid, recipe, rng, margin) == 0
        # an annotator who draws every outline a pixel too far into the pores
        biased = np.stack([~binary_dilation(~image) for image in truth])
        return cls({"true": truth, "noisy": noisy, "biased": biased}, mapped)

    def squares(self, who: str, n: int, rng: np.random.Generator) -> list[Confusion]:
        """Squares anywhere in the film."""
        found = []
        for _ in range(n):
            room = np.subtract(self.mapped.shape, (0, SQUARE - 1, SQUARE - 1))
            z, y, x = map(int, rng.integers(0, room))
            part = z, slice(y, y + SQUARE), slice(x, x + SQUARE)
            solid, found_solid = ~self.labels[who][part], ~self.mapped[part]
            found.append(Confusion.of(solid.astype(np.uint8), found_solid.astype(np.uint8)))
        return found


def scored(interval: tuple[float, float], truth: float) -> list[float]:
    """Whether an interval holds the truth, its width, and its score: 40 times what it misses by."""
    low, high = interval
    return [float(low <= truth <= high), high - low,
            high - low + 40 * (max(0.0, low - truth) + max(0.0, truth - high))]  # fmt: skip


def by_slices(mapped: np.ndarray) -> tuple[float, float]:
    """The interval of the thesis."""
    return normal_interval(mapped.mean((1, 2)).tolist())


def this_volume(k: int, draws: int) -> dict:
    """All draws of squares from one film."""
    film = Phantom.of(VOLUME, str(k), POROSITIES[k % 3])
    truth, porosity = float(film.labels["true"].mean()), float(film.mapped.mean())
    record = {"truth": truth, "mapped": porosity, "thesis": scored(by_slices(film.mapped), truth)}
    rng = np.random.default_rng([1, k])
    for who in ANNOTATORS:
        # what one who knows the spread of all squares would tell
        many = film.squares(who, 400, rng)
        sd = np.std([difference_estimate(0.0, [square] * 2).porosity for square in many])
        for n in COUNTS:
            drawn = [film.squares(who, n, rng) for _ in range(draws)]
            estimates = {
                "difference": [difference_estimate(porosity, one) for one in drawn],
                "post_stratified": [post_stratified_estimate(porosity, one) for one in drawn],
            }
            for name, some in estimates.items():
                record[f"{name} {who} {n}"] = [scored(e.interval, truth) for e in some if e]
            record[f"oracle {who} {n}"] = 2 * 1.96 * float(sd) / np.sqrt(n)
    return record


def material(k: int) -> dict:
    """One film of many: the truth is the porosity that all of them have on average."""
    film = Phantom.of(MATERIAL, str(k), MATERIAL_POROSITY)
    truth, mapped = film.labels["true"], film.mapped
    porosity = float(mapped.mean())
    squares = film.squares("true", MATERIAL_SQUARES, np.random.default_rng([2, k]))
    own = difference_estimate(porosity, squares)
    from_map, from_truth = ranged(mapped), ranged(truth)
    spread = own.porosity * (1 - own.porosity) / (porosity * (1 - porosity))
    both = with_sampling(own, from_map.sd * float(np.sqrt(spread)), from_map.degrees)
    return {
        "realised": float(truth.mean()), "said": from_truth.sd, "said_by_map": from_map.sd,
        "error": own.error, "estimate": own.porosity,
        "material": scored(both.interval, MATERIAL_POROSITY),
        "volume": scored(own.interval, float(truth.mean())),
        "thesis": scored(by_slices(mapped), MATERIAL_POROSITY),
    }  # fmt: skip


def ranged(pores: np.ndarray):
    film = Film.of(np.uint8(~pores), MATERIAL.voxel_nm)
    cells = CellCounts(film)
    walk(film, [cells])
    return integral_range(cells.cells)


def kept(folder: Path, name: str, count: int, make) -> Iterator[dict]:
    """One record a film, as a former run left it or made now."""
    for k in range(count):
        path = folder / f"{name}-{k}.json"
        record = known_json(path)
        if record is None:
            write_json(path, make(k))
            record = known_json(path)
        print(f"{name} {k + 1} of {count}", flush=True)
        yield record


def coverage(scores: list[list[float]], films: int | None = None) -> dict:
    """Share that holds the truth with its limits, mean width, mean score."""
    held, width, score = np.mean(scores, axis=0)
    limits = binomtest(round(held * len(scores)), len(scores)).proportion_ci()
    return {"coverage": held, "limits": [limits.low, limits.high], "width": width, "score": score,
            "intervals": len(scores)}  # fmt: skip


def of_volumes(records: list[dict]) -> dict:
    told = {}
    for who in ANNOTATORS:
        for n in COUNTS:
            oracle = float(np.mean([record[f"oracle {who} {n}"] for record in records]))
            for name in ("difference", "post_stratified"):
                key = f"{name} {who} {n}"
                all_of = coverage([one for record in records for one in record[key]])
                told[key] = {**all_of, "width_over_oracle": all_of["width"] / oracle}
    return told


def of_material(records: list[dict]) -> dict:
    realised = np.array([record["realised"] for record in records])
    sd = float(realised.std(ddof=1))
    error = float(np.sqrt(np.mean(np.square([record["error"] for record in records]))))
    # one who knows what films and squares vary by
    oracle = Estimate(0.5, float(np.hypot(sd, error)), 1e9).interval
    both = coverage([record["material"] for record in records])
    return {
        "realised_mean": float(realised.mean()), "realised_sd": sd,
        "said_sd": float(np.sqrt(np.mean(np.square([r["said"] for r in records])))),
        "said_by_map_sd": float(np.sqrt(np.mean(np.square([r["said_by_map"] for r in records])))),
        "material": {**both, "width_over_oracle": both["width"] / (oracle[1] - oracle[0])},
        "volume": coverage([record["volume"] for record in records]),
        "thesis": coverage([record["thesis"] for record in records]),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--folder", type=Path, default=Path("outputs/coverage"))
    parser.add_argument("--films", type=int, default=12)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--material", type=int, default=200, help="small films")
    args = parser.parse_args()
    volumes = list(kept(args.folder, "volume", args.films, lambda k: this_volume(k, args.draws)))
    small = list(kept(args.folder, "material", args.material, material))
    told = of_volumes(volumes)
    thesis = coverage([record["thesis"] for record in volumes])
    figures = {
        "phantoms": len(volumes) + len(small),
        "coverage": told["difference true 6"]["coverage"],
        "thesis_coverage": thesis["coverage"],
        "map_error": float(np.mean([abs(r["mapped"] - r["truth"]) for r in volumes])),
        "this_volume": {**told, "thesis": thesis},
        "material": of_material(small),
    }
    print(json.dumps(figures, indent=2))
    if args.json:
        write_json(args.json, figures)


if __name__ == "__main__":
    main()
