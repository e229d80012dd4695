"""The recipe of a phantom, and the random streams derived from it.

A phantom depends on its recipe alone. Each plane of noise has its own counter-based stream, named
by seed, sample, purpose and index, so any part of a volume can be made without the rest and is the
same in every run.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np

from fibsem.errors import UserError
from fibsem.geometry import Triple


class FilmRecipe(NamedTuple):
    """One film: porosity (0 to 1), and mean and s.d. of its grey values in [0, 1].

    Examples
    --------
    >>> FilmRecipe(porosity=0.3, mean=0.27, std=0.09).porosity
    0.3
    """

    porosity: float
    mean: float
    std: float


# Thesis table 3.1.
THESIS_FILMS: Mapping[str, FilmRecipe] = {
    "HPC22": FilmRecipe(porosity=0.22, mean=0.552, std=0.165),
    "HPC30": FilmRecipe(porosity=0.30, mean=0.268, std=0.089),
    "HPC45": FilmRecipe(porosity=0.45, mean=0.456, std=0.139),
}


@dataclass(frozen=True)
class PhantomRecipe:
    """Size, structure, optics and annotator of a phantom.

    Lengths end in their unit. ``_share`` amplitudes are relative to the grey value of solid at
    the surface (``gradient_share`` and ``slice_jitter_share``: to the mean grey of the sample).

    Attributes
    ----------
    seed : int
        Seed of all random streams.
    shape : tuple of int
        (z, y, x) voxels of each sample.
    squares, square_px : int
        Number of labelled squares per sample, and their side.
    voxel_nm : tuple of float
        (z, y, x) size of a voxel; z is the thickness of a slice.
    samples : mapping of str to FilmRecipe
        The films by name; each may also be given as a mapping or sequence (porosity, mean, std).
    truth_volume : bool
        Keep the exact truth of every slice, not only of the squares.
    feature_nm : float
        Usual distance from pore to pore (peak of the structure's spectrum).
    band_ratio : float
        Ratio of the two Gaussians whose difference is the structure's filter; larger gives pores
        of more unequal size.
    subplanes : int
        Planes of structure per slice; depths are multiples of slice thickness / subplanes.
    tilt_deg : float
        Angle between the line of sight and the normal of the slice, towards larger y.
    look_down_nm : float
        Depth beyond which nothing is visible.
    attenuation_nm : float
        Depth at which the grey of a pore has fallen to 1/e of the way down to its floor.
    pore_share, floor_share : float
        Grey of solid just below the surface, and of the deepest pores.
    rim_share, rim_px : float
        Brightening of solid at the rim of a pore (at a straight edge half of it), and its width.
    blur_px : float
        S.d. of the beam.
    texture_share, texture_px : float
        Fine texture, s.d. and length.
    patch_share, patch_px : float
        Charging: large bright and dark patches, s.d. and length.
    curtain_share, curtain_px, curtain_length_px : float
        Curtaining: stripes along y, s.d., width and length.
    slice_jitter_share : float
        S.d. of the brightness from slice to slice.
    gradient_share : float
        Fall of the grey value from the first column to the last.
    shot_share, read_share : float
        S.d. of noise at the grey of solid (grows as the root of the signal), and of the readout.
    annotator_sd_px, annotator_length_px : float
        How far the drawn outline deviates from the truth (s.d. per axis), and over which length.

    Examples
    --------
    >>> recipe = PhantomRecipe.from_mapping({"shape": [20, 128, 128], "square_px": 32})
    >>> recipe.subplane_nm, sorted(recipe.samples)
    (10.0, ['HPC22', 'HPC30', 'HPC45'])
    """

    seed: int = 1
    shape: Triple = (60, 768, 1024)
    squares: int = 30
    square_px: int = 256
    voxel_nm: tuple[float, float, float] = (50.0, 10.0, 10.0)
    samples: Mapping[str, FilmRecipe] = field(default_factory=lambda: dict(THESIS_FILMS))
    truth_volume: bool = True
    feature_nm: float = 420.0
    band_ratio: float = 2.0
    subplanes: int = 5
    tilt_deg: float = 38.0
    look_down_nm: float = 400.0
    attenuation_nm: float = 350.0
    pore_share: float = 0.9
    floor_share: float = 0.3
    rim_share: float = 0.25
    rim_px: float = 2.0
    blur_px: float = 1.0
    texture_share: float = 0.06
    texture_px: float = 3.0
    patch_share: float = 0.10
    patch_px: float = 60.0
    curtain_share: float = 0.05
    curtain_px: float = 3.0
    curtain_length_px: float = 300.0
    slice_jitter_share: float = 0.03
    gradient_share: float = 0.2
    shot_share: float = 0.08
    read_share: float = 0.03
    annotator_sd_px: float = 2.2
    annotator_length_px: float = 12.0

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> PhantomRecipe:
        """Build a recipe from plain values, as a YAML file holds them.

        Raises
        ------
        UserError
            If a key is unknown, a value has the wrong type, or the phantom is impossible.
        """
        kinds = {f.name: f.type for f in fields(cls)}
        for key in values:
            if key not in kinds:
                raise UserError(f"`phantom` has no key {key!r}; choose from {', '.join(kinds)}.")
        return cls(**{key: _plain(key, str(kinds[key]), value) for key, value in values.items()})

    @property
    def subplane_nm(self) -> float:
        """Distance between neighbouring planes of structure."""
        return self.voxel_nm[0] / self.subplanes

    @property
    def look_down(self) -> int:
        """Deepest visible depth in planes of structure."""
        return max(1, round(self.look_down_nm / self.subplane_nm))


def stream(seed: int, sample: str, purpose: str, index: int) -> np.random.Generator:
    """Random stream of one plane (or square) of one sample, independent of all others.

    ``index`` may be negative (planes of noise above the first slice), down to -2**20.
    """
    key = (zlib.crc32(sample.encode()), zlib.crc32(purpose.encode()), index + 2**20)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))


def _plain(key: str, kind: str, value: Any) -> Any:
    """Return ``value`` as the type declared by the recipe's field ``key``."""
    try:
        if key == "samples":
            return {str(name): _film(film) for name, film in value.items()}
        if key in ("shape", "voxel_nm"):
            z, y, x = value
            number = int if key == "shape" else float
            if any(number(v) != v for v in (z, y, x)):
                raise ValueError
            return number(z), number(y), number(x)
        if kind == "bool":
            if not isinstance(value, bool):
                raise ValueError
            return value
        number = int if kind == "int" else float
        if isinstance(value, bool | str) or number(value) != value:
            raise ValueError
        return number(value)
    except (TypeError, ValueError, AttributeError):
        wanted = {"shape": "three whole numbers (z, y, x)", "voxel_nm": "three lengths (z, y, x)"}
        wanted["samples"] = "films with porosity, mean and std"
        kinds = {"bool": "true or false", "int": "a whole number", "float": "a number"}
        expected = wanted.get(key, kinds.get(kind, kind))
        raise UserError(f"`phantom.{key}` must be {expected}, but got {value!r}.") from None


def _film(value: Any) -> FilmRecipe:
    numbers = FilmRecipe(**value) if isinstance(value, Mapping) else FilmRecipe(*value)
    return FilmRecipe(*(float(number) for number in numbers))


def _require(fits: bool, rule: str, value: object) -> None:
    if not fits:
        raise UserError(f"`phantom.{rule}, but got {value}.")


def _check(recipe: PhantomRecipe) -> None:
    _require(min(recipe.shape) >= 1, "shape` must be positive on every axis", recipe.shape)
    _require(min(recipe.voxel_nm) > 0, "voxel_nm` must be positive on every axis", recipe.voxel_nm)
    _require(recipe.seed >= 0, "seed` must be 0 or more", recipe.seed)
    _require(recipe.subplanes >= 1, "subplanes` must be at least 1", recipe.subplanes)
    _require(recipe.squares >= 3, "squares` must be at least 3, one per split", recipe.squares)
    _require(recipe.band_ratio > 1, "band_ratio` must be over 1", recipe.band_ratio)
    _require(0 <= recipe.tilt_deg < 80, "tilt_deg` must lie in [0, 80)", recipe.tilt_deg)
    _require(
        recipe.look_down <= 254,
        "look_down_nm` must be at most 254 planes of structure "
        f"({254 * recipe.subplane_nm:g} nm here)",
        recipe.look_down_nm,
    )
    pixel_nm = max(recipe.voxel_nm[1:])
    _require(
        recipe.feature_nm >= 8 * pixel_nm,
        f"feature_nm` must be at least 8 pixels ({8 * pixel_nm:g} nm)",
        recipe.feature_nm,
    )
    for name in ("attenuation_nm", "rim_px", "texture_px", "patch_px", "curtain_px"):
        _require(getattr(recipe, name) > 0, f"{name}` must be positive", getattr(recipe, name))
    for f in fields(recipe):
        if f.name.endswith("_share") or f.name in ("blur_px", "annotator_sd_px"):
            value = getattr(recipe, f.name)
            _require(value >= 0, f"{f.name}` must be 0 or more", value)
    _check_squares(recipe)
    _require(len(recipe.samples) > 0, "samples` must name at least one film", dict(recipe.samples))
    for name, film in recipe.samples.items():
        _check_film(recipe, name, film)


def _check_squares(recipe: PhantomRecipe) -> None:
    nz, ny, nx = recipe.shape
    side = recipe.square_px
    _require(
        1 <= side <= min(ny, nx),
        f"square_px` must lie between 1 and the smaller side of a slice ({min(ny, nx)})",
        side,
    )
    room = nz * (ny // side) * (nx // side)
    _require(
        recipe.squares <= room,
        f"squares` must be at most {room} for squares of {side} pixels in {nz} slices "
        f"of {ny} x {nx}",
        recipe.squares,
    )


def _check_film(recipe: PhantomRecipe, name: str, film: FilmRecipe) -> None:
    _require(
        name.replace("_", "").replace("-", "").isalnum(),
        "samples` must have names of letters, digits, - and _",
        repr(name),
    )
    _require(0 < film.porosity < 1, f"samples.{name}.porosity` must lie in (0, 1)", film.porosity)
    _require(0 < film.mean < 1, f"samples.{name}.mean` must lie in (0, 1)", film.mean)
    least = film.mean * (recipe.gradient_share**2 / 12 + recipe.slice_jitter_share**2) ** 0.5
    _require(
        film.std > least,
        f"samples.{name}.std` must exceed what gradient and slice jitter alone give ({least:.3g})",
        film.std,
    )
