"""Order the slices of one stack in a folder by their file names, and find the lost ones.

All names must fit one pattern with one running number; other numbers are constant or run with it,
as in ``slice_00012_z=0.1200um.tif``. Names that do not fit are an error: a copy, a projection or
the images of a second detector would pass for slices.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from fibsem.data.volumes.series.increments import between, gaps_of, uneven
from fibsem.data.volumes.series.names import (
    Name,
    Value,
    are_shortened,
    literals,
    natural_key,
    readings,
)
from fibsem.data.volumes.series.pattern import Pattern, pattern_of
from fibsem.data.volumes.series.positions import spacing_nm
from fibsem.data.volumes.series.sorting import in_order
from fibsem.errors import UserError
from fibsem.system.advice import PATTERN

#: Maximum number of series and files that a message names.
NAMED = 4
#: Words between the number of a slice and the total.
OF = ("of", "von", "de", "sur", "di", "van", "av")


@dataclass(frozen=True)
class Slots:
    """The slices of a stack in order.

    ``lost`` are the indices of those without a file. ``z_nm`` is their distance in nm if the names
    state it, else None.
    """

    names: tuple[str, ...]
    lost: frozenset[int] = frozenset()
    z_nm: float | None = None

    @property
    def order(self) -> tuple[str | None, ...]:
        """File names in order, None for a lost slice."""
        return tuple(None if k in self.lost else name for k, name in enumerate(self.names))


def numbered(names: Sequence[str], where: object, pattern: str | None = None) -> Slots:
    """Put the files of a folder in order.

    Parameters
    ----------
    names
        Names of TIFF files; at least one.
    where
        Name of the folder in messages.
    pattern
        Selects one series, see `Pattern`.

    Raises
    ------
    UserError
        If the names are not exactly one series of evenly numbered slices.
    """
    if pattern is None:
        return _automatic(names, where)
    chosen = Pattern(pattern)
    picked = {name: match for name in names if (match := chosen.match(name))}
    if not picked:
        raise UserError(
            f"`{PATTERN}` must fit the names of slices, but {pattern} fits none of the "
            f"{len(names)} in {where}, such as {min(names, key=natural_key)}."
        )
    if chosen.sorts:
        return Slots(tuple(in_order([*picked], chosen, where)))
    return _run(list(picked.values()), where) if chosen.counts else _automatic([*picked], where)


def _automatic(names: Sequence[str], where: object) -> Slots:
    """Try all readings of the names; all that form a stack must form the same one."""
    ways = list(readings(names))
    single = [way for way in ways if len(_by_skeleton(way)) == 1]
    single = [way for way in single if _shortened(way)] or single
    single = [way for way in single if not _splits(way)] or single
    # z-1, z0, z1: only names without a hyphen show that it is a minus elsewhere
    signed = (
        [] if single else [w for w in readings(names, hyphens=True) if len(_by_skeleton(w)) == 1]
    )
    films, reasons = _films(single or signed, where)
    different = list({slots.order: slots for slots in films}.values())
    if len(different) == 1:
        return next((slots for slots in films if slots.z_nm), films[0])
    if different:
        way = (single or signed)[0]
        one, other = (", ".join(slots.names[:3]) for slots in different[:2])
        raise UserError(
            f"the numbers of slices must read in one way, but those in {where} are {one} and so on "
            f"or {other} and so on; `{PATTERN}` says which number runs, as in "
            f"{_at(pattern_of(way, _varying(way)))}."
        )
    if single:
        raise reasons[-1]  # of the last reading, where decimals and times are single numbers
    # the fewest series are the likeliest, and among those the reading with most complete stacks
    likely = min(
        map(_by_skeleton, ways), key=lambda groups: (len(groups), -len(_films(groups, where)[0]))
    )
    raise _several(likely, where)


def _films(groups: Iterable[list[Name]], where: object) -> tuple[list[Slots], list[UserError]]:
    """Return the stacks that groups of names form, and the errors of the other groups."""
    films, reasons = [], []
    for group in groups:
        try:
            films.append(_run(group, where))
        except UserError as error:
            reasons.append(error)
    return films, reasons


def _run(names: Sequence[Name], where: object) -> Slots:
    """Return the stack that names of one pattern form, or raise UserError."""
    varying = _varying(names)
    ordered = sorted(names, key=lambda name: (_values(name, varying), natural_key(name.file)))
    for a, b in pairwise(ordered):
        together = zip(_values(a, varying), _values(b, varying), strict=True)
        if not varying or not all(before < after for before, after in together):
            raise _not_one(ordered, varying, a, b, where)
    # the time between slices varies, so times only count if there is no other number
    telling = [k for k in varying if not names[0].numbers[k].is_time] or varying
    columns = [gaps_of([name.numbers[k] for name in ordered]) for k in telling]
    even = [gaps for gaps in columns if gaps is not None]
    if len(ordered) > 1 and not even:
        raise UserError(
            f"slices must be numbered in even steps, but {uneven(ordered, varying[0])} in {where} "
            f"are not; {_at(pattern_of(ordered, varying, '@'))} takes them by their numbers, "
            "without a look for lost ones."
        )
    if any(gaps != even[0] for gaps in even):
        raise UserError(
            f"the numbers in the names of slices must agree, but in {where} one runs on where "
            f"another leaves some out; `{PATTERN}` with one # says which counts, as in "
            f"{_at(pattern_of(ordered, varying[:1], '#', '*'))}."
        )
    slots = _filled(ordered, even[0] if even else [], where)
    _check_total(ordered[0], varying, slots, where)
    return replace(slots, z_nm=spacing_nm(ordered, varying, len(slots.names) - 1))


def _at(pattern: str) -> str:
    """Return the option with a pattern, quoted for a shell."""
    return PATTERN.at(f"'{pattern}'")


def _check_total(name: Name, varying: Sequence[int], slots: Slots, where: object) -> None:
    """Raise UserError if names such as ``3of12.tif`` state more slices; only an end can be lost."""
    between = literals(name.text, name.numbers)[1:-1]
    for k, text in enumerate(between):
        total = name.numbers[k + 1].value
        word = re.split(r"[\W_]+", text.casefold().rstrip(" _-"))[-1]
        is_total = k in varying and k + 1 not in varying and word in OF
        if is_total and total > len(slots.names):
            raise UserError(
                f"the slices of a film must be all that their names tell of, but {where} has "
                f"{len(slots.names)} of {total}, such as {name.file}; `{PATTERN}` with # takes "
                "those that are there."
            )


def _filled(names: Sequence[Name], gaps: Sequence[int], where: object) -> Slots:
    """Insert lost slices between the names, at most as many as there are names."""
    if sum(gaps) > len(names):
        k = max(range(len(gaps)), key=gaps.__getitem__)
        raise UserError(
            f"slices must be numbered without gaps, but {gaps[k]} are missing between "
            f"{names[k].file} and {names[k + 1].file} in {where}."
        )
    filled, lost = [names[0].file], set[int]()
    for (a, b), gap in zip(pairwise(names), gaps, strict=True):
        lost.update(range(len(filled), len(filled) + gap))
        filled += [*between(a, b, gap), b.file]
    return Slots(tuple(filled), frozenset(lost))


def _not_one(
    names: Sequence[Name], varying: Sequence[int], a: Name, b: Name, where: object
) -> UserError:
    """Return the error for a number that occurs twice, or for several series."""
    if len(varying) < 2:
        return UserError(
            f"a slice number must occur once, but {where} holds {a.file} and {b.file}."
        )
    running = max(varying, key=lambda k: len({name.numbers[k].value for name in names}))
    groups: dict[object, list[Name]] = defaultdict(list)
    for name in names:
        groups[tuple(_values(name, [k for k in varying if k != running]))].append(name)
    if 2 * len(groups) <= len(names):
        return _several(list(groups.values()), where)
    return UserError(
        "slices must differ in one number, or in numbers that grow together, but in "
        f"{where} {a.file} and {b.file} do not; `{PATTERN}` with # says which number runs."
    )


def _several(groups: Sequence[Sequence[Name]], where: object) -> UserError:
    """Return the error for a folder that holds several series."""
    largest = sorted(groups, key=len, reverse=True)
    patterns = [
        f"'{pattern_of(group, _varying(group))}' ({len(group)} files)"
        if len(group) > 1
        else group[0].file
        for group in largest[:NAMED]
    ]
    more = f" and {len(groups) - NAMED} more" if len(groups) > NAMED else ""
    return UserError(
        f"the slices of a film must fit one name pattern, but {where} holds "
        f"{', '.join(patterns)}{more}; `{PATTERN}` picks one series."
    )


def _by_skeleton(names: Iterable[Name]) -> list[list[Name]]:
    """Group names by what is left without their numbers."""
    groups: dict[str, list[Name]] = defaultdict(list)
    for name in names:
        groups[name.skeleton].append(name)
    return list(groups.values())


def _varying(names: Sequence[Name]) -> list[int]:
    """Return the indices of the numbers that are not the same in all names."""
    columns = zip(*([number.value for number in name.numbers] for name in names), strict=True)
    return [k for k, column in enumerate(columns) if len(set(column)) > 1]


def _shortened(way: Sequence[Name]) -> bool:
    """Whether any number is certainly a decimal in all names."""
    return any(map(are_shortened, zip(*(name.numbers for name in way), strict=True)))


def _splits(way: Sequence[Name]) -> bool:
    """Whether two running numbers are the parts of one number before and after its point."""
    between, varying = literals(way[0].text, way[0].numbers)[1:-1], _varying(way)
    return any(text in (".", ",") and {k, k + 1} <= {*varying} for k, text in enumerate(between))


def _values(name: Name, columns: Iterable[int]) -> list[Value]:
    return [name.numbers[k].value for k in columns]
