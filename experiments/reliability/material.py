"""Porosity of films with rims, lost slices, blocks and bars, and of films that only look like it.

    .venv/bin/python experiments/reliability/material.py --json RESULTS.json

About a minute. Every film is labelled twice by Otsu's threshold of the smoothed slice: as a whole
(`valid=all`, as before there was anything else) and with what is not material left out. The truth
is known by voxel, except for `interpolated`, `turned` and the real films.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data import Recipe
from fibsem.data.volumes import ArrayVolume, Volume, open_volume
from fibsem.geometry import Nbhd
from fibsem.inference import Options, Segmenter, segment_volume
from fibsem.models import resolve, untrained
from tests.data.material import films

REAL = ("flyem/images.tif", "shale/images.tif", "vnc/film.tif")


def inputs(real: Path) -> dict[str, tuple[Volume, float | None]]:
    """Films by name, each with the share of pores of what is seen of it, where that is known."""
    grey, pores = films.film()
    smooth = films.smooth_and_clipped()
    holes = smooth == 0
    low, few = films.film(0.05, seed=4)

    def seen(spoil: object, truth: np.ndarray = pores) -> float:
        moved = spoil(truth.astype(np.uint8) + 2)  # type: ignore[operator]
        return float(np.mean(moved[moved > 1] == 3))

    bar = float(pores[:, :-30].mean())
    stacks = {
        "clean": (grey, float(pores.mean())),
        "drift, black": (films.drifted(grey), seen(films.drifted)),
        "drift, white": (films.drifted(grey, fill=255), seen(films.drifted)),
        "drift, mean grey": (films.drifted(grey, fill=128), seen(films.drifted)),
        "drift, JPEG": (films.compressed(films.drifted(grey)), seen(films.drifted)),
        "drift, clipped pores": (films.drifted(films.clipped(grey)), seen(films.drifted)),
        "drift, smooth black pores": (films.drifted(smooth), seen(films.drifted, holes)),
        "jitter": (films.jittered(grey), seen(films.jittered)),
        "jitter, interpolated": (films.jittered(grey, order=1), None),
        "turned by 2 degrees": (films.turned(grey), None),
        "turned, clipped pores": (films.turned(films.clipped(grey)), None),
        "4 of 24 slices black": (films.with_blanks(grey), seen(films.with_blanks)),
        "4 of 24 slices white": (films.with_blanks(grey, value=255), seen(films.with_blanks)),
        "4 of 24 slices dark noise": (films.with_blanks(grey, noise=2), seen(films.with_blanks)),
        "blocks never written": (films.with_blocks(grey), seen(films.with_blocks)),
        "blocks, clipped pores": (films.with_blocks(films.clipped(grey)), seen(films.with_blocks)),
        "bar, white on black": (films.with_bar(grey), bar),
        "bar, black on white": (films.with_bar(grey, back=255, ink=0), bar),
        "bar, JPEG": (films.compressed(films.with_bar(grey), 85), bar),
        "clipped pores": (films.clipped(grey), float(pores.mean())),
        "smooth black pores": (smooth, float(holes.mean())),
        "saturated solid": (films.saturated(grey, 130), float(pores.mean())),
        "saturated solid, 5 % pores": (films.saturated(low), float(few.mean())),
        "without noise": (np.where(pores, 0, 255).astype(np.uint8), float(pores.mean())),
        "under a rough vacuum": (films.under_a_vacuum(grey), None),
    }
    found: dict[str, tuple[Volume, float | None]]
    found = {name: (ArrayVolume(stack), truth) for name, (stack, truth) in stacks.items()}
    for name in REAL:
        if (real / name).exists():
            found[name.partition("/")[0]] = (open_volume(real / name), None)
    return found


def main() -> None:
    """Label every film, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--real", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    spec = resolve("threshold", Nbhd(1, 11, 11), "valid")
    segmenter = Segmenter.of(spec, untrained(spec), Recipe(), PostProcessing(), "otsu")
    rows = {}
    print(
        "| film | truth % | before % | after % | left out % | said |\n|---|---:|---:|---:|---|---|"
    )
    for name, (volume, truth) in inputs(given.real).items():
        with tempfile.TemporaryDirectory() as folder:
            options = Options(previews=0)
            before = segment_volume(
                volume, segmenter, Path(folder) / "before", replace(options, valid="all"), say=str
            )
            after = segment_volume(volume, segmenter, Path(folder) / "after", options, say=str)
        material = after["material"]
        rows[name] = {
            "truth": truth,
            "before": before["porosity"],
            "after": after["porosity"],
            "left_out": material["left_out"],
            "doubts": len(material["doubts"]),
        }
        left = ", ".join(f"{kind} {100 * x:.2f}" for kind, x in material["left_out"].items())
        known = "" if truth is None else f"{100 * truth:.2f}"
        said = f"{len(material['doubts'])} warnings" if material["doubts"] else ""
        print(
            f"| {name} | {known} | {100 * before['porosity']:.2f} | "
            f"{100 * after['porosity']:.2f} | {left or '-'} | {said} |",
            flush=True,
        )
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
