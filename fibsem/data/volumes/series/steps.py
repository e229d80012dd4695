"""Steps of slice numbers: whether they are even, and how many numbers are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from fibsem.data.volumes.series.names import Name, Number, Value


def gaps_of(numbers: Sequence[Number]) -> list[int] | None:
    """How many are left out between each number and the next; None if the steps are not even."""
    pairs = list(pairwise(number.value for number in numbers))
    if not pairs:
        return None
    step = step_of(numbers)
    if any((b - a) % step for a, b in pairs) or (len(pairs) == 1 and step != numbers[0].unit):
        return None
    gaps = [int((b - a) // step) - 1 for a, b in pairs]
    # of a-2, a-1, a1, a2 the hyphens are no minus
    broken = any(gap and a < 0 <= b for (a, b), gap in zip(pairs, gaps, strict=True))
    return None if broken else gaps


def step_of(numbers: Sequence[Number]) -> Value:
    """The most frequent difference between neighbours, the smallest of several."""
    counts = Counter(b.value - a.value for a, b in pairwise(numbers))
    most = max(counts.values())
    return min(d for d, count in counts.items() if count == most)


def uneven(names: Sequence[Name], k: int) -> str:
    """The first two neighbours whose step is not that of the others."""
    step = step_of([name.numbers[k] for name in names])
    pairs = [(a, b) for a, b in pairwise(names)]
    odd = [pair for pair in pairs if (pair[1].numbers[k].value - pair[0].numbers[k].value) % step]
    a, b = (odd or pairs)[0]
    return f"{a.file} and {b.file}"


def between(a: Name, b: Name, count: int) -> Iterator[str]:
    """Names of lost slices, written like the one before them."""
    first, last = ([number.value for number in name.numbers] for name in (a, b))
    for k in range(1, count + 1):
        part = Fraction(k, count + 1)
        yield a.with_values([x + (y - x) * part for x, y in zip(first, last, strict=True)])
