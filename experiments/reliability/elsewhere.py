"""Real films with one odd slice, or with labels that lie elsewhere: what is said of each.

    .venv/bin/python experiments/reliability/elsewhere.py DATA --json FILE

Two minutes. `DATA` holds the folders `flyem`, `shale` and `vnc`. The margins are not part of the
messages.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _made import made

from fibsem import api
from fibsem.data.doubts import Placing, misplaced
from fibsem.data.material import odd_in
from fibsem.data.volumes import ArrayVolume, open_volume

#: Number of slices of a film that are used, and of those that are made odd, one at a time.
DEPTH, ODD = 30, 8
#: Fewest regions at a place that is compared.
FEWEST = 6

CHANGES = {
    "inverted": lambda one: 255 - one,
    "a tenth brighter": lambda one: one + 0.1 * np.ptp(np.quantile(one, (0.01, 0.99))),
    "80 % of the contrast": lambda one: 0.8 * (one - one.mean()) + one.mean(),
    "turned": lambda one: one[::-1, ::-1],
}


def odd(path: Path) -> dict[str, Any]:
    """Return how many odd slices are named, by change, and the messages on the original film."""
    film = open_volume(path).whole()
    said: dict[str, Any] = {"as it is": list(odd_in(ArrayVolume(film)))}
    film, counts = film[:DEPTH], Counter()
    chosen = np.random.default_rng(0).choice(len(film), ODD, replace=False)
    for z in map(int, chosen):
        for name, change in CHANGES.items():
            new = film.copy()
            new[z] = np.clip(change(film[z].astype(float)), 0, 255)
            lines = list(odd_in(ArrayVolume(new)))
            counts[name] += bool(lines) and all(line.startswith(f"slice {z} ") for line in lines)
    return said | {name: f"{counts[name]} of {ODD}" for name in CHANGES}


def elsewhere(sample: Any) -> dict[str, Any]:
    """Return the share of the information at the best other place, for true and shifted labels."""
    found = {"in place": _best(sample)}
    for dz in (1, 2, 3):
        regions = tuple(
            replace(r, box=replace(r.box, start=_on(r.box.start, dz), stop=_on(r.box.stop, dz)))
            for r in sample.regions
            if r.box.stop[0] + dz <= sample.volume.shape[0]
        )
        found[f"shifted by {dz}"] = _best(replace(sample, regions=regions))
    return found


def _on(place: tuple[int, int, int], dz: int) -> tuple[int, int, int]:
    return place[0] + dz, *place[1:]


def _best(sample: Any) -> dict[str, Any]:
    placing, shares = Placing.of(sample), {}
    for name, there in placing.elsewhere.items():
        both = np.isfinite(there) & np.isfinite(placing.here)
        if both.sum() >= FEWEST:
            shares[name] = float(there[both].mean() / placing.here[both].mean())
    best = max(shares, key=lambda name: shares[name])
    return {"best": best, "share": round(shares[best], 2), "said": [*misplaced(sample)]}


def main() -> None:
    """Examine every film."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    films = ("flyem/images.tif", "shale/images.tif", "vnc/film.tif")
    labelled = ("flyem", "vnc/membranes.yaml", "vnc/mitochondria.yaml")
    record = {
        **made(),
        "odd": {film: odd(args.data / film) for film in films},
        "elsewhere": {
            name: elsewhere(api.open_dataset(args.data / name).dataset.samples[0])
            for name in labelled
        },
    }
    text = json.dumps(record, indent=2) + "\n"
    print(text)
    if args.json:
        args.json.write_text(text)


if __name__ == "__main__":
    main()
