"""Figures of an evaluation: mean and standard deviation over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fibsem.analysis.metrics import over_squares
from fibsem.analysis.statistics import Spread
from fibsem.data.split import SPLITS
from fibsem.evaluation.scores import SeedScores
from fibsem.training.squares import CHOSEN, HALF, TRUTH, confusions, labelled_figures

#: How groups of figures are named after the kind of confusion matrix.
KINDS = {HALF: "all", CHOSEN: "chosen", TRUTH: "truth"}

Figures = dict[str, float]
Spreads = dict[str, dict[str, float]]


def summarise(seeds: Sequence[SeedScores]) -> dict[str, Any]:
    """Mean and s.d. over seeds of every figure.

    Returns
    -------
    dict
        ``train``, ``val``, ``test``: on balanced pixels at T = 0.5. ``<split>_all``: on all
        labelled pixels at T = 0.5, ``<split>_chosen`` at the threshold chosen on validation,
        ``<split>_truth`` that against the exact truth. Each maps a figure to ``mean`` and ``std``.
        ``samples.<sample>``: the same for ``<split>_all`` and ``<split>_chosen`` of each sample.
    """
    groups = _groups(seeds)
    record: dict[str, Any] = {key: _spreads(values) for key, values in groups.items()}
    record |= _spreads([seed.figures for seed in seeds])
    record["groups"] = list(groups)
    names = dict.fromkeys(square.sample for seed in seeds for square in seed.scores.squares)
    record["samples"] = {sample: _of_sample(seeds, sample) for sample in names}
    record["runs"] = [_run(seed) for seed in seeds]
    return record


def _groups(seeds: Sequence[SeedScores]) -> dict[str, list[Figures]]:
    """Figures of every seed, by group: of balanced pixels, and of all where all have them."""
    figures: dict[str, list[Figures]] = {
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


def _run(seed: SeedScores) -> dict[str, Any]:
    """What the summary says of one seed."""
    run: dict[str, Any] = {"seed": seed.seed, "run_id": seed.run_id, **seed.figures}
    return run | {split: seed.scores.balanced[split].figures for split in SPLITS}


def _spreads(values: Sequence[Figures]) -> Spreads:
    return {key: asdict(Spread.of([value[key] for value in values])) for key in values[0]}
