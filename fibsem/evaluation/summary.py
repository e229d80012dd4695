"""Figures of an evaluation: mean and standard deviation over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from fibsem.analysis.metrics import over_squares
from fibsem.analysis.statistics import Spread
from fibsem.data.dataset.split import SPLITS
from fibsem.evaluation.scores import SeedScores
from fibsem.training.scoring.squares import CHOSEN, HALF, TRUTH, confusions, labelled_figures

#: How groups of figures are named after the kind of confusion matrix.
KINDS = {HALF: "all", CHOSEN: "chosen", TRUTH: "truth"}

Scores = dict[str, float]
Spreads = Mapping[str, Spread]


@dataclass(frozen=True)
class FiguresOverSeeds:
    """Mean and s.d. over the seeds of an evaluation of every figure.

    Attributes
    ----------
    groups
        ``train``, ``val``, ``test``: on balanced pixels at T = 0.5. ``<split>_all``: on all
        labelled pixels at T = 0.5, ``<split>_chosen`` at the threshold chosen on validation,
        ``<split>_truth`` that against the exact truth.
    figures
        Of no split.
    samples
        By sample, ``<split>_all`` and ``<split>_chosen`` of it alone.
    runs
        The seeds.
    """

    groups: Mapping[str, Spreads]
    figures: Spreads
    samples: Mapping[str, Mapping[str, Spreads]]
    runs: tuple[SeedScores, ...]

    @classmethod
    def of(cls, seeds: Sequence[SeedScores]) -> FiguresOverSeeds:
        """From the scores of every seed."""
        names = dict.fromkeys(square.sample for seed in seeds for square in seed.scores.squares)
        return cls(
            {group: _spreads(values) for group, values in _groups(seeds).items()},
            _spreads([seed.figures for seed in seeds]),
            {sample: _of_sample(seeds, sample) for sample in names},
            tuple(seeds),
        )

    @property
    def metrics(self) -> Scores:
        """Figures of the groups, by their names in MLflow."""
        return {
            f"{group}/{figure}_{kind}": value
            for group, spreads in self.groups.items()
            for figure, spread in spreads.items()
            for kind, value in asdict(spread).items()
        }

    def to_json(self) -> dict[str, object]:
        """What the summary says of it: groups and figures by name, each ``mean`` and ``std``."""
        return {
            **{group: _written(spreads) for group, spreads in self.groups.items()},
            **_written(self.figures),
            "groups": list(self.groups),
            "samples": {
                sample: {group: _written(spreads) for group, spreads in groups.items()}
                for sample, groups in self.samples.items()
            },
            "runs": [_run(seed) for seed in self.runs],
        }


def _groups(seeds: Sequence[SeedScores]) -> dict[str, list[Scores]]:
    """Figures of every seed, by group: of balanced pixels, and of all where all have them."""
    figures: dict[str, list[Scores]] = {
        split: [seed.scores.balanced[split].figures for seed in seeds] for split in SPLITS
    }
    for split in SPLITS:
        for kind, name in KINDS.items():
            parts = [confusions(seed.scores.squares, split, kind) for seed in seeds]
            if all(parts):
                figures[f"{split}_{name}"] = [over_squares(some) for some in parts]
    return figures


def _of_sample(seeds: Sequence[SeedScores], sample: str) -> dict[str, Spreads]:
    """Figures on all labelled pixels of a sample."""
    squares = [seed.scores.squares for seed in seeds]
    return {
        f"{split}_{KINDS[kind]}": _spreads(
            [labelled_figures(some, split, kind, sample) for some in squares]
        )
        for split in SPLITS
        for kind in (HALF, CHOSEN)
        if confusions(squares[0], split, kind, sample)
    }


def _run(seed: SeedScores) -> dict[str, object]:
    """What the summary says of one seed."""
    balanced = {str(split): seed.scores.balanced[split].figures for split in SPLITS}
    return {"seed": seed.seed, "run_id": seed.run_id, **seed.figures, **balanced}


def _spreads(values: Sequence[Scores]) -> Spreads:
    return {key: Spread.of([value[key] for value in values]) for key in values[0]}


def _written(spreads: Spreads) -> dict[str, Scores]:
    return {figure: asdict(spread) for figure, spread in spreads.items()}
