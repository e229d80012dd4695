"""Slices of segmented films in one HTML file: a slider, keys, layers and zoom; no network.

Some slices of every film, evenly spread, in as many pixels as a window shows: pictures of all
layers lie in the file, and a script in it puts them on a canvas.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fibsem.analysis.porosity_told import porosity_text
from fibsem.data.preprocessing import evenly_spaced
from fibsem.data.volumes import Volume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.reporting.labelled_film import grey_values
from fibsem.reporting.page import text_of
from fibsem.system.records import Record
from fibsem.system.summaries import SegmentedFilm
from fibsem.system.summaries.porosity import FilmPorosity

Image8 = npt.NDArray[np.uint8]

#: Name of the file, beside the page.
BROWSER = "slices.html"
#: Pixels of a picture along its longer side, and slices of a film, at most.
SIDE, SLICES = 640, 24
#: Bytes of the whole file, at most.
MOST_BYTES = 14_500_000
#: What labels look like: pore black, solid white, all else grey.
BLACK, GREY, WHITE = 0, 127, 255
TEMPLATE = (Path(__file__).parent / "browser.html").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Layers:
    """The volumes of one segmented film that are there, and what is told of its porosity."""

    name: str
    film: SegmentedFilm
    volumes: Mapping[str, Volume]
    porosity: FilmPorosity

    @classmethod
    def of(cls, name: str, folder: Path, film: SegmentedFilm, porosity: FilmPorosity) -> Layers:
        """Open what is there of a segmentation: grey values may lie elsewhere by now."""
        places, volumes = {"labels": folder / film.labels}, {}
        if grey := grey_values(folder, film):  # a phantom has its exact truth beside it
            volumes["grey"] = grey
            places["truth"] = grey.path.parent / "truth_slices"
        if film.probabilities:
            places["probability"] = folder / film.probabilities
        for layer, path in places.items():
            try:
                volume = open_volume(path)
            except (UserError, OSError):
                continue
            if volume.shape == film.shape:
                volumes[layer] = volume
        return cls(name, film, volumes, porosity)

    def slices(self, count: int) -> list[int]:
        """Slices to show, evenly spread, without those that are missing."""
        missing = set(self.film.missing)
        return [z for z in evenly_spaced(self.film.shape[0], count) if z not in missing]

    def pictures(self, z: int) -> dict[str, str]:
        """Address of the picture of every layer of a slice."""
        step = -(-max(self.film.shape[1:]) // SIDE)
        made = {}
        for layer, volume in self.volumes.items():
            box = Box((z, 0, 0), (z + 1, *volume.shape[1:]))
            image = volume.read(box)[0, ::step, ::step]
            if layer in ("grey", "probability"):
                made[layer] = _address(_stretched(image, layer), "jpeg")
            else:
                made[layer] = _address(self._classes(image, layer), "png")
        return made

    def _classes(self, image: npt.NDArray[Any], layer: str) -> Image8:
        classes = self.film.classes if layer == "labels" else (BLACK, WHITE)
        shown = np.full(image.shape, GREY, np.uint8)
        shown[image == classes[0]], shown[image == classes[1]] = BLACK, WHITE
        return shown


def browser(films: Sequence[Layers], title: str) -> str:
    """The whole file; with fewer slices of each film where it would become too large."""
    for count in (SLICES, 16, 10, 6, 3, 1):
        shown = [_film(film, count) for film in films]
        data = json.dumps(shown).replace("<", "\\u003c")  # names may look like the end of a script
        if len(data) <= MOST_BYTES:
            break
    return TEMPLATE.replace("{{title}}", text_of(title)).replace("{{films}}", data)


def _film(film: Layers, count: int) -> Record:
    slices = film.slices(count)
    return {
        "name": film.name,
        "slices": [{"z": z, **film.pictures(z)} for z in slices],
        "layers": [layer for layer in ("grey", "probability", "labels", "truth")
                   if layer in film.volumes],
        "porosity": porosity_text(film.porosity),
    }  # fmt: skip


def _stretched(image: npt.NDArray[Any], layer: str) -> Image8:
    """Grey values from black to white but for the extremes; probabilities as they are."""
    if layer == "probability":
        return image.astype(np.uint8)
    low, high = np.percentile(image, (0.5, 99.5))
    unit = (image.astype(np.float32) - low) / max(float(high - low), 1e-6)
    stretched: Image8 = np.rint(255 * np.clip(unit, 0, 1)).astype(np.uint8)
    return stretched


def _address(image: Image8, kind: str) -> str:
    """A picture as an address that holds it."""
    page = io.BytesIO()
    options = {"quality": 72} if kind == "jpeg" else {"optimize": True}
    Image.fromarray(image).save(page, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(page.getvalue()).decode()}"
