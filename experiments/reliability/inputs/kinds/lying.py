"""Arrays and stacks with their axes in another order: right is to say so, of no film as it is."""

import numpy as np
from kinds.odd_slices import film

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume

#: Orders of axes in which programs pass on an array (z, y, x).
ORDERS = {"z x y": (0, 2, 1), "y z x": (1, 0, 2), "x z y": (2, 0, 1), "y x z": (1, 2, 0),
          "x y z": (2, 1, 0)}  # fmt: skip


def said(stack, wanted):
    """Return a check that a wrong order of the axes is reported if and only if ``wanted``."""

    def right():
        doubts = find_extent(ArrayVolume(np.ascontiguousarray(stack))).doubts
        return any("are the axes z, y, x" in line for line in doubts) == wanted

    return right


def inputs():
    rng = np.random.default_rng(0)
    for smooth in (0.0, 0.7, 1.0):
        stack = film(0, smooth, depth=48)
        yield f"as it is, {smooth}", said(stack, False)
        for name, order in ORDERS.items():
            yield f"{name}, {smooth}", said(stack.transpose(order), name != "z x y")
    for seed in (1, 2):
        cubes = film(seed, 4.0, depth=48)
        yield f"cubes, {seed}", said(cubes, False)
        yield f"cubes, x y z, {seed}", said(cubes.transpose(2, 1, 0), False)
    stack = film(3, 0.7, depth=48)
    for name, shape in {
        "lines": (48, 96, 1),
        "curtains": (48, 1, 112),
        "flicker": (48, 1, 1),
    }.items():
        yield name, said(np.clip(stack + rng.normal(0, 15, shape), 0, 255).astype(np.uint8), False)
    yield "strong noise", said(film(4, 0.7, noise=40, depth=48), False)
    yield "a row", said(stack[:, :1], False)
    yield "a column", said(stack[:, :, :1], False)
