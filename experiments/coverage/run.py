"""How often intervals for porosity hold the truth, on phantoms of which the truth is known.

    .venv/bin/python experiments/coverage/run.py --json experiments/coverage/results/coverage.json

See README.md. Finished films are kept in --folder and not repeated.

Intervals are judged on thousands of drawn films of known truth, with no model and no files.
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

from fibsem.analysis import (
    CellCounts,
    Confusion,
    PorosityEstimate,
    difference_estimate,
    integral_range,
    labelled_over_mapped,
    map_error,
    normal_interval,
    one_pixel_off,
    porosity_per_px_of_slices,
    post_stratified_estimate,
    sampling_of,
    with_sampling,
)
from fibsem.analysis.structure import Film
from fibsem.data.phantom import PhantomRecipe, draw, signals
from fibsem.system import write_json

#: For intervals of this volume: twelve films, four of each porosity. For intervals of the material:
#: small films of one porosity.
VOLUME = replace(PhantomRecipe(), seed=11, shape=(24, 384, 384), squares=3)
MATERIAL = replace(PhantomRecipe(), seed=12, shape=(12, 192, 192), squares=3, square_px=64)
POROSITIES = (0.22, 0.30, 0.45)
SQUARE, COUNTS, ANNOTATORS = 64, (6, 12, 20), ("true", "noisy", "biased")
MATERIAL_POROSITY = 0.30
#: Number of resamples of the films, for confidence limits of a share from few films.
RESAMPLED = 10_000
#: Standard deviation of the smoothing before Otsu's threshold, in pixels.
SIGMA = 2.0


@dataclass(frozen=True)
class Phantom:
    """A film with labels by annotator, including the truth, and a map; (z, y, x), true is pore."""

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
        """Return confusion matrices of ``n`` squares at random positions in the film."""
        found = []
        for _ in range(n):
            room = np.subtract(self.mapped.shape, (0, SQUARE - 1, SQUARE - 1))
            z, y, x = map(int, rng.integers(0, room))
            part = z, slice(y, y + SQUARE), slice(x, x + SQUARE)
            solid, found_solid = ~self.labels[who][part], ~self.mapped[part]
            found.append(Confusion.of(solid.astype(np.uint8), found_solid.astype(np.uint8)))
        return found

    @property
    def per_px(self) -> float:
        """Change of the map's porosity per pixel shift of boundaries, as `segment` estimates it."""
        return porosity_per_px_of_slices(np.uint8(~self.mapped), VOLUME.voxel_nm)


def scored(interval: tuple[float, float], truth: float) -> list[float]:
    """Return whether an interval contains the truth, its width, and its score.

    The score is the width plus 40 times the distance of the truth from the interval.
    """
    low, high = interval
    return [float(low <= truth <= high), high - low,
            high - low + 40 * (max(0.0, low - truth) + max(0.0, truth - high))]  # fmt: skip


def by_slices(mapped: np.ndarray) -> tuple[float, float]:
    """Return the interval of the thesis."""
    return normal_interval(mapped.mean((1, 2)).tolist())


def estimates_of(porosity: float, squares: list[Confusion]) -> dict[str, PorosityEstimate]:
    """Return the porosity of a film by both estimators, without those that are undefined."""
    both = {
        "difference": difference_estimate(porosity, squares),
        "post_stratified": post_stratified_estimate(porosity, squares),
    }
    return {name: one for name, one in both.items() if one}


def this_volume(k: int, draws: int) -> dict:
    """Return the record of all draws of squares from one film."""
    film = Phantom.of(VOLUME, str(k), POROSITIES[k % 3])
    truth, porosity = float(film.labels["true"].mean()), float(film.mapped.mean())
    record = {"truth": truth, "mapped": porosity, "per_px": film.per_px,
              "labelled": {who: float(film.labels[who].mean()) for who in ANNOTATORS},
              "thesis": scored(by_slices(film.mapped), truth)}  # fmt: skip
    rng = np.random.default_rng([1, k])
    for who in ANNOTATORS:
        # width of the interval if the spread of the squares were known
        many = film.squares(who, 400, rng)
        sd = np.std([map_error([square] * 2).bias for square in many])
        for n in COUNTS:
            for _ in range(draws):
                for name, one in estimates_of(porosity, film.squares(who, n, rng)).items():
                    wide = one_pixel_off(one.interval, record["per_px"])
                    for kind, ends in ((name, one.interval), (f"{name}_one_pixel_off", wide)):
                        record.setdefault(f"{kind} {who} {n}", []).append(scored(ends, truth))
            record[f"oracle {who} {n}"] = 2 * 1.96 * float(sd) / np.sqrt(n)
    return record


def material(k: int) -> dict:
    """Return the record of one film of many, whose truth is their expected porosity."""
    film = Phantom.of(MATERIAL, str(k), MATERIAL_POROSITY)
    truth, mapped = film.labels["true"], film.mapped
    porosity, per_px = float(mapped.mean()), film.per_px
    from_map = ranged(mapped)
    record = {"realised": float(truth.mean()), "said": ranged(truth).sd, "said_by_map": from_map.sd,
              "thesis": scored(by_slices(mapped), MATERIAL_POROSITY)}  # fmt: skip
    rng = np.random.default_rng([2, k])
    for who in ANNOTATORS:
        for n in COUNTS:
            squares = film.squares(who, n, rng)
            ratio = labelled_over_mapped(squares) or 1.0
            spread = sampling_of(from_map.sd, from_map.degrees, ratio, n - 1)
            for name, own in estimates_of(porosity, squares).items():
                both = with_sampling(own, *spread).interval
                for kind, ends in (
                    (name, both),
                    (f"{name}_one_pixel_off", one_pixel_off(both, per_px)),
                ):
                    record[f"{kind} {who} {n}"] = scored(ends, MATERIAL_POROSITY)
                record[f"{name} {who} {n} error"] = own.error
            record[f"corrected_sd {who} {n}"] = spread[0]
    return record


def ranged(pores: np.ndarray):
    cells = CellCounts(Film.of(np.uint8(~pores), MATERIAL.voxel_nm))
    cells.add(0, np.uint8(~pores))
    return integral_range(cells.cells)


def kept(folder: Path, name: str, count: int, make) -> Iterator[dict]:
    """Yield one record per film, from an earlier run if it exists."""
    for k in range(count):
        path = folder / f"{name}-{k}.json"
        if not path.exists():
            write_json(path, make(k))
        print(f"{name} {k + 1} of {count}", flush=True)
        yield json.loads(path.read_text())


def coverage(films: list[list[list[float]]]) -> dict:
    """Return the share of intervals with the truth and its limits, and mean width and score.

    Intervals of one film are not independent, so films are resampled with replacement (percentiles
    of their mean). For films with one interval each the limits are binomial.
    """
    held, width, score = np.mean([one for film in films for one in film], axis=0)
    if all(len(film) == 1 for film in films):
        exact = binomtest(round(held * len(films)), len(films)).proportion_ci()
        limits = [exact.low, exact.high]
    else:
        by_film = np.array([np.mean([one[0] for one in film]) for film in films])
        drawn = np.random.default_rng(0).choice(by_film, (RESAMPLED, len(films)))
        limits = np.quantile(drawn.mean(axis=1), (0.025, 0.975)).tolist()
    return {"coverage": held, "limits": limits, "width": width, "score": score,
            "intervals": sum(map(len, films)), "films": len(films)}  # fmt: skip


KINDS = (
    "difference",
    "post_stratified",
    "difference_one_pixel_off",
    "post_stratified_one_pixel_off",
)


def of_volumes(records: list[dict]) -> dict:
    told = {}
    for who in ANNOTATORS:
        for n in COUNTS:
            oracle = float(np.mean([record[f"oracle {who} {n}"] for record in records]))
            for name in KINDS:
                key = f"{name} {who} {n}"
                all_of = coverage([record[key] for record in records])
                told[key] = {**all_of, "width_over_oracle": all_of["width"] / oracle}
    return told


def of_material(records: list[dict]) -> dict:
    realised = np.array([record["realised"] for record in records])
    sd, told = float(realised.std(ddof=1)), {}
    for who in ANNOTATORS:
        for n in COUNTS:
            errors = [record[f"difference {who} {n} error"] for record in records]
            # estimate with the true variation of films and squares
            oracle = PorosityEstimate(
                0.5, float(np.hypot(sd, np.sqrt(np.mean(np.square(errors))))), 1e9
            )
            width = oracle.interval[1] - oracle.interval[0]
            for name in KINDS:
                key = f"{name} {who} {n}"
                one = coverage([[record[key]] for record in records if key in record])
                told[key] = {**one, "width_over_oracle": one["width"] / width}
    said = {"said_sd": "said", "said_by_map_sd": "said_by_map"} | {
        f"corrected_sd {who} {n}": f"corrected_sd {who} {n}" for who in ANNOTATORS for n in COUNTS
    }
    return {
        "realised_mean": float(realised.mean()), "realised_sd": sd,
        **{name: float(np.sqrt(np.mean(np.square([r[key] for r in records]))))
           for name, key in said.items()},
        **told,
        "thesis": coverage([[record["thesis"]] for record in records]),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--folder", type=Path, default=Path("outputs/coverage"))
    parser.add_argument("--films", type=int, default=12)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--material", type=int, default=500, help="small films")
    args = parser.parse_args()
    volumes = list(kept(args.folder, "film", args.films, lambda k: this_volume(k, args.draws)))
    small = list(kept(args.folder, "small", args.material, material))
    told = of_volumes(volumes)
    thesis = coverage([[record["thesis"]] for record in volumes])
    figures = {
        "phantoms": len(volumes) + len(small),
        "coverage": told["difference true 6"]["coverage"],
        "thesis_coverage": thesis["coverage"],
        "per_px": float(np.mean([record["per_px"] for record in volumes])),
        "labelled": {
            who: float(np.mean([r["labelled"][who] - r["truth"] for r in volumes]))
            for who in ANNOTATORS
        },
        "map_error": float(np.mean([abs(r["mapped"] - r["truth"]) for r in volumes])),
        "this_volume": {**told, "thesis": thesis},
        "material": of_material(small),
    }
    print(json.dumps(figures, indent=2))
    if args.json:
        write_json(args.json, figures)


if __name__ == "__main__":
    main()
