"""Choose post-processing and calibration of a model on the validation squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from fibsem.analysis.calibration import Calibration
from fibsem.analysis.postprocessing import (
    PostProcessing,
    SampledParts,
    ScoredSquare,
    at_an_end,
    search,
    search_by_sample,
)
from fibsem.config import PostProcessingConfig
from fibsem.data.dataset.samples import Region
from fibsem.data.pieces import Pieces
from fibsem.inference.model.segmenter import Member, Segmenter
from fibsem.promotion.calibrating import fit_calibration
from fibsem.promotion.examination import confusions_of, validation_squares
from fibsem.promotion.setting import Promotion
from fibsem.system.progress import Progress
from fibsem.system.records import Stored
from fibsem.training.boxes import within
from fibsem.training.bundling import label_values
from fibsem.training.material.material import Material
from fibsem.training.scoring.squares import SquareCounts


@dataclass(frozen=True)
class BestSteps(Stored):
    """Best post-processing on all labelled validation pixels, and a calibration.

    Attributes
    ----------
    best
        The post-processing.
    surface
        Pooled validation mIoU, (rounds, min_sizes, sigmas, thresholds): of all pixels, or of the
        sample where only that was evaluated; None where neither was.
    calibration
        Temperature and calibration error.
    rows
        Confusion matrices of the validation squares, before and after post-processing.
    """

    best: PostProcessing
    surface: list[Any]
    calibration: Calibration
    rows: tuple[SquareCounts, ...]

    def applied_to(self, plain: Segmenter) -> Segmenter:
        """Return a model with this post-processing and calibration."""
        return replace(
            plain, postprocessing=self.best, temperature=self.calibration.temperature,
            offset=self.calibration.offset, smoothed_px=self.best.sigma,
        )  # fmt: skip

    @property
    def sentence(self) -> str:
        """The choice in one sentence."""
        best, line = self.best, self.calibration
        rounds = "1 round" if best.rounds == 1 else f"{best.rounds} rounds"
        small = f", components below {best.min_size} px flipped" if best.min_size > 1 else ""
        return (
            f"sigma {best.sigma:g} px, threshold {best.threshold:.3f}, {rounds}{small}; "
            f"temperature {line.temperature:.3f}, offset {line.offset:+.3f}"
        )


@dataclass(frozen=True)
class Chosen:
    """Model with its chosen post-processing and calibration."""

    segmenter: Segmenter
    choice: BestSteps


def choose(
    promotion: Promotion, networks: Sequence[Member], material: Material
) -> dict[str, Chosen]:
    """Choose for the challenger and, if it is an ensemble, for its first member alone."""
    config = promotion.configuration.postprocessing
    models = {"challenger": networks, **({"single": networks[:1]} if len(networks) > 1 else {})}
    chosen = {}
    for name, members in models.items():
        plain = _without_steps(members, material)
        search_for = partial(_search, plain, material, config, promotion.folder)
        choice = promotion.finished.once(f"chosen-{name}", BestSteps, search_for)
        promotion.say(f"{name}: {choice.sentence}")
        if end := at_an_end(choice.best.threshold, config.grid.thresholds):
            promotion.say(f"{name}: {end}")
        chosen[name] = Chosen(choice.applied_to(plain), choice)
    return chosen


def _without_steps(members: Sequence[Member], material: Material) -> Segmenter:
    """Make a segmenter that averages networks, without post-processing."""
    return Segmenter(
        members=tuple(members),
        recipe=material.config.preprocess,
        postprocessing=PostProcessing(),
        identity="",
        classes=label_values(material.dataset),
    )


def _search(
    plain: Segmenter, material: Material, config: PostProcessingConfig, folder: Path
) -> BestSteps:
    """Search for the best post-processing of a model on the validation squares."""
    grid = config.grid
    scored = validation_squares(plain, material, grid.margin, folder)
    squares = [square for _, square in scored]
    with Progress("post-processing") as progress:
        if config.search == "exhaustive":
            best, surface = search(squares, grid, progress)
        else:
            drawn = sample_of(scored, material.pieces("val"), grid.margin)
            best, surface = search_by_sample(squares, drawn, grid, progress)
    calibration = fit_calibration(squares, best.sigma)
    return BestSteps(best, surface.tolist(), calibration, tuple(confusions_of(scored, best)))


def sample_of(
    scored: Sequence[tuple[Region, ScoredSquare]], pieces: Pieces, margin: int
) -> SampledParts:
    """Cut the sampled pieces of a split out of its scored squares."""
    by_region = {region.key: (region.box, square) for region, square in scored}
    parts = []
    for piece in pieces.regions:
        box, square = by_region[piece.key]
        parts.append(square.part(within(piece.box, box), margin))
    return SampledParts(parts, pieces.weight.tolist())
