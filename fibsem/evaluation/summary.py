"""Figures of an evaluation: mean and standard deviation over its seeds."""

from __future__ import annotations

from collections.abc import Sequence

from fibsem.analysis.metrics import over_squares
from fibsem.data.dataset.split import SPLITS, Split
from fibsem.evaluation.scores import SeedScores
from fibsem.system.records import as_record
from fibsem.system.summaries.evaluation import Balanced, EvaluationSummary, Run, SquareFigures
from fibsem.system.summaries.figures import Spread
from fibsem.training.scoring.squares import CHOSEN, HALF, TRUTH, confusions, labelled_figures

#: Suffix of a group of figures, by the kind of confusion matrix.
KINDS = {HALF: "all", CHOSEN: "chosen", TRUTH: "truth"}

Scores = dict[str, float]


def metrics_of(summary: EvaluationSummary) -> Scores:
    """Return mean and s.d. of all figures of an evaluation, by their names in MLflow."""
    return {
        f"{group}/{figure}_{kind}": value
        for group in summary.groups
        for figure, spread in as_record(getattr(summary, group)).items()
        for kind, value in spread.items()
    }


def over_seeds(values: Sequence[Scores]) -> dict[str, Spread]:
    """Compute mean and s.d. of every figure over seeds."""
    return {key: Spread.of([value[key] for value in values]) for key in values[0]}


def balanced_of(seeds: Sequence[SeedScores]) -> dict[Split, Balanced]:
    """Summarise figures on balanced pixels, at a threshold of 0.5, by split."""
    figures = {split: [seed.scores.balanced[split].figures for seed in seeds] for split in SPLITS}
    return {split: Balanced(**over_seeds(values)) for split, values in figures.items()}


def labelled_of(seeds: Sequence[SeedScores]) -> dict[str, SquareFigures]:
    """Summarise figures on all labelled pixels, by groups ``<split>_<kind>`` of all seeds."""
    groups = {}
    for split in SPLITS:
        for kind, name in KINDS.items():
            parts = [confusions(seed.scores.squares, split, kind) for seed in seeds]
            if all(parts):
                figures = over_seeds([over_squares(confusions) for confusions in parts])
                groups[f"{split}_{name}"] = SquareFigures(**figures)
    return groups


def figures_by_sample(seeds: Sequence[SeedScores]) -> dict[str, dict[str, SquareFigures]]:
    """Summarise figures on all labelled pixels of each sample, by group."""
    names = dict.fromkeys(square.sample for seed in seeds for square in seed.scores.squares)
    return {sample: _figures_of_sample(seeds, sample) for sample in names}


def _figures_of_sample(seeds: Sequence[SeedScores], sample: str) -> dict[str, SquareFigures]:
    squares = [seed.scores.squares for seed in seeds]
    return {
        f"{split}_{KINDS[kind]}": SquareFigures(
            **over_seeds([labelled_figures(of_seed, split, kind, sample) for of_seed in squares])
        )
        for split in SPLITS
        for kind in (HALF, CHOSEN)
        if confusions(squares[0], split, kind, sample)
    }


def seed_entry(seed: SeedScores) -> Run:
    """Return the entry of one seed in the summary."""
    scores = seed.scores
    return Run(
        seed.seed, seed.run_id, seed.epochs, seed.train_seconds, seed.parameters, scores.threshold,
        scores.seconds_per_gigapixel, *(scores.balanced[split].figures for split in SPLITS),
    )  # fmt: skip
