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
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.data.dataset.split import Split
from fibsem.errors import UserError
from fibsem.inference.model.predict import BlockScorer
from fibsem.inference.model.segmenter import Scorer
from fibsem.models.spec import ModelSpec
from fibsem.system import metric_names
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
    slice; so a square gets the same labels as in a segmented volume.

    Parameters
    ----------
    material, split
        Material, and the split of the squares: ``train``, ``val`` or ``test``.
    scorer
        Scorer of the model.
    margin
        Pixels around a square, as many as the smoothing of scores needs.
    regions
        Regions to score instead of all squares of the split.

    Yields
    ------
    region, square : Region, ScoredSquare
        Probabilities of solid, (h + margins, w + margins) float32; labels (h, w) uint8, 255 for
        unlabelled pixels.

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
    squares: Iterable[tuple[Region, ScoredSquare]],
    steps: PostProcessing = PostProcessing(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Return metrics over every labelled pixel of some squares, pooled over squares and samples.

    They include the median pore IoU of squares and the mean porosity error of samples. The loss is
    that of the scores before post-processing. For squares and their margin see
    :func:`scored_squares`.
    """
    confusions: list[Confusion] = []
    by_sample: dict[str, Confusion] = {}
    losses: list[tuple[float, int]] = []
    for region, square in squares:
        labelled = square.labels != IGNORE
        if not labelled.any():
            continue
        confusions.append(confusion := square.confusion(steps))
        by_sample[region.sample] = by_sample.get(region.sample, pooled([])) + confusion
        loss = cross_entropy(square.labels[labelled], square.scores[square.inner][labelled])
        losses.append((loss, int(labelled.sum())))
    loss = sum(value * n for value, n in losses) / sum(n for _, n in losses)
    error = porosity_error(by_sample.values())
    return {**over_squares(confusions), "loss": loss, "porosity_error": error}


def too_many_by_patch(dataset: Dataset) -> bool:
    """Whether scoring all labelled validation pixels patch by patch would take hours."""
    return _labelled(dataset) > MOST_BY_PATCH


def check_scored(
    where: str, keys: Iterable[str], specs: Iterable[ModelSpec], dataset: Dataset
) -> None:
    """Check that all labelled pixels can be scored if objectives or bounds refer to them.

    Parameters
    ----------
    where, keys
        Configuration key for messages, and names of the objectives and bounds.
    specs, dataset
        Networks whose trainings score every labelled pixel at their end, and their dataset.

    Raises
    ------
    UserError
        If a network has no dense form, and the pixels are too many to be scored patch by patch.
    """
    of_all = [key for key in keys if key.startswith(metric_names.OF_ALL)]
    for spec in specs if of_all else ():
        if spec.convertible or not spec.is_network or not too_many_by_patch(dataset):
            continue
        valid = ", model.padding=valid" if "valid" in spec.architecture.paddings else ""
        raise UserError(
            f"`{where}` must name figures of every trial, but {of_all[0]} is of all labelled "
            f"pixels of validation, which model={spec.name} with padding={spec.padding} scores one "
            f"by one: more than {MOST_BY_PATCH} are left out, and here are {_labelled(dataset)}; "
            f"the choices are train.validation=pieces{valid} or figures of val/ and cost/."
        )


def _labelled(dataset: Dataset) -> int:
    """Return the number of pixels of the validation squares."""
    return sum(region.box.size for region in dataset.regions("val"))
