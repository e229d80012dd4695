"""Every porosity that is told of a volume: of the map, corrected, by seed and by member."""

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
from fibsem.system.records import Record
from fibsem.system.summaries.porosity import FilmPorosity


@dataclass(frozen=True)
class Porosities:
    """What is told of the porosity of a volume.

    Attributes
    ----------
    film
        Of the map, what is told with it, its interval, and what is added to none.
    missing
        Slices that have material and are not there.
    sample
        Name of the film among those that the model was tested on; None where it is none of them.
    """

    film: FilmPorosity
    missing: tuple[int, ...]
    sample: str | None

    def to_json(self) -> Record:
        """What the summary says of it."""
        return {
            **self.film.to_json(), "missing": list(self.missing), "sample": self.sample,
        }  # fmt: skip


def porosities(
    work: Work,
    pores: Sequence[int | None],
    tested: Sequence[FilmSquares],
    scorer_of: ScorerOf,
    models: int,
) -> Porosities:
    """Every porosity of a volume whose slices have so many pores.

    Parameters
    ----------
    work, scorer_of
        A segmentation, and by what it is scored.
    pores
        By slice; None where one is missing.
    tested
        Test squares of the films that the model was tested on.
    models
        How many there are: squares are of one.
    """
    by_map = porosity_of(work.volume.path, pores, work.pixels)
    mine = [film for film in tested if film.is_of(work.volume)]
    others = [film for film in tested if film not in mine]
    options = replace(work.options, symmetry=work.segmenter.symmetry)
    per_px = porosity_per_px_of_boundary(work)
    reading = (
        Reading.of(work.plan.extent, work.options.valid, work.volume.value_range) if mine else None
    )
    own = FilmSquares.most(mine, reading) if mine else None
    mapped = by_map.porosity
    corrected = corrected_porosity(
        own,
        mapped,
        [*filter(None, [own]), *others],
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
        porosity_by_seed=porosity_by_seed(own, others),
        porosity_per_px_of_boundary=per_px,
    )
    return Porosities(film, by_map.missing, own.sample if own else None)
