"""Score a finally trained model on labelled squares, split by split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from fibsem.analysis.calibration import Platt
from fibsem.analysis.estimates import Estimate
from fibsem.analysis.postprocessing import PostProcessing, ScoredSquare
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.data.dataset.split import Split
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.system.progress import Progress
from fibsem.system.records import Figures
from fibsem.training.material.material import Material
from fibsem.training.scoring.estimating import estimate
from fibsem.training.scoring.scoring import scored_squares
from fibsem.training.scoring.spilling import spilled
from fibsem.training.scoring.squares import SquareCounts, square_counts


def validation_squares(
    segmenter: Segmenter, material: Material, margin: int, folder: Path
) -> list[tuple[Region, ScoredSquare]]:
    """Score all validation squares with a margin; scores are written to ``folder``."""
    return spilled(squares_with_scores(segmenter, material, "val", margin), folder)


def confusions_of(
    squares: Iterable[tuple[Region, ScoredSquare]],
    postprocessing: PostProcessing,
    platt: Platt | None = None,
) -> list[SquareCounts]:
    """Count confusion matrices of squares, before and after post-processing."""
    return [square_counts(region, square, postprocessing, platt) for region, square in squares]


def score_split(
    segmenter: Segmenter, material: Material, split: Split, margin: int
) -> list[SquareCounts]:
    """Count confusion matrices of a split's squares, before and after post-processing."""
    squares = squares_with_scores(segmenter, material, split, margin)
    return confusions_of(squares, segmenter.postprocessing, segmenter.platt)


def squares_with_scores(
    segmenter: Segmenter, material: Material, split: Split, margin: int
) -> Iterator[tuple[Region, ScoredSquare]]:
    """Yield the squares of a split with their scores, and show the progress."""
    total = len(material.dataset.regions(split))
    with Progress(f"{split} squares") as progress:
        squares = scored_squares(material, Scorer(segmenter), split, margin)
        for done, scored in enumerate(squares, start=1):
            yield scored
            progress("scored", done, total)


def balanced_figures(segmenter: Segmenter, material: Material, split: Split) -> Figures:
    """Compute figures of an ensemble on balanced pixels, at a threshold of 0.5.

    Members of one architecture are scored on the same pixels as in their trainings. These pixels
    depend on the stride of the network, so mixed ensembles are scored on all labelled pixels of
    the same pieces.
    """
    members, pieces = segmenter.members, material.config.train.validation == "pieces"
    if pieces and any(member.spec != members[0].spec for member in members):
        return _on_pieces(segmenter, material, split).balanced
    estimates = [
        estimate(
            material.for_config(replace(material.config, spec=member.spec)), member.model, split
        )
        for member in segmenter.members
    ]
    return replace(
        estimates[0], scores=np.mean([scored.scores for scored in estimates], axis=0)
    ).balanced


def _on_pieces(segmenter: Segmenter, material: Material, split: Split) -> Estimate:
    """Score all labelled pixels of the sampled pieces of a split."""
    pieces, labels, scores, piece = material.pieces(split), [], [], []
    scored = scored_squares(material, Scorer(segmenter), split, regions=pieces.regions)
    for k, (_, square) in enumerate(scored):
        labelled = square.labels != IGNORE
        labels.append(square.labels[labelled])
        scores.append(square.scores[square.inner][labelled])
        piece.append(np.full(int(labelled.sum()), k))
    index = np.concatenate(piece)
    return Estimate(
        np.concatenate(labels), np.concatenate(scores), pieces.weight[index],
        pieces.square[index], pieces.counts, pieces.sample,
    )  # fmt: skip
