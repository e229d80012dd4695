"""A porosity in words: first what holds, then what stands beside it and is added to nothing.

An interval in brackets is one that claims to hold the truth. That of the thesis, over slices, takes
the map as true: it is told last, as what it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fibsem.analysis.intervals import one_pixel_off, with_interval

Record = Mapping[str, Any]


def porosity_text(record: Record) -> str:
    """What a summary says of a porosity, in a line.

    >>> film = {"porosity": 0.413, "porosity_ci": [0.406, 0.421]}
    >>> own = {"volume": [0.42, 0.48], "squares": 6, "why": None}
    >>> porosity_text({**film, "porosity_corrected": 0.45, "porosity_interval": own})
    '45.00 % [42.00, 48.00], corrected by 6 test squares; map 41.30 % (were it true, its slices \
would say 40.60 to 42.10 %)'
    >>> porosity_text({**film, "porosity_interval": {"volume": None, "why": "no squares"}})
    '41.30 % by the map, no interval: no squares; were the map true, its slices would say 40.60 to \
42.10 %'
    """
    plain, slices = f"{100 * record['porosity']:.2f} %", by_slices_text(record)
    if record.get("porosity_corrected") is not None:
        map_ = f"map {plain}" + (
            f" (were it true, its slices would say {slices})" if slices else ""
        )
        return "; ".join([corrected_text(record), map_])
    last = f"; were the map true, its slices would say {slices}" if slices else ""
    return f"{plain} by the map, {corrected_text(record)}{last}"


def corrected_text(record: Record) -> str:
    """The porosity as corrected by test squares, or why it is not; and what stands beside it.

    >>> own = {"volume": [0.42, 0.48], "squares": 6, "why": None}
    >>> told = {"porosity_corrected": 0.45, "porosity_interval": own}
    >>> corrected_text({**told, "porosity_per_px_of_boundary": 0.05})
    '45.00 % [42.00, 48.00], corrected by 6 test squares; 37.00 to 53.00 % if every outline were \
drawn one pixel off'
    >>> seeds = {"sd": 0.01, "seeds": 3, "on": "validation squares"}
    >>> members = {"each": [0.44, 0.41]}
    >>> beside = {"porosity_by_member": members, "porosity_by_seed": seeds}
    >>> corrected_text({"porosity_interval": {"why": "no squares"}, **beside})
    'no interval: no squares; members alone 41.00 to 44.00 %; s.d. over 3 seeds 1.00 points, \
on validation squares'
    >>> shift = {"porosity_assuming_label_shift": 0.45}
    >>> corrected_text({"porosity_interval": {"why": "no squares"}, **shift})
    'no interval: no squares; 45.00 % by its probabilities (assumes label shift)'
    """
    return "; ".join([_by_squares(record), *_beside(record)])


def by_slices_text(record: Record) -> str:
    """The interval over slices as from where to where; empty where there is none."""
    return _range(record.get("porosity_ci"))


def label_shift_text(record: Record) -> str:
    """What the probabilities of a film without squares of its own say, marked; else empty."""
    found = record.get("porosity_assuming_label_shift")
    if found is None or record.get("porosity_corrected") is not None:
        return ""
    return f"{100 * found:.2f} % by its probabilities (assumes label shift)"


def one_pixel_off_text(record: Record) -> str:
    """From where to where, if every outline were drawn one pixel off; empty where unknown.

    Without an interval, what the porosity of the map would change by.

    >>> one_pixel_off_text({"porosity_per_px_of_boundary": 0.05})
    '± 5.00 points'
    """
    ends, per_px = _ends(record), record.get("porosity_per_px_of_boundary")
    if per_px is None:
        return ""
    return _range(one_pixel_off(ends, per_px)) if ends else f"± {100 * per_px:.2f} points"


def members_text(record: Record) -> str:
    """Least and most porosity that a member of an ensemble finds alone."""
    each = (record.get("porosity_by_member") or {}).get("each")
    return _range((min(each), max(each))) if each else ""


def seeds_text(record: Record) -> str:
    """How far trainings with other seeds are apart, or why nobody knows; empty of an older record.

    >>> seeds_text({"porosity_by_seed": {"sd": None, "why": "promote rank.k=2 does"}})
    'seeds not compared (promote rank.k=2 does)'
    """
    seeds = record.get("porosity_by_seed")
    if not seeds:
        return ""
    if seeds.get("sd") is None:
        return f"seeds not compared ({seeds.get('why')})"
    count, where = seeds["seeds"], seeds["on"]
    return f"s.d. over {count} seeds {100 * seeds['sd']:.2f} points, on {where}"


def _beside(record: Record) -> Iterator[str]:
    """What is shown beside an interval and added to none, where it is known."""
    if shifted := label_shift_text(record):
        yield shifted
    if off := one_pixel_off_text(record):
        yield f"{off} if every outline were drawn one pixel off"
    if members := members_text(record):
        yield f"members alone {members}"
    if seeds := seeds_text(record):
        yield seeds


def _by_squares(record: Record) -> str:
    corrected, interval = record.get("porosity_corrected"), record.get("porosity_interval") or {}
    if corrected is None:
        return f"no interval: {interval.get('why') or 'an older version made it'}"
    text = with_interval(corrected, interval["volume"], 2, 100, " %")
    return f"{text}, corrected by {interval['squares']} test squares"


def _ends(record: Record) -> tuple[float, float] | None:
    low, high = (record.get("porosity_interval") or {}).get("volume") or (None, None)
    return None if low is None or high is None else (low, high)


def _range(ends: Sequence[float | None] | None) -> str:
    known = [end for end in ends or () if end is not None and math.isfinite(end)]
    return f"{100 * known[0]:.2f} to {100 * known[1]:.2f} %" if len(known) == 2 else ""
