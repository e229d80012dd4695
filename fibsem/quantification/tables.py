"""Tables of a quantification: profile, correlation, chords, parts, pore sizes, transport."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fibsem.analysis.structure.representative import spread_by_size
from fibsem.quantification.sampled import Sampled
from fibsem.quantification.segmented import Segmented
from fibsem.quantification.slices import Thickness
from fibsem.quantification.streamed import Streamed


def tables_of(
    segmented: Segmented, streamed: Streamed, sampled: Sampled, thickness: Thickness | None = None
) -> dict[str, pd.DataFrame]:
    """Return every table by the name of its file; column names contain the unit of lengths.

    ``thickness`` is the thickness of every slice, if it varies.
    """
    unit = segmented.unit
    made = {
        "profile": _profile(segmented, streamed, thickness),
        "correlation": _correlation(streamed, unit),
        "chords": _chords(streamed, unit),
        "parts": pd.DataFrame(
            [(p.side, p.parts, p.sd) for p in spread_by_size(streamed.cells.cells)],
            columns=[f"side ({unit})", "parts", "s.d. of porosity"],
        ),
    }
    if sampled.blocks:
        made["pore_sizes"] = _sizes(sampled, unit)
        made["transport"] = _transport(sampled)
    return made


def _profile(segmented: Segmented, streamed: Streamed, thickness: Thickness | None) -> pd.DataFrame:
    """Return the porosity and start of every slice; porosity is nan without a known pixel."""
    depth, unit = segmented.film.shape[0], segmented.unit
    z = np.arange(depth)
    if thickness is None:
        positions = {f"z ({unit})": z * segmented.film.spacing[0]}
    else:
        positions = {"z (nm)": np.cumsum(thickness) - thickness, "thickness (nm)": thickness}
    columns = {"porosity": streamed.cells.profile, "known pixels": streamed.cells.known_voxels}
    return pd.DataFrame({"z": z, **positions, **columns})


def _correlation(streamed: Streamed, unit: str) -> pd.DataFrame:
    rows = [
        (axis, lag, both)
        for axis, pairs in streamed.pairs.result.items()
        for lag, both in zip(pairs.lags, pairs.both, strict=True)
    ]
    return pd.DataFrame(rows, columns=["axis", f"lag ({unit})", "both pore"])


def _chords(streamed: Streamed, unit: str) -> pd.DataFrame:
    rows = [
        (axis, k * chords.step, chords.survival[k], chords.ended[k], chords.cut[k])
        for axis, chords in streamed.chords.result.items()
        for k in range(1, len(chords.ended))
        if chords.ended[k] or chords.cut[k]
    ]
    columns = ["axis", f"length ({unit})", "share that is longer", "ended", "cut off"]
    return pd.DataFrame(rows, columns=columns)


def _sizes(sampled: Sampled, unit: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            f"diameter ({unit})": sampled.sizes.diameters,
            "share at least, local thickness": sampled.sizes.at_least,
            "share at least, intrusion": sampled.throats.at_least,
        }
    )


def _transport(sampled: Sampled) -> pd.DataFrame:
    rows = [
        (
            *passage.block.start, *passage.block.stop, passage.axis, passage.diffusion.porosity,
            passage.diffusion.relative, passage.diffusion.tortuosity_factor, passage.geodesic,
        )
        for passage in sampled.passages
    ]  # fmt: skip
    ends = [f"{axis} {end}" for end in ("first", "end") for axis in "zyx"]
    figures = ["axis", "porosity", "D / D0", "tortuosity factor", "geodesic tortuosity"]
    return pd.DataFrame(rows, columns=[*ends, *figures])
