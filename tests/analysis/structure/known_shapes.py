"""Known shapes: what their formulas say, and what is found.

    .venv/bin/python -m tests.analysis.structure.known_shapes \\
      --json experiments/structure/results/shapes.json

See experiments/structure/README.md. The tests hold the same figures to their tolerances.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from fibsem.analysis.encoding import markdown
from fibsem.analysis.structure.cells import CellCounts
from fibsem.analysis.structure.chords import ChordLengths
from fibsem.analysis.structure.correlation import PairCounts
from fibsem.analysis.structure.film import Film
from fibsem.analysis.structure.geodesic import geodesic_tortuosity
from fibsem.analysis.structure.integral_range import integral_range
from fibsem.analysis.structure.surface import Surface
from fibsem.analysis.structure.thickness import PoreSizes, diameters_up_to, local_thickness
from fibsem.analysis.structure.transport import diffuse
from fibsem.analysis.structure.walk import walk
from fibsem.system.files import replace_file, write_json
from tests.analysis.structure.shapes import SPACINGS, ball, boolean, laminate

#: Of the balls of a Boolean model, and the porosity that they leave.
RADIUS, POROSITY, SIDE = 8, 0.4, 160.0

Row = tuple[str, str, float, float]


def surface(phases: np.ndarray, spacing) -> float:
    film = Film.of(phases, spacing)
    walk(film, [found := Surface(film)])
    return found.per_volume


def median_size(phases: np.ndarray, spacing, most: float) -> float:
    """Median local thickness."""
    diameters = diameters_up_to(most, spacing, count=16)
    found = local_thickness(phases, diameters, spacing)
    return PoreSizes.of(found, phases == 0, diameters).quantile(0.5)


def sphere(spacing) -> Iterator[Row]:
    radius = 40 if spacing[0] == 1 else 50
    size = (6.0 * radius,) * 3
    phases = ball(size, radius, spacing)
    yield "sphere", "surface", 4 * np.pi * radius**2, surface(phases, spacing) * np.prod(size)
    small = ball((80, 80, 80), 20.5, spacing)
    yield "sphere", "local thickness, median", 41.0, median_size(small, spacing, 61.0)


def channel(spacing) -> Iterator[Row]:
    phases = np.ones((20, 60, 60), np.uint8)
    phases[:, :, 20:41] = 0
    yield "channel", "local thickness, median", 21.0, median_size(phases, spacing, 61.0)
    yield "channel", "tortuosity factor y", 1.0, diffuse(phases, spacing, 1).tortuosity_factor
    yield "channel", "geodesic tortuosity y", 1.0, geodesic_tortuosity(phases, spacing, 1)
    yield "channel", "tortuosity factor x", np.inf, diffuse(phases, spacing, 2).tortuosity_factor


def layers(spacing) -> Iterator[Row]:
    for axis, name in ((0, "z"), (2, "x")):
        phases = laminate((240, 240, 240), 20, axis, spacing)
        film = Film.of(phases, spacing)
        walk(film, [area := Surface(film), chords := ChordLengths(film)])
        yield f"laminate across {name}", "surface per volume", 11 / 240, area.per_volume
        yield f"laminate across {name}", f"chords along {name}", 20.0, chords.result[name].mean


def boolean_model(spacing) -> Iterator[Row]:
    phases, intensity = boolean((SIDE,) * 3, RADIUS, POROSITY, spacing)
    film, phi = Film.of(phases, spacing), float((phases == 0).mean())
    walk(film, [cells := CellCounts(film), area := Surface(film), pairs := PairCounts(film, 30)])
    h = np.linspace(0, 2 * RADIUS, 2001)
    both = 4 / 3 * np.pi * RADIUS**3 * (1 - 3 * h / (4 * RADIUS) + h**3 / (16 * RADIUS**3))
    correlation = POROSITY**2 * np.exp(intensity * both)
    spread = np.trapezoid(4 * np.pi * h**2 * (correlation - POROSITY**2), h)
    yield "Boolean model", "porosity", POROSITY, phi
    exact = intensity * 4 * np.pi * RADIUS**2 * POROSITY
    yield "Boolean model", "surface per volume", exact, area.per_volume
    for name in ("z", "x"):
        one = pairs.result[name]
        at = int(np.argmin(np.abs(np.array(one.lags) - 10)))
        told = float(np.interp(one.lags[at], h, correlation))
        yield "Boolean model", f"two-point correlation at 10 along {name}", told, one.both[at]
    exact = spread / (POROSITY * (1 - POROSITY))
    yield "Boolean model", "integral range", exact, integral_range(cells.cells).volume


def narrow(spacing) -> Iterator[Row]:
    """The surface of balls ever larger: how many slices a shape must be deep."""
    for radius, side in ((8, 160.0), (12, 160.0), (20, 200.0), (32, 240.0)):
        phases, intensity = boolean((side,) * 3, radius, POROSITY, spacing)
        exact = intensity * 4 * np.pi * radius**2 * float((phases == 0).mean())
        yield f"Boolean model, radius {radius}", "surface", exact, surface(phases, spacing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures here, and a table beside it")
    args = parser.parse_args()
    rows = []
    for spacing in SPACINGS:
        for shape in (sphere, channel, layers, boolean_model, narrow):
            rows += [
                {"voxel (z, y, x)": " x ".join(f"{s:g}" for s in spacing), "shape": name,
                 "figure": what, "exact": f"{exact:.5g}", "found": f"{found:.5g}"}
                for name, what, exact, found in shape(spacing)
            ]  # fmt: skip
            print(f"{spacing}: {shape.__name__}", flush=True)
    table = markdown(pd.DataFrame(rows))
    print(table)
    if args.json:
        write_json(args.json, rows)
        replace_file(args.json.with_suffix(".md"), table + "\n")


if __name__ == "__main__":
    main()
