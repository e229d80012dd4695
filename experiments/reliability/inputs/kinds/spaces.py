"""Search spaces as people write them: each draw as often as is promised, or one line.

Right are draws within the bounds, at frequencies within five standard errors of the promised ones.
"""

from collections import Counter
from itertools import islice

import numpy as np

from fibsem.config import compose
from fibsem.search import read_space

DRAWS = 3000
RATE, BLOCKS = "space.axes.train.learning_rate", "~space.axes.model.blocks"
#: Lower and upper bound of an enumerated axis of whole numbers, and its number of parts.
WHOLE = [(1, 6, 5), (1, 3, 5), (1, 3, 2), (2, 9, 5), (1, 12, 7), (4, 64, 5)]
#: Overrides that are mistakes, and that nothing else would report.
ODD = [
    "space.strata=abc", "space.strata=2.7", "space.strata=0", "space.strata=true",
    f"{RATE}={{low: a, high: b}}", f"{RATE}={{low: 0.001, high: null}}",
    f"{RATE}={{low: 0.1, high: 0.001}}", f"{RATE}={{low: 0.001, high: 0.1, log: 'false'}}",
    f"{RATE}={{low: true, high: 2}}", "+space.limit=[]", "+space.enumerated=[]", "+space.axis={}",
    "+space.axes.train.batch={low: 4.5, high: 7.5, int: true}",
    "+space.axes.train.batch={low: 4, high: 8}", "+space.axes.train.batch=[8,many]",
    "+space.axes.train.batch=[8,8,16]", "space.axes.model.kernel=[3,4]",
    "space.axes.model.filters=[8,8]", "space.axes.model.filters=[8,-3]",
    "space.axes.model.filters=[8,abc]", "space.axes.model.kernel=[3,3.5]",
    "+space.axes.nbhd=[11x11x3,12x12x3]", "+space.axes.nbhd=[11x11x3,11]",
    "space.axes.model.dense_layers={values: [1, 2], when: {model.blocks: [7]}}",
]  # fmt: skip


def space_of(*overrides):
    return read_space(compose("sweep", ["model=2dcnn", "nbhd=33x33x3", *overrides]))


def drawn(low, high, strata, log):
    """Return a check that enumerated whole numbers have the frequencies of draws by Optuna."""

    def right():
        axis = f"+space.axes.train.batch={{low: {low}, high: {high}, int: true, log: {log}}}"
        parts = ["space.enumerate=[train.batch]", f"space.strata={strata}"]
        plan = space_of(axis, *parts).plan(0)
        counts = Counter(point["train.batch"] for point in islice(plan, DRAWS))
        numbers = np.arange(low, high + 1)
        edges = np.append(numbers - 0.5, high + 0.5)
        shares = np.diff(np.log(edges) if log == "true" else edges)
        shares /= shares.sum()
        error = 5 * np.sqrt(shares * (1 - shares) / DRAWS)
        found = np.array([counts[number] for number in numbers]) / DRAWS
        return set(counts) <= set(numbers) and bool(np.all(np.abs(found - shares) <= error))

    return right


def fitting(nbhd, enumerated):
    """Return a check that a range of blocks gives the same fitting values as a list."""

    def right():
        size = f"nbhd={nbhd}"
        how = [size, f"space.enumerate=[{enumerated}]"]
        ranged = "+space.axes.model.blocks={low: 1, high: 6, int: true}"
        listed = "+space.axes.model.blocks=[1,2,3,4,5,6]"
        one, other = (space_of(*how, BLOCKS, axis) for axis in (ranged, listed))
        points = [[p["model.blocks"] for p in islice(s.plan(0), 60)] for s in (one, other)]
        return set(points[0]) == set(points[1])

    return right


def refused(override):
    def right():
        given = override
        if ".model." in override and not override.startswith("+"):
            given = [f"~{override.partition('=')[0]}", f"+{override}"]
        next(space_of(*([given] if isinstance(given, str) else given)).plan(0))
        return False

    return right


def inputs():
    for low, high, strata in WHOLE:
        for log in ("false", "true"):
            yield f"{low} to {high} in {strata}, log {log}", drawn(low, high, strata, log)
    for nbhd in ("11x11x3", "33x33x3", "81x81x3"):
        for enumerated in ("", "model.blocks"):
            yield f"blocks at {nbhd}, enumerated: {enumerated}", fitting(nbhd, enumerated)
    for override in ODD:
        yield override, refused(override)
