"""Summary of a simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class SimulatedFilm:
    """Exact porosity of a simulated film, and mean and s.d. of its grey values in [0, 1]."""

    porosity: float
    mean: float
    std: float


@dataclass(frozen=True)
class SimulationSummary:
    """Record of ``fibsem.simulate``."""

    samples: Mapping[str, SimulatedFilm]
    seconds: float
