"""The classifier's error carried into the structure: figures of labels that are drawn again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.cells import CellCounts
from fibsem.analysis.structure.components import PoreComponents
from fibsem.analysis.structure.film import NEITHER, PORE, SOLID, Film, Phases
from fibsem.analysis.structure.redrawn import Probabilities, fitted_length, redrawn
from fibsem.analysis.structure.surface import Surface
from fibsem.analysis.structure.walk import walk
from fibsem.data.preprocessing import evenly_spaced
from fibsem.data.volumes import Volume, open_volume
from fibsem.geometry import Box
from fibsem.quantification.options import QuantifyConfig
from fibsem.quantification.segmented import Segmented

Record = dict[str, Any]

#: Windows to which the length is fitted.
WINDOWS = 24


def carried(
    segmented: Segmented,
    blocks: Sequence[Box],
    told: Mapping[str, Any],
    how: QuantifyConfig,
    progress: Callable[[str, int, int], None],
) -> Record | None:
    """Figures of parts of a film over drawn labels, for both lengths across slices.

    None where it was not asked for. ``told`` is what is known of the error of the porosity.

    Returns
    -------
    dict
        ``length_px`` in the slice; ``independent`` and ``as_in_slice``: with slices that err by
        themselves, and together as far as in the slice. Of each figure the 2.5 and 97.5 % of the
        draws, less that of the labels as they are, averaged over the parts; or ``why`` not.
    """
    if not how.draws:
        return None
    if not blocks:
        return {"why": "there are no parts (blocks=0)"}
    if not segmented.record.get("probabilities"):
        return {"why": "the segmentation has no probabilities (segment with probabilities=true)"}
    if not told.get("error") or not told.get("square_px"):
        return {"why": told.get("why") or "the film has no test squares of its own"}
    stored = open_volume(segmented.folder / segmented.record["probabilities"])
    windows = _windows(stored, round(told["square_px"] ** 0.5))
    length = fitted_length(windows, told["error"] * told["squares"] ** 0.5)
    if length is None:
        return {"why": "the probabilities are too sure for what the squares vary by"}
    spacing = segmented.film.spacing
    across = {"independent": 0.0, "as_in_slice": length * spacing[1] / spacing[0]}
    record: Record = {"length_px": length, "draws": how.draws}
    for name, z in across.items():
        each = [
            _moved(segmented.film, stored, block, (z, length, length), how, k, progress)
            for k, block in enumerate(blocks)
        ]
        record[name] = {
            key: np.mean([one[key] for one in each], axis=0).tolist() for key in each[0]
        }
    return record


def _pore(stored: Volume, box: Box) -> Probabilities:
    """Probability of pore, as it was stored."""
    return (1 - stored.read(box) / np.float32(255)).astype(np.float32)


def _windows(stored: Volume, side: int) -> Probabilities:
    """Windows of the size of a square, evenly spread along the film."""
    z, y, x = stored.shape
    side = min(side, y, x)
    rng = np.random.default_rng(0)
    starts = [
        (k, int(rng.integers(0, y - side + 1)), int(rng.integers(0, x - side + 1)))
        for k in evenly_spaced(z, WINDOWS)
    ]
    return np.stack(
        [_pore(stored, Box((k, j, i), (k + 1, j + side, i + side)))[0] for k, j, i in starts]
    )


def _moved(
    film: Film,
    stored: Volume,
    block: Box,
    lengths: tuple[float, float, float],
    how: QuantifyConfig,
    seed: int,
    progress: Callable[[str, int, int], None],
) -> dict[str, npt.NDArray[np.float64]]:
    """How far drawn labels move each figure of one block: its 2.5 and 97.5 %."""
    phases, pore = film.read(block), _pore(stored, block)
    plain, rng = figures_of_part(phases, film, how), np.random.default_rng([1, seed])
    moved = []
    for k in range(how.draws):
        drawn = np.where(redrawn(pore, lengths, rng), PORE, SOLID).astype(np.uint8)
        drawn[phases == NEITHER] = NEITHER
        figures = figures_of_part(drawn, film, how)
        moved.append({key: figures[key] - plain[key] for key in plain})
        progress("draws", k + 1, how.draws)
    return {key: np.quantile([one[key] for one in moved], (0.025, 0.975)) for key in plain}


def figures_of_part(phases: Phases, film: Film, how: QuantifyConfig) -> dict[str, float]:
    """Figures of one part of a film, (z, y, x) classes, that drawn labels move."""
    part = Film.of(phases, film.spacing)
    cells, surface, components = CellCounts(part), Surface(part), PoreComponents(how.connectivity)
    walk(part, [cells, surface, components])
    found = components.result
    return {
        "porosity": cells.porosity(),
        "surface": surface.per_volume,
        "components": float(found.components),
        **{f"connected_share_{axis}": share for axis, share in found.connected_share.items()},
    }
