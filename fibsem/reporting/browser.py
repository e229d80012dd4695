"""Slice browser for segmented films: one HTML file with slider, keys, layers and zoom.

The file works offline. It embeds images of evenly spaced slices of every film, in all layers and at
the resolution of a window, and a script that draws them on a canvas.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
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
from fibsem.quantification.segmented import OUR_OWN
from fibsem.reporting.items import leaving_out
from fibsem.reporting.labelled_film import grey_values
from fibsem.reporting.page import text_of
from fibsem.system.advice import called
from fibsem.system.summaries import SegmentedFilm
from fibsem.system.summaries.porosity import FilmPorosity

Image8 = npt.NDArray[np.uint8]

#: Name of the file, beside the page.
BROWSER = "slices.html"
#: Longest side of an image in pixels, and largest number of slices of a film.
SIDE, SLICES = 640, 24
#: Largest size of the embedded data in bytes.
MOST_BYTES = 14_500_000
#: Grey values of pore, of unknown pixels and of solid in images of labels.
BLACK, GREY, WHITE = 0, 127, 255
TEMPLATE = (Path(__file__).parent / "browser.html").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Layers:
    """The available volumes of one segmented film, and its porosity."""

    name: str
    film: SegmentedFilm
    volumes: Mapping[str, Volume]
    porosity: FilmPorosity

    @classmethod
    def of(cls, name: str, folder: Path, film: SegmentedFilm, porosity: FilmPorosity) -> Layers:
        """Open the volumes of a segmentation that can be read and have its shape.

        Probabilities are from 0 to 255; in another form they would be shown as black.
        """
        places, volumes = {"labels": folder / film.labels}, {}
        if grey := grey_values(folder, film):  # a phantom has its ground truth beside it
            volumes["grey"] = grey
            places["truth"] = grey.path.parent / "truth_slices"
        if film.probabilities:
            places["probability"] = folder / film.probabilities
        for layer, path in places.items():
            try:
                volume = open_volume(path)
            except (UserError, OSError):
                continue
            whole_numbers = layer != "probability" or volume.dtype == np.uint8
            if volume.shape == film.shape and whole_numbers:
                volumes[layer] = volume
        return cls(name, film, volumes, porosity)

    def slices(self, count: int) -> list[int]:
        """Return at most ``count`` evenly spaced slices, without missing ones."""
        missing = set(self.film.missing)
        return [z for z in evenly_spaced(self.film.shape[0], count) if z not in missing]

    def pictures(self, z: int) -> dict[str, str]:
        """Return the images of all layers of a slice as data URLs."""
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


@dataclass(frozen=True)
class ShownFilm:
    """What the page knows of a film; of every slice its number and the pictures of its layers."""

    name: str
    slices: list[dict[str, int | str]]
    layers: list[str]
    porosity: str


def browser(films: Sequence[Layers], title: str) -> str | None:
    """Return the HTML file, with fewer slices of each film if it would become too large.

    Films whose slices cannot be read are left out and named; None if there is no other one.
    """
    for count in (SLICES, 16, 10, 6, 3, 1):
        read = _readable(films, count)
        films = [film for film, _ in read]  # nobody is told twice of those that are left out
        if not films:
            return None
        shown = [asdict(film) for _, film in read]
        data = json.dumps(shown).replace("<", "\\u003c")  # a name could contain </script>
        if len(data) <= MOST_BYTES:
            break
    return TEMPLATE.replace("{{title}}", text_of(title)).replace("{{films}}", data)


def _readable(films: Sequence[Layers], count: int) -> list[tuple[Layers, ShownFilm]]:
    """Return the films whose slices can be read, and what is shown; warn about the others."""
    shown = []
    for film in films:
        with called(OUR_OWN), leaving_out():
            shown.append((film, _film(film, count)))
    return shown


def _film(film: Layers, count: int) -> ShownFilm:
    slices = [dict[str, int | str](z=z, **film.pictures(z)) for z in film.slices(count)]
    layers = [name for name in ("grey", "probability", "labels", "truth") if name in film.volumes]
    return ShownFilm(film.name, slices, layers, porosity_text(film.porosity))


def _stretched(image: npt.NDArray[Any], layer: str) -> Image8:
    """Stretch grey values from black to white, clipped at 0.5 %; keep probabilities as they are."""
    if layer == "probability":
        return image.astype(np.uint8)
    low, high = np.percentile(image, (0.5, 99.5))
    unit = (image.astype(np.float32) - low) / max(float(high - low), 1e-6)
    stretched: Image8 = np.rint(255 * np.clip(unit, 0, 1)).astype(np.uint8)
    return stretched


def _address(image: Image8, kind: str) -> str:
    """Encode an image as a data URL."""
    page = io.BytesIO()
    options = {"quality": 72} if kind == "jpeg" else {"optimize": True}
    Image.fromarray(image).save(page, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(page.getvalue()).decode()}"
