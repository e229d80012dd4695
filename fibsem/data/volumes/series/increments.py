"""Increments of slice numbers: whether they are even, and how many numbers are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from fibsem.data.volumes.series.names import Name, Number, Value


def gaps_of(numbers: Sequence[Number]) -> list[int] | None:
    """Return how many numbers are missing in each step, or None if the steps are not even."""
    pairs = list(pairwise(number.value for number in numbers))
    if not pairs:
        return None
    step = step_of(numbers)
    if any((b - a) % step for a, b in pairs) or (len(pairs) == 1 and step != numbers[0].unit):
        return None
    gaps = [int((b - a) // step) - 1 for a, b in pairs]
    # in a-2, a-1, a1, a2 the hyphens are no minus signs
    broken = any(gap and a < 0 <= b for (a, b), gap in zip(pairs, gaps, strict=True))
    return None if broken else gaps


def step_of(numbers: Sequence[Number]) -> Value:
    """Return the most frequent difference of neighbours, the smallest one in case of a tie."""
    counts = Counter(b.value - a.value for a, b in pairwise(numbers))
    most = max(counts.values())
    return min(d for d, count in counts.items() if count == most)


def uneven(names: Sequence[Name], k: int) -> str:
    """Name the first two neighbours whose step differs from the others."""
    step = step_of([name.numbers[k] for name in names])
    pairs = [(a, b) for a, b in pairwise(names)]
    odd = [pair for pair in pairs if (pair[1].numbers[k].value - pair[0].numbers[k].value) % step]
    a, b = (odd or pairs)[0]
    return f"{a.file} and {b.file}"


def between(a: Name, b: Name, count: int) -> Iterator[str]:
    """Yield names for lost slices, formatted like the slice before them."""
    first, last = ([number.value for number in name.numbers] for name in (a, b))
    for k in range(1, count + 1):
        share = Fraction(k, count + 1)
        yield a.with_values([x + (y - x) * share for x, y in zip(first, last, strict=True)])
