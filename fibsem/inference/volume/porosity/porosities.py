"""All porosities in the summary of a volume: by labels, corrected, by seed and by member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fibsem.inference.volume.plan import ScorerOf
from fibsem.inference.volume.porosity.boundary import porosity_per_px_of_boundary
from fibsem.inference.volume.porosity.by_seed import porosity_by_seed
from fibsem.inference.volume.porosity.interval import corrected_porosity
from fibsem.inference.volume.porosity.members import porosity_by_member
from fibsem.inference.volume.porosity.reading import Reading
from fibsem.inference.volume.porosity.tested import FilmSquares
from fibsem.inference.volume.summary import porosity_of
from fibsem.inference.volume.work import Work
from fibsem.system.summaries.porosity import FilmPorosity
from fibsem.system.summaries.segmentation import FilmOfDataset


@dataclass(frozen=True)
class Porosities:
    """All porosities of a volume, for its summary.

    Attributes
    ----------
    film
        Porosity by labels, corrected porosity, interval, and porosities by seed and member.
    of_dataset
        Missing slices that have material, and the name of the film in the dataset that the model
        was tested on, None for other films.
    """

    film: FilmPorosity
    of_dataset: FilmOfDataset


def porosities(
    work: Work,
    pores: Sequence[int | None],
    tested: Sequence[FilmSquares],
    scorer_of: ScorerOf,
    models: int,
) -> Porosities:
    """Compute all porosities of a volume from the pore counts of its slices.

    Parameters
    ----------
    work, scorer_of
        The segmentation, and its scorers.
    pores
        Pore pixels by slice; None for slices that are missing or have no material.
    tested
        Test squares of the films that the model was tested on.
    models
        Number of bundles in ``weights``; test squares belong to a single one.
    """
    by_map = porosity_of(work.volume.path, pores, work.pixels)
    slices = work.digests if tested else {}
    mine = [film for film in tested if film.is_of(work.volume.shape, slices)]
    others = [film for film in tested if film not in mine]
    options = replace(work.options, symmetry=work.segmenter.symmetry)
    per_px = porosity_per_px_of_boundary(work.outputs, work.ledger.slices())
    reading = (
        Reading.of(work.plan.extent, work.options.valid, work.volume.value_range) if mine else None
    )
    squares = FilmSquares.most(mine, reading) if mine else None
    mapped = by_map.porosity
    corrected = corrected_porosity(
        squares,
        mapped,
        [*filter(None, [squares]), *others],
        options,
        per_px,
        reading,
        models,
        work.plan.rounded,
    )
    film = FilmPorosity(
        porosity=mapped,
        porosity_ci=by_map.interval,
        porosity_corrected=corrected.porosity,
        porosity_interval=corrected.interval,
        porosity_by_member=porosity_by_member(work, scorer_of, mapped, by_map.missing),
        porosity_by_seed=porosity_by_seed(squares, others),
        porosity_per_px_of_boundary=per_px,
    )
    of_dataset = FilmOfDataset(missing=by_map.missing, sample=squares.sample if squares else None)
    return Porosities(film, of_dataset)
