"""Options of a promotion: candidates, final training, post-processing search, and the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fibsem.analysis.postprocessing import SearchGrid, reaching
from fibsem.config.reading import require

#: Keys that affect the promoted model. Architecture, neighbourhood and training come from the
#: trials; the gate and the segmentation follow afterwards and may change when resuming.
SETTINGS = ("data", "split", "seed", "candidates", "ensemble", "ensemble_of", "rank", "final",
            "postprocessing")  # fmt: skip

#: Default ends of the evenly spaced thresholds.
EVEN = (0.05, 0.95)


@dataclass(frozen=True)
class PostProcessingConfig:
    """The grid of the post-processing search (thesis Table 3.6), with both ends included.

    With ``search="sample"`` a sample of pixels preselects grid points to evaluate on every pixel;
    ``"exhaustive"`` evaluates all of them. A threshold end that is None is that of :data:`EVEN`,
    and further thresholds are added beyond it.

    Examples
    --------
    >>> PostProcessingConfig((0.0, 1.0), 0.3, 0.7, 5, rounds=(1,), min_size=(0,)).search
    'sample'
    """

    sigma: tuple[float, ...]
    threshold_start: float | None
    threshold_stop: float | None
    threshold_steps: int
    rounds: tuple[int, ...]
    min_size: tuple[int, ...]
    search: Literal["sample", "exhaustive"] = "sample"

    def __post_init__(self) -> None:
        for key, values, legal, constraint in (
            ("sigma", self.sigma, lambda s: s >= 0, "at least one number from 0, pixels"),
            ("rounds", self.rounds, lambda n: n in (1, 2), "1, 2 or [1, 2]"),
            ("min_size", self.min_size, lambda n: n >= 0, "at least one number from 0, pixels"),
        ):
            fine = len(values) > 0 and all(map(legal, values))
            require(f"postprocessing.{key}", list(values), fine, constraint)
        ends = self._ends
        fine = 0 <= ends[0] <= ends[1] <= 1
        require(
            "postprocessing.threshold_start", list(ends), fine, "at most threshold_stop, in [0, 1]"
        )
        steps = self.threshold_steps
        require("postprocessing.threshold_steps", steps, steps >= 1, "at least 1")

    @property
    def grid(self) -> SearchGrid:
        """Grid of all combinations of sigma, threshold, rounds and minimum size."""
        start, stop = self._ends
        step = (stop - start) / max(1, self.threshold_steps - 1)
        even = [start + k * step for k in range(self.threshold_steps)]
        thresholds = reaching(
            even, low=self.threshold_start is None, high=self.threshold_stop is None
        )
        return SearchGrid(tuple(sorted(self.sigma)), thresholds, self.rounds, self.min_size)

    @property
    def _ends(self) -> tuple[float, float]:
        """First and last of the evenly spaced thresholds."""
        start, stop = self.threshold_start, self.threshold_stop
        return EVEN[0] if start is None else start, EVEN[1] if stop is None else stop


@dataclass(frozen=True)
class RankConfig:
    """Repetition of the ``k`` best trials with ``seeds`` new seeds each, before one is chosen.

    Examples
    --------
    >>> RankConfig(k=1).seeds
    3
    """

    k: int = 3
    seeds: int = 3
    seed: int = 1000

    def __post_init__(self) -> None:
        require("rank.k", self.k, self.k >= 1, "at least 1")
        require("rank.seeds", self.seeds, self.seeds >= 1, "at least 1")


@dataclass(frozen=True)
class PromoteConfig:
    """Which sweeps are promoted, to how many members, and whether whole volumes are segmented.

    Examples
    --------
    >>> PromoteConfig(ensemble=5).candidates
    2
    """

    study: tuple[str, ...] | None = None
    max_seconds_per_gigapixel: float | None = None
    candidates: int = 2
    ensemble: int = 1
    ensemble_of: Literal["seeds", "architectures"] = "seeds"
    segment: bool = True

    def __post_init__(self) -> None:
        require("candidates", self.candidates, self.candidates >= 1, "at least 1")
        require("ensemble", self.ensemble, self.ensemble >= 1, "at least 1")
        many = not self.mixed or self.ensemble > 1
        require("ensemble", self.ensemble, many, "at least 2 with ensemble_of=architectures")
        limit = self.max_seconds_per_gigapixel
        legal = limit is None or limit > 0
        require("max_seconds_per_gigapixel", limit, legal, "positive or null")

    @property
    def mixed(self) -> bool:
        """Whether the members of the ensemble have different architectures."""
        return self.ensemble_of == "architectures"


@dataclass(frozen=True)
class FinalConfig:
    """Settings of the final training that replace those of the trial.

    Examples
    --------
    >>> FinalConfig(40, 0.05, None, shift_sd=0.05, shift_probability=0.5).steps is None
    True
    """

    epochs: int
    share: float
    max_seconds: float | None
    shift_sd: float
    shift_probability: float
    steps: int | None = None

    def __post_init__(self) -> None:
        require("final.epochs", self.epochs, self.epochs >= 1, "at least 1")
        require("final.share", self.share, 0 < self.share <= 1, "in (0, 1]")
        steps, limit = self.steps, self.max_seconds
        require("final.steps", steps, steps is None or steps >= 1, "at least 1 or null")
        require("final.max_seconds", limit, limit is None or limit > 0, "positive or null")
        require("final.shift_sd", self.shift_sd, self.shift_sd >= 0, "at least 0")
        chance = self.shift_probability
        require("final.shift_probability", chance, 0 <= chance <= 1, "in [0, 1]")


@dataclass(frozen=True)
class GateConfig:
    """Conditions for replacing the champion; ``porosity_points`` are per cent of the pixels.

    Examples
    --------
    >>> GateConfig(alpha=0.01).porosity_points
    1.0
    """

    alpha: float = 0.05
    porosity_points: float = 1.0
    force: bool = False

    def __post_init__(self) -> None:
        require("gate.alpha", self.alpha, 0 < self.alpha < 1, "in (0, 1)")
        points = self.porosity_points
        require("gate.porosity_points", points, points >= 0, "at least 0")
