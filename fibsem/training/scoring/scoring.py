"""Scores of every labelled pixel, square by square."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fibsem.analysis.metrics import (
    Confusion,
    cross_entropy,
    over_squares,
    pooled,
    porosity_error,
)
from fibsem.analysis.postprocessing import PostProcessing, ScoredSquare
from fibsem.config import RunConfig
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.data.dataset.split import Split
from fibsem.errors import UserError
from fibsem.inference.model.predict import BlockScorer
from fibsem.inference.model.segmenter import Scorer
from fibsem.training.boxes import box_scores
from fibsem.training.material.material import Material

#: Labelled pixels that are still scored one by one at the end of a training without dense form.
MOST_BY_PATCH = 200_000


def scored_squares(
    material: Material, scorer: BlockScorer | Scorer, split: Split, margin: int = 0,
    *, regions: Iterable[Region] | None = None,
) -> Iterator[tuple[Region, ScoredSquare]]:  # fmt: skip
    """Score every labelled square of a split, or some ``regions``, with ``margin`` pixels around.

    The margin ends at the border of the volume, where smoothing mirrors as it does on a whole
    slice; so a square gets the labels that a segmented volume has there.

    Parameters
    ----------
    material, split
        The data, and ``train``, ``val`` or ``test``.
    scorer
        Scorer of a model.
    margin
        Pixels around a square, so many as the smoothing of scores needs.
    regions
        Regions to score instead of all squares of the split.

    Yields
    ------
    region, square : Region, ScoredSquare
        Probabilities of solid, (h + margins, w + margins) float32; labels (h, w) uint8, 255 where
        nothing is labelled.

    Examples
    --------
    ```python
    scorer = BlockScorer(material.config.spec, train(material).model)
    for region, square in scored_squares(material, scorer, "val", margin=8):
        print(region.sample, square.confusion(PostProcessing(threshold=0.5)).miou)
    ```
    """
    for region in material.dataset.regions(split) if regions is None else regions:
        scores, inner = box_scores(region.box, scorer, material.volumes[region.sample], margin)
        yield region, ScoredSquare(scores, region.read(), inner)


def score_all(
    material: Material,
    scorer: BlockScorer | Scorer,
    split: Split,
    steps: PostProcessing = PostProcessing(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Figures over every labelled pixel of a split, pooled over squares and samples, and a median.

    With the mean error of porosity over samples. The loss is that of the scores, whatever the
    post-processing.
    """
    confusions: list[Confusion] = []
    by_sample: dict[str, Confusion] = {}
    losses: list[tuple[float, int]] = []
    for region, square in scored_squares(material, scorer, split, steps.margin):
        labelled = square.labels != IGNORE
        if not labelled.any():
            continue
        confusions.append(one := square.confusion(steps))
        by_sample[region.sample] = by_sample.get(region.sample, pooled([])) + one
        loss = cross_entropy(square.labels[labelled], square.scores[square.inner][labelled])
        losses.append((loss, int(labelled.sum())))
    loss = sum(value * n for value, n in losses) / sum(n for _, n in losses)
    error = porosity_error(by_sample.values())
    return {**over_squares(confusions), "loss": loss, "porosity_error": error}


def too_many_by_patch(dataset: Dataset) -> bool:
    """Whether all labelled validation pixels would take hours, patch by patch."""
    return _labelled(dataset) > MOST_BY_PATCH


def check_scored(
    where: str, keys: Iterable[str], configs: Iterable[RunConfig], dataset: Dataset
) -> None:
    """Refuse objectives and bounds of all labelled pixels where a training leaves those out.

    Parameters
    ----------
    where, keys
        Their key in the configuration, and their names.
    configs, dataset
        What is to be trained, of a sweep over architectures one of each.

    Raises
    ------
    UserError
        If a network has no dense form for them, they are too many without one, and no pieces of
        validation stand for them.
    """
    of_all = [key for key in keys if key.startswith("val_all/")]
    for config in configs if of_all else ():
        spec = config.spec
        by_patch = spec.is_network and not spec.convertible
        if config.train.validation != "lattice" or not by_patch or not too_many_by_patch(dataset):
            continue
        valid = ", model.padding=valid" if "valid" in spec.architecture.paddings else ""
        raise UserError(
            f"`{where}` must name figures of every trial, but {of_all[0]} is of all labelled "
            f"pixels of validation, which model={spec.name} with padding={spec.padding} scores one "
            f"by one: more than {MOST_BY_PATCH} are left out, and here are {_labelled(dataset)}; "
            f"the choices are train.validation=pieces{valid} or figures of val/ and cost/."
        )


def _labelled(dataset: Dataset) -> int:
    """Pixels of the validation squares."""
    return sum(region.box.size for region in dataset.regions("val"))
