"""Porosity of films with rims, lost slices, blocks and bars, and of films that only look like it.

    .venv/bin/python experiments/reliability/material.py --json RESULTS.json

About a minute. Every film is labelled twice by Otsu's threshold of the smoothed slice: as a whole
(`valid=all`, as before there was anything else) and with what is not material left out. Beside it
stands what the same threshold finds in the clean film that it was made of, in what is seen of that;
in the whole of it where voxels were interpolated. Real films have none.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _made import made

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data import Recipe
from fibsem.data.volumes import ArrayVolume, Volume, open_volume
from fibsem.geometry import Nbhd
from fibsem.inference import Options, Scorer, Segmenter, segment_stack, segment_volume
from fibsem.models import resolve, untrained
from tests.data.material import films

REAL = ("flyem/images.tif", "shale/images.tif", "vnc/film.tif")


class Film(NamedTuple):
    """A film, and the clean film that it was made from, if any.

    ``spoil`` is the change of the clean film if it moves or hides voxels, and ``pores`` are those
    of the clean film if they are known.
    """

    volume: Volume
    clean: np.ndarray | None = None
    pores: np.ndarray | None = None
    spoil: Callable[[np.ndarray], np.ndarray] = np.asarray

    def seen(self, pores: np.ndarray) -> float:
        """Return the share of pores in the visible part of the clean film."""
        moved = self.spoil(pores.astype(np.uint8) + 2)
        return float(np.mean(moved[moved > 1] == 3))


def inputs(real: Path) -> dict[str, Film]:
    """Return the films by name."""
    grey, pores = films.film()
    smooth, clipped = films.smooth_and_clipped(), films.clipped(grey)
    holes = smooth == 0
    low, few = films.film(0.05, seed=4)

    def spoilt(
        spoil: Callable[..., np.ndarray], clean: np.ndarray = grey, truth: np.ndarray = pores,
        **how: Any,
    ) -> Film:  # fmt: skip
        return Film(ArrayVolume(spoil(clean, **how)), clean, truth, spoil)

    def film(stack: np.ndarray, truth: np.ndarray = pores) -> Film:
        return Film(ArrayVolume(stack), stack, truth)

    def in_jpeg(quality: int, spoil: Callable[..., np.ndarray]) -> Film:
        return Film(ArrayVolume(films.compressed(spoil(grey), quality)), grey, pores, spoil)

    def above_bar(stack: np.ndarray) -> np.ndarray:
        return stack[:, :-30]

    def with_bar(volume: Volume) -> Film:
        return Film(volume, grey, pores, above_bar)

    found = {
        "clean": film(grey),
        "drift, black": spoilt(films.drifted),
        "drift, white": spoilt(films.drifted, fill=255),
        "drift, mean grey": spoilt(films.drifted, fill=128),
        "drift, JPEG": in_jpeg(75, films.drifted),
        "drift, clipped pores": spoilt(films.drifted, clipped),
        "drift, smooth black pores": spoilt(films.drifted, smooth, holes),
        "jitter": spoilt(films.jittered),
        "jitter, interpolated": Film(ArrayVolume(films.jittered(grey, order=1)), grey),
        "turned by 2 degrees": Film(ArrayVolume(films.turned(grey)), grey),
        "turned, clipped pores": Film(ArrayVolume(films.turned(clipped)), clipped),
        "4 of 24 slices black": spoilt(films.with_blanks),
        "4 of 24 slices white": spoilt(films.with_blanks, value=255),
        "4 of 24 slices dark noise": spoilt(films.with_blanks, noise=2),
        "blocks never written": spoilt(films.with_blocks),
        "blocks, clipped pores": spoilt(films.with_blocks, clipped),
        "bar, white on black": with_bar(ArrayVolume(films.with_bar(grey))),
        "bar, black on white": with_bar(ArrayVolume(films.with_bar(grey, back=255, ink=0))),
        "bar, JPEG": with_bar(ArrayVolume(films.compressed(films.with_bar(grey), 85))),
        "clipped pores": film(clipped),
        "smooth black pores": film(smooth, holes),
        "saturated solid": film(films.saturated(grey, 130)),
        "saturated solid, 5 % pores": film(films.saturated(low), few),
        "without noise": film(np.where(pores, 0, 255).astype(np.uint8)),
        "under a rough vacuum": Film(ArrayVolume(films.under_a_vacuum(grey))),
    }
    for name in REAL:
        if (real / name).exists():
            found[name.partition("/")[0]] = Film(open_volume(real / name))
    return found


class Labelling:
    """Films labelled by Otsu's threshold of the smoothed slice."""

    def __init__(self) -> None:
        spec = resolve("threshold", Nbhd(1, 11, 11), "valid")
        model = untrained(spec)
        self.segmenter = Segmenter.of(spec, model, Recipe(), PostProcessing(), "otsu")
        self.clean: dict[int, np.ndarray] = {}

    def summary(self, volume: Volume, valid: str) -> dict[str, Any]:
        """Segment a volume and return its summary."""
        with tempfile.TemporaryDirectory() as folder:
            options = Options(previews=0, valid=valid)
            return segment_volume(volume, self.segmenter, Path(folder), options, say=str).to_json()

    def of_clean(self, film: Film) -> float | None:
        """Return the porosity of the labelled clean film in its visible part, or in the whole."""
        if film.clean is None:
            return None
        if id(film.clean) not in self.clean:
            options, scorer = Options(valid="all"), Scorer(self.segmenter)
            labels = segment_stack(ArrayVolume(film.clean), self.segmenter, scorer, options)
            self.clean[id(film.clean)] = labels == 0
        return film.seen(self.clean[id(film.clean)])


def main() -> None:
    """Label every film and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--real", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    labelling, rows = Labelling(), {}
    print(
        "| film | truth % | clean % | before % | after % | left out % | said |\n"
        "|---|---:|---:|---:|---:|---|---|"
    )
    for name, film in inputs(given.real).items():
        truth = None if film.pores is None else film.seen(film.pores)
        clean = labelling.of_clean(film)
        before = labelling.summary(film.volume, "all")["porosity"]
        after = labelling.summary(film.volume, "auto")
        material = after["material"]
        rows[name] = {
            "truth": truth,
            "clean": clean,
            "before": before,
            "after": after["porosity"],
            "left_out": material["left_out"],
            "doubts": len(material["doubts"]),
        }
        left = ", ".join(f"{kind} {100 * x:.2f}" for kind, x in material["left_out"].items())
        known = ["" if x is None else f"{100 * x:.2f}" for x in (truth, clean)]
        said = f"{len(material['doubts'])} warnings" if material["doubts"] else ""
        print(
            f"| {name} | {' | '.join(known)} | {100 * before:.2f} | "
            f"{100 * after['porosity']:.2f} | {left or '-'} | {said} |",
            flush=True,
        )
    if given.json:
        given.json.write_text(json.dumps({**made(), "films": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
