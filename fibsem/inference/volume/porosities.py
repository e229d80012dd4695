"""Every porosity that is told of a volume: of the map, corrected, by seed and by member."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fibsem.inference.volume.boundary import porosity_per_px_of_boundary
from fibsem.inference.volume.by_seed import porosity_by_seed
from fibsem.inference.volume.interval import corrected_porosity
from fibsem.inference.volume.members import porosity_by_member
from fibsem.inference.volume.plan import ScorerOf
from fibsem.inference.volume.reading import Reading
from fibsem.inference.volume.summary import porosity_of
from fibsem.inference.volume.tested import FilmSquares
from fibsem.inference.volume.work import Work


def porosities(
    work: Work,
    pores: Sequence[int | None],
    tested: Sequence[FilmSquares],
    scorer_of: ScorerOf,
    models: int,
) -> dict[str, Any]:
    """Porosity of the map, what is told with it, its interval, and what is added to none."""
    by_map = porosity_of(work.volume.path, pores, work.pixels)
    own = next((film for film in tested if film.is_of(work.volume)), None)
    per_px = porosity_per_px_of_boundary(work)
    reading = (
        Reading.of(work.plan.extent, work.options.valid, work.volume.value_range) if own else None
    )
    mapped = by_map.porosity
    alone = porosity_by_member(work, scorer_of, mapped)
    corrected = corrected_porosity(
        own, mapped, tested, work.options, per_px, reading, models, work.plan.rounded
    )
    return {
        **by_map.to_json(),
        **corrected.to_json(),
        "porosity_per_px_of_boundary": per_px,
        "porosity_by_seed": porosity_by_seed(own, tested).to_json(),
        "sample": own and own.sample,
        "porosity_by_member": alone and alone.to_json(),
    }
