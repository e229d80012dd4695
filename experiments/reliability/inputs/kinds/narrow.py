"""Films of few grey values far from their fill, and clipped pores in films that were moved.

Right is a porosity of the material that is found within 0.2 percentage points of that of the
visible part, with at most 1 % of the material lost. The truth replaces labels; fill counts as pore.
"""

import numpy as np
from scipy import ndimage

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume

SHAPE = (24, 200, 220)
_rng = np.random.default_rng(0)
_field = ndimage.gaussian_filter(_rng.standard_normal(SHAPE), (1, 4, 4))
PORES = _field < np.quantile(_field, 0.3)
GREY = np.clip(np.where(PORES, 85, 150) + 22 * _rng.standard_normal(SHAPE), 1, 254)
CLIPPED = np.clip((GREY - 110) * 255 / 145, 0, 255)
#: How a film is stored: data type, mapping of grey values from 0 to 255, fill.
STORED = {
    "uint16, 32000 to 32255": (np.uint16, lambda grey: grey + 32000, 0),
    "uint16, 32000 to 32255, white fill": (np.uint16, lambda grey: grey + 32000, 65535),
    "uint16, 8000 to 10040": (np.uint16, lambda grey: 8 * grey + 8000, 0),
    "12 bits of 16": (np.uint16, lambda grey: 16 * grey, 65535),
    "float32, 0.4 to 0.42": (np.float32, lambda grey: 0.4 + grey / 12750, 0),
    "uint8, 100 to 115": (np.uint8, lambda grey: 100 + grey // 16, 0),
    "int16, -31000 to -30745": (np.int16, lambda grey: grey - 31000, 32767),
}


def shifted(stack, fill, order, by):
    """Shift every slice by ``by(z)`` pixels; order 1 interpolates."""
    moves = [by(z) for z in range(len(stack))]
    return np.stack(
        [
            ndimage.shift(image, move, order=order, cval=fill)
            for image, move in zip(stack, moves, strict=True)
        ]
    )


def drift(z):
    return 2 * z, 2 * (23 - z)


def jitter(seed, order):
    moves = np.random.default_rng(seed).uniform(-12, 12, (SHAPE[0], 2))
    return (moves if order else np.rint(moves)).__getitem__


def compared(stack, pores, seen):
    """Return a check of the porosity in the extent that is found, with all fill as pores."""

    def right():
        extent = find_extent(ArrayVolume(stack))
        inside = [extent.inside(z) for z in range(len(seen))]
        left = np.stack([np.ones(SHAPE[1:], bool) if one is None else one for one in inside])
        found, wanted = (pores | ~seen)[left].mean(), pores[seen].mean()
        return abs(found - wanted) <= 0.002 and np.mean(~left & seen) <= 0.01

    return right


def moved(grey, dtype, fill, order, by):
    seen = shifted(np.ones(SHAPE), 0, order, by) > 0.999
    pores = shifted(PORES.astype(float), 0, order, by) > 0.5
    stack = shifted(grey.astype(float), fill, order, by)
    return compared(stack.astype(dtype), pores, seen)


def inputs():
    everywhere = np.ones(SHAPE, bool)
    for name, (dtype, of, fill) in STORED.items():
        grey = of(GREY).astype(dtype)
        yield f"{name}, clean", compared(grey, PORES, everywhere)
        yield f"{name}, drift", moved(grey, dtype, fill, 0, drift)
        yield f"{name}, jitter", moved(grey, dtype, fill, 0, jitter(1, 0))
        seen, cut = everywhere.copy(), grey.copy()
        seen[:, -30:], cut[:, -30:] = False, fill
        yield f"{name}, rows of fill", compared(cut, PORES, seen)
        seen, cut = everywhere.copy(), grey.copy()
        seen[4:12, 64:128, 64:144], cut[4:12, 64:128, 64:144] = False, fill
        yield f"{name}, a block", compared(cut, PORES, seen)
    for seed in range(1, 7):
        for order in (0, 1, 3):
            name = f"clipped pores, jitter {seed}, order {order}"
            seen = shifted(np.ones(SHAPE), 0, min(order, 1), jitter(seed, order)) > 0.999
            pores = shifted(PORES.astype(float), 0, min(order, 1), jitter(seed, order)) > 0.5
            stack = np.clip(shifted(CLIPPED, 0, order, jitter(seed, order)), 0, 255)
            yield name, compared(stack.astype(np.uint8), pores, seen)
