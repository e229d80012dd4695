"""Error propagation from the classifier to structure, by measuring redrawn labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from fibsem.analysis.structure.cells import CellCounts
from fibsem.analysis.structure.components import PoreComponents
from fibsem.analysis.structure.film import NEITHER, PORE, SOLID, Film, Phases
from fibsem.analysis.structure.parts import PART, parts_of
from fibsem.analysis.structure.redrawn import (
    Probabilities,
    fitted_length,
    redrawn,
    shift_to,
    shifted,
)
from fibsem.analysis.structure.surface import Surface
from fibsem.analysis.structure.walk import walk
from fibsem.data.preprocessing import evenly_spaced
from fibsem.data.volumes import Volume
from fibsem.geometry import Box
from fibsem.quantification.options import QuantifyConfig
from fibsem.quantification.segmented import Segmented
from fibsem.system.summaries import QuantificationSummary
from fibsem.system.summaries.porosity import FilmPorosity, Interval
from fibsem.system.summaries.quantification import Carried

#: Change of a measure in every draw, (draws,).
Moved = npt.NDArray[np.float64]

#: Number of windows that the draws are fitted to, and their side if errors of parts are known.
WINDOWS, SIDE = 24, 128
#: Number of random positions in a slice that are tried for a window with material only.
TRIES = 16


def carried_errors(
    segmented: Segmented,
    blocks: Sequence[Box],
    porosity: FilmPorosity,
    config: QuantifyConfig,
    progress: Callable[[str, int, int], None],
) -> Carried | None:
    """Estimate how much errors of the labels change each measure of the parts of a film.

    Parameters
    ----------
    blocks
        Parts of the film in which labels are redrawn.
    porosity
        Porosity of the film, with its interval from test squares.
    progress
        Called after every draw with ``"draws"``, the draws done and their total number.

    Returns
    -------
    Carried or None
        With the reason in ``why`` if labels cannot be redrawn; None if ``config.draws`` is 0.

    Examples
    --------
    ```python
    segmented, config = open_segmented(Path("labels")), QuantifyConfig(draws=16)
    parts = [Box((0, 0, 0), (50, 100, 100))]
    error = carried_errors(segmented, parts, segmented.summary.alone(), config, lambda *_: None)
    error.range["surface"]
    ```
    """
    if not config.draws:
        return None
    squares = _SquareErrors.of(porosity)
    if not blocks:
        return Carried(why="there are no parts (blocks=0)")
    film, probabilities = segmented.film, segmented.probabilities
    if isinstance(probabilities, str):
        return Carried(why=probabilities)
    if squares is None:
        interval = porosity.porosity_interval or Interval()
        return Carried(why=interval.why or "the film has no test squares of its own")
    stored = probabilities.volume
    fitted = _fitted(squares, film, stored, segmented.missing, config.draws)
    if isinstance(fitted, str):
        return Carried(why=fitted)
    length, shifts = fitted.length, fitted.shifts
    across = {"independent": 0.0, "as_in_slice": length * film.spacing[1] / film.spacing[0]}
    moved = {
        name: _moved(film, stored, blocks, (z, length, length), shifts, config, progress)
        for name, z in across.items()
    }
    moved["smooth"] = {
        key: draws_of_figure if key == "porosity" else draws_of_figure - draws_of_figure.mean()
        for key, draws_of_figure in moved["as_in_slice"].items()
    }
    ends = {name: _ends(by_figure) for name, by_figure in moved.items()}
    return Carried(
        length_px=length,
        draws=config.draws,
        share=spanned(config.draws),
        independent=ends["independent"],
        as_in_slice=ends["as_in_slice"],
        smooth=ends["smooth"],
        range=_enclosing_ranges(list(ends.values())),
    )


@dataclass(frozen=True)
class _Draws:
    """Parameters of the draws: correlation length in pixels, and a shift of the logits per draw."""

    length: float
    shifts: Sequence[float]


def _fitted(
    squares: _SquareErrors, film: Film, stored: Volume, missing: Sequence[int], draws: int
) -> _Draws | str:
    """Fit the draws to the squares on windows of the film; return the reason if that fails."""
    side = SIDE if squares.parts_sd else round(squares.pixels**0.5)
    boxes = _windows(film, missing, side)
    windows = np.concatenate([_pore(stored, box) for box in boxes])
    phases = np.concatenate([film.read(box) for box in boxes])
    smallest_px = PART if squares.parts_sd else min(windows.shape[1:])
    if not _has_whole_part(phases, smallest_px):
        return f"no square of {smallest_px} pixels that was looked at is wholly on material"
    length = _length(squares, windows, phases != NEITHER)
    if length is None:
        return "the probabilities are too sure for what the squares vary by"
    shifts = _shifts(squares, windows, phases, draws)
    if shifts is None:
        return "no shift of the probabilities gives the porosity that the squares do"
    return _Draws(length, shifts)


@dataclass(frozen=True)
class _SquareErrors:
    """Errors of a film's map, estimated from its test squares.

    Attributes
    ----------
    more
        Corrected porosity minus that of the map.
    error, degrees
        Standard error of ``more``, and its degrees of freedom.
    count, pixels
        Number of places with squares, and mean number of their pixels.
    parts_sd
        Standard deviation of the probabilities' error in small parts of squares, or None.
    """

    more: float
    error: float
    degrees: float
    count: int
    pixels: float
    parts_sd: float | None

    @classmethod
    def of(cls, porosity: FilmPorosity) -> _SquareErrors | None:
        """Read the errors from a film's porosity; None if it was not corrected with an error."""
        interval, corrected = porosity.porosity_interval, porosity.porosity_corrected
        if interval is None or corrected is None or not (interval.error and interval.square_px):
            return None
        return cls(
            corrected - porosity.porosity, interval.error, interval.degrees or 0.0,
            interval.squares or 0, interval.square_px, interval.parts_sd,
        )  # fmt: skip


def _length(
    squares: _SquareErrors, windows: Probabilities, known: npt.NDArray[np.bool_]
) -> float | None:
    """Fit the correlation length to small parts of squares if known, else to whole squares.

    Only known pixels count: stored probabilities are meaningless where there is no material.
    """
    if squares.parts_sd:
        return fitted_length(windows, squares.parts_sd, side=PART, known=known)
    return fitted_length(windows, squares.error * squares.count**0.5, known=known)


def _shifts(
    squares: _SquareErrors, windows: Probabilities, phases: Phases, draws: int
) -> list[float] | None:
    """Return the shift of the logits for every draw, such that porosity matches the squares.

    Draws are at evenly spaced quantiles of the corrected porosity. None if no shift gives the
    porosity of one of them.
    """
    known, quantiles = phases != NEITHER, (np.arange(draws) + 0.5) / draws
    away = squares.more + squares.error * stdtrit(squares.degrees, quantiles)
    mapped, pore = float((phases[known] == PORE).mean()), windows[known]
    solved = [shift_to(pore, mapped + shift) for shift in away.tolist()]
    shifts = [by for by in solved if by is not None]
    return shifts if len(shifts) == draws else None


def carried_text(film: QuantificationSummary) -> str:
    """Describe the effect of label errors, or why it is unknown; "" if it was not requested.

    For example "error of the labels, 94 % by 16 draws: porosity -5.0 to -1.0 points, surface -0.20
    to +0.80 per um, components -7 to +48".
    """
    carried = film.carried
    if not carried:
        return ""
    if carried.why is not None:
        return f"the labels were not drawn again: {carried.why}"
    name, scale = ("um", 1000.0) if film.unit == "nm" else ("voxel", 1.0)
    draws, ends = carried.draws or 0, carried.range or {}
    share = f"{100 * spanned(draws):.0f} % by {draws} draws" if draws > 1 else "a single draw"
    return f"error of the labels, {share}: " + ", ".join(
        f"{title} {by * low:+.{digits}f} to {by * high:+.{digits}f}{unit}"
        for key, title, by, digits, unit in (
            ("porosity", "porosity", 100, 1, " points"),
            ("surface", "surface", scale, 2, f" per {name}"),
            ("components", "components", 1, 0, ""),
        )
        for low, high in [ends[key]]
        if low is not None and high is not None
    )


def spanned(draws: int) -> float:
    """Return the share of a distribution between its extreme draws, at most 0.95.

    >>> spanned(1), spanned(4), spanned(16), spanned(40)
    (0.0, 0.75, 0.9375, 0.95)
    """
    return min(0.95, 1 - 1 / draws)


def _enclosing_ranges(
    ways: Sequence[Mapping[str, tuple[float, float]]],
) -> dict[str, tuple[float, float]]:
    """Return the smallest range of each measure that contains its ranges of all methods."""
    spans = {key: [end for way in ways for end in way[key]] for key in ways[0]}
    return {key: (float(np.min(values)), float(np.max(values))) for key, values in spans.items()}


def _ends(moved: Mapping[str, Moved]) -> dict[str, tuple[float, float]]:
    """Return the 2.5 and 97.5 % quantiles of the draws, by Hazen's plotting positions."""
    share = (0.025, 0.975)  # with fewer than twenty draws, the minimum and the maximum
    ends = {key: np.quantile(values, share, method="hazen") for key, values in moved.items()}
    return {key: (float(low), float(high)) for key, (low, high) in ends.items()}


def _pore(stored: Volume, box: Box) -> Probabilities:
    """Read the stored probabilities as probabilities of pore."""
    return (1 - stored.read(box) / np.float32(255)).astype(np.float32)


def _windows(film: Film, missing: Sequence[int], side: int) -> list[Box]:
    """Return windows of one slice each, evenly spread along z, on material if possible."""
    z, y, x = film.shape
    side = min(side, y, x)
    rng, slices = np.random.default_rng(0), np.setdiff1d(np.arange(z), missing)
    return [
        _on_material(film, int(slices[k]), side, rng) for k in evenly_spaced(len(slices), WINDOWS)
    ]


def _on_material(film: Film, z: int, side: int, rng: np.random.Generator) -> Box:
    """Return a random window of a slice with only material, else that with most material."""
    most, best = -1, Box((z, 0, 0), (z + 1, side, side))
    for _ in range(TRIES):
        y, x = (int(rng.integers(0, size - side + 1)) for size in film.shape[1:])
        box = Box((z, y, x), (z + 1, y + side, x + side))
        on = int((film.read(box) != NEITHER).sum())
        if on > most:
            most, best = on, box
        if on == side**2:
            break
    return best


def _has_whole_part(phases: Phases, side: int) -> bool:
    """Return whether any part with ``side`` pixels consists of material only."""
    return bool((parts_of(phases != NEITHER, side) == 1).any())


def _moved(
    film: Film,
    stored: Volume,
    blocks: Sequence[Box],
    lengths: tuple[float, float, float],
    shifts: Sequence[float],
    config: QuantifyConfig,
    progress: Callable[[str, int, int], None],
) -> dict[str, Moved]:
    """Return the change of each measure in each draw, averaged over the parts."""
    changes = []
    for number, block in enumerate(blocks):
        phases, pore = film.read(block), _pore(stored, block)
        plain, rng = figures_of_part(phases, film, config), np.random.default_rng([1, number])
        for k, by in enumerate(shifts, start=1):
            drawn = np.where(redrawn(shifted(pore, by), lengths, rng), PORE, SOLID).astype(np.uint8)
            drawn[phases == NEITHER] = NEITHER
            figures = figures_of_part(drawn, film, config)
            changes.append([figures[key] - plain[key] for key in plain])
            progress("draws", number * len(shifts) + k, len(blocks) * len(shifts))
    by_part = np.reshape(changes, (len(blocks), len(shifts), -1))
    # the connected share is nan in a part without pores, which is left out
    finite = np.isfinite(by_part).all(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # 0 / 0 if all parts are left out
        moved = np.where(finite, by_part, 0).sum(axis=0) / finite.sum(axis=0)
    return dict(zip(plain, moved.T, strict=True))


def figures_of_part(phases: Phases, film: Film, config: QuantifyConfig) -> dict[str, float]:
    """Measure one part of a film, (z, y, x) classes, for comparison with redrawn labels.

    Examples
    --------
    >>> phases = np.full((4, 4, 4), SOLID)
    >>> phases[:, 1, 1] = PORE
    >>> figures_of_part(phases, Film.of(phases, (1.0, 1.0, 1.0)), QuantifyConfig())["porosity"]
    0.0625
    """
    cropped = Film.of(phases, film.spacing)
    cells, surface, components = (
        CellCounts(cropped),
        Surface(cropped),
        PoreComponents(config.connectivity),
    )
    walk(cropped, [cells, surface, components])
    connections = components.result
    return {
        "porosity": cells.porosity(),
        "surface": surface.per_volume,
        "components": float(connections.components),
        **{
            f"connected_share_{axis}": float("nan") if axis in connections.untold else share
            for axis, share in connections.connected_share.items()
            if axis not in film.flat
        },
    }
