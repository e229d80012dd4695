"""Text descriptions of a porosity: estimate, interval, and spreads and shifts beside it.

Only intervals that claim to contain the truth are in brackets. The thesis's interval over slices
assumes that the map is true; it comes last, and is described as such.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from fibsem.analysis.intervals import one_pixel_off, with_interval
from fibsem.system.summaries.porosity import FilmPorosity, Interval


def porosity_text(film: FilmPorosity) -> str:
    """Describe a porosity in one line, as in a summary.

    >>> own = Interval((0.42, 0.48), squares=6)
    >>> porosity_text(FilmPorosity(0.413, (0.406, 0.421), 0.45, own))
    '45.00 % [42.00, 48.00], corrected by test squares of 6 places; map 41.30 % (were it true, \
its slices would say 40.60 to 42.10 %)'
    >>> porosity_text(FilmPorosity(0.413, (0.406, 0.421), None, Interval(why="no squares")))
    '41.30 % by the map, no interval: no squares; were the map true, its slices would say 40.60 to \
42.10 %'
    """
    plain, slices = f"{100 * film.porosity:.2f} %", by_slices_text(film)
    if film.porosity_corrected is not None:
        map_ = f"map {plain}" + (
            f" (were it true, its slices would say {slices})" if slices else ""
        )
        return "; ".join([corrected_text(film), map_])
    last = f"; were the map true, its slices would say {slices}" if slices else ""
    return f"{plain} by the map, {corrected_text(film)}{last}"


def corrected_text(film: FilmPorosity) -> str:
    """Describe the porosity corrected by test squares, or why there is none, and what is beside it.

    >>> own = Interval((0.42, 0.48), squares=6)
    >>> corrected_text(FilmPorosity(0.413, None, 0.45, own, porosity_per_px_of_boundary=0.05))
    '45.00 % [42.00, 48.00], corrected by test squares of 6 places; 37.00 to 53.00 % if every \
outline were drawn one pixel off'
    >>> corrected_text(FilmPorosity(0.413, None, 0.45, Interval(squares=8, slices=(240, 299))))
    '45.00 %, corrected by test squares of 8 places, all of slices 240 to 299'
    >>> from fibsem.system.summaries.porosity import Members, Seeds
    >>> none = Interval(why="no squares")
    >>> members, seeds = Members((0.44, 0.41)), Seeds(sd=0.01, seeds=3, on="squares at 0.5")
    >>> corrected_text(FilmPorosity(0.413, None, None, none, members, seeds))
    'no interval: no squares; members alone 41.00 to 44.00 %; s.d. over 3 seeds 1.00 points, \
on squares at 0.5'
    >>> shifted = FilmPorosity(0.413, porosity_interval=none, porosity_assuming_label_shift=0.45)
    >>> corrected_text(shifted)
    'no interval: no squares; 45.00 % by its probabilities (assumes label shift)'
    >>> from fibsem.system.summaries.figures import Agreement
    >>> apart = Agreement(("A", "B"), 4, 0.913, 0.021)
    >>> corrected_text(FilmPorosity(0.413, porosity_interval=none, agreement=apart))
    'no interval: no squares; annotators 2.10 points apart on 4 squares'
    """
    return "; ".join([_by_squares(film), *_beside(film)])


def by_slices_text(film: FilmPorosity) -> str:
    """Format the interval over slices as "low to high %", or "" if there is none."""
    return _range(film.porosity_ci)


def no_interval_text(film: FilmPorosity) -> str:
    """Return why the film has no interval, or "" if its porosity was corrected.

    >>> no_interval_text(FilmPorosity(0.413, porosity_interval=Interval(why="no squares")))
    'no squares'
    """
    if film.porosity_corrected is not None:
        return ""
    return (film.porosity_interval or Interval()).why or "an older version made it"


def label_shift_text(film: FilmPorosity) -> str:
    """Format the porosity under label shift, or "" if unknown or if test squares corrected it."""
    shifted = film.porosity_assuming_label_shift
    if shifted is None or film.porosity_corrected is not None:
        return ""
    return f"{100 * shifted:.2f} % by its probabilities (assumes label shift)"


def one_pixel_off_text(film: FilmPorosity) -> str:
    """Format the range of porosity if every outline were drawn one pixel off, or "" if unknown.

    Without an interval, it is the change of the map's porosity.

    >>> one_pixel_off_text(FilmPorosity(0.413, porosity_per_px_of_boundary=0.05))
    '± 5.00 points'
    """
    interval, per_px = film.porosity_interval, film.porosity_per_px_of_boundary
    ends = interval and interval.ends
    if per_px is None:
        return ""
    return _range(one_pixel_off(ends, per_px)) if ends else f"± {100 * per_px:.2f} points"


def members_text(film: FilmPorosity) -> str:
    """Format the range of porosities of single ensemble members, or "" if unknown."""
    members = film.porosity_by_member
    return _range((min(members.each), max(members.each))) if members and members.each else ""


def seeds_text(film: FilmPorosity) -> str:
    """Describe the spread over training seeds, or why it is unknown; "" for older records.

    >>> from fibsem.system.summaries.porosity import Seeds
    >>> seeds_text(FilmPorosity(0.413, porosity_by_seed=Seeds(why="promote rank.k=2 does")))
    'seeds not compared (promote rank.k=2 does)'
    """
    seeds = film.porosity_by_seed
    if not seeds:
        return ""
    if seeds.sd is None:
        return f"seeds not compared ({seeds.why})"
    return f"s.d. over {seeds.seeds} seeds {100 * seeds.sd:.2f} points, on {seeds.on}"


def _beside(film: FilmPorosity) -> Iterator[str]:
    """Yield the spreads and shifts that are reported beside an interval but not part of it."""
    if shifted := label_shift_text(film):
        yield shifted
    if off := one_pixel_off_text(film):
        yield f"{off} if every outline were drawn one pixel off"
    if members := members_text(film):
        yield f"members alone {members}"
    if seeds := seeds_text(film):
        yield seeds
    if people := film.agreement:
        apart = 100 * people.porosity_difference
        yield f"annotators {apart:.2f} points apart on {people.squares} squares"


def _by_squares(film: FilmPorosity) -> str:
    corrected, interval = film.porosity_corrected, film.porosity_interval or Interval()
    if corrected is None:
        return f"no interval: {no_interval_text(film)}"
    text = with_interval(corrected, interval.ends, 2, 100, " %")
    first, last = interval.slices or (None, None)
    slices = "" if first is None else f", all of slices {first} to {last}"
    return f"{text}, corrected by test squares of {interval.squares} places{slices}"


def _range(ends: Sequence[float | None] | None) -> str:
    finite = [end for end in ends or () if end is not None and math.isfinite(end)]
    return f"{100 * finite[0]:.2f} to {100 * finite[1]:.2f} %" if len(finite) == 2 else ""
