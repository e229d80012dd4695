"""Compares a volume with the training data of its models, before it is labelled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

from fibsem.analysis.structure.film import Phases
from fibsem.data.greys import FilmGreys, greys_of
from fibsem.data.preprocessing import Scaling, evenly_spaced
from fibsem.data.volumes import VoxelNm
from fibsem.data.volumes.lengths import unlikely
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.volume.before.bands import one_class_bands
from fibsem.inference.volume.before.likeness import (
    TrainedOn,
    assumed_axes,
    clipped,
    grey_distance,
    grey_warnings,
    mirrored,
    overruled,
    removing_nothing,
    scale_warnings,
    size_warnings,
)
from fibsem.inference.volume.ledger.decisions import Likeness
from fibsem.inference.volume.plan import Say
from fibsem.inference.volume.porosity.members import contradicting
from fibsem.inference.volume.work import Work
from fibsem.system.summaries.porosity import FilmPorosity
from fibsem.system.summaries.segmentation import AppliedCalibration, BesideTraining

#: Number of slices in which grey values outside the range are counted.
SLICES = 5


def compare(work: Work, stated: VoxelNm, trained: Sequence[TrainedOn], say: Say) -> Likeness:
    """Compare the grey values of a volume with those of the training; warn of differences.

    Grey values are compared once, and the result is kept in the ledger; voxel sizes and the range
    are checked at every start.
    """
    volume, greys = work.volume, work.ledger.decided.greys
    sizes = [*mirrored(volume.shape, work.segmenter.halo)]
    if volume.may_clip:
        stored = volume.readable(evenly_spaced(work.depth, SLICES))
        sizes += clipped(stored, volume.value_range)
    sizes += unlikely(stated, volume.voxel_nm)
    sizes += removing_nothing(work.options.min_volume_nm3, work.outputs.voxel_nm)
    if trained:
        sizes += [*overruled(stated, volume.voxel_nm), *size_warnings(stated, trained)]
    for warning in sizes:
        say(f"warning: {warning}")
    if greys is None:
        scaling = work.segmenter.recipe.scaling
        film_greys = greys_of(work.corrected) if trained else None
        greys = _unlike(film_greys, trained, scaling) if film_greys else Likeness(None, ())
        work.ledger.decide(greys=greys)
        for warning in greys.warnings:
            say(f"warning: {warning}")
    return replace(greys, warnings=(*sizes, *greys.warnings))


def _unlike(film_greys: FilmGreys, trained: Sequence[TrainedOn], scaling: Scaling) -> Likeness:
    """Distance of grey values, if the models have those of their training, and warnings."""
    greys = [model.greys for model in trained if model.greys]
    far = grey_distance(film_greys.histogram, greys) if greys else None
    scales = scale_warnings(film_greys.moments, [model.moments for model in trained], scaling)
    return Likeness(far, (*grey_warnings(far, len(greys)), *scales))


def of_training(
    segmenter: Segmenter, stated: VoxelNm, trained: Sequence[TrainedOn], likeness: Likeness
) -> BesideTraining:
    """Record of how a volume compares with the training data of its models, for the summary."""
    alone = len(trained) == 1 and segmenter.symmetry == 1
    # slope and offset of the probabilities, and the share of solid that they assume
    share = trained[0].solid_share if alone else None
    return BesideTraining(
        voxel_nm_assumed=assumed_axes(stated, trained),
        calibration=AppliedCalibration(**asdict(segmenter.platt), solid_share=share),
        grey_distance=likeness.grey_distance,
        warnings=likeness.warnings,
    )


def compare_labels(
    labels: Iterable[Phases], film: FilmPorosity, likeness: Likeness, say: Say
) -> Likeness:
    """Add warnings of sides with a single class, and of models that contradict each other."""
    warnings = [
        *one_class_bands(labels),
        *contradicting(film.porosity, film.porosity_by_member),
    ]
    for warning in warnings:
        say(f"warning: {warning}")
    return replace(likeness, warnings=(*likeness.warnings, *warnings))
