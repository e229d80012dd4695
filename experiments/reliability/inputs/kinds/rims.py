"""Fill in new shapes: fine and steep rims, wedges, cut corners, frames, touching tiles, stripes.

Right is a porosity of the material that is found within 0.3 percentage points of that of the
visible part, with at most 3 % of the material lost.

The truth replaces labels; fill counts as pore.
"""

import numpy as np
from scipy import ndimage

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume

SHAPE = (16, 200, 220)
_rng = np.random.default_rng(0)
_field = ndimage.gaussian_filter(_rng.standard_normal(SHAPE), (1, 4, 4))
PORES = _field < np.quantile(_field, 0.3)
GREY = np.clip(np.where(PORES, 85, 150) + 22 * _rng.standard_normal(SHAPE), 1, 254).astype(np.uint8)
SMOOTH = ndimage.gaussian_filter(_rng.standard_normal(SHAPE), (2, 8, 8), mode="wrap")
y, x = np.indices(SHAPE[1:])


def cut(*where):
    """Return a function that fills some boxes of the film, or pixels of every slice."""

    def spoil(stack, fill):
        new = stack.copy()
        for one in where:
            if isinstance(one, np.ndarray):
                new[:, one] = fill
            else:
                new[one] = fill
        return new

    return spoil


def mapped(matrix_of, offset_of=lambda z: (0, 0)):
    """Return a function that maps every slice affinely, with fill outside the original."""

    def spoil(stack, fill):
        new = np.empty_like(stack)
        for z, image in enumerate(stack):
            matrix = np.array(matrix_of(z), float)
            centre = (np.array(image.shape) - 1) / 2
            offset = centre - matrix @ centre + offset_of(z)
            new[z] = ndimage.affine_transform(image, matrix, offset, order=0, cval=float(fill))
        return new

    return spoil


def turned(degrees_of):
    def matrix(z):
        c, s = (f(np.deg2rad(degrees_of(z))) for f in (np.cos, np.sin))
        return [[c, s], [-s, c]]

    return mapped(matrix)


def moved(by):
    return mapped(lambda z: np.eye(2), by)


B = np.s_
FILLED = {
    **{f"{n} px at the top": cut(B[:, :n]) for n in (1, 2, 3, 5)},
    **{f"{n} px at the right": cut(B[:, :, -n:]) for n in (1, 2, 3, 5)},
    **{f"turned by {d}": turned(lambda z, d=d: d) for d in (-1, 1, 1.5, 3, 8, 12)},
    "turning": turned(lambda z: (z - 8) / 4),
    **{f"sheared by {k}": mapped(lambda z, k=k: [[1, 0], [k, 1]]) for k in (0.05, 0.1, 0.3)},
    **{f"a wedge of slope {k}": cut(y < k * (220 - x)) for k in (0.05, 0.1, 0.2, 0.5, 1.0)},
    **{f"a corner of {n} px": cut(x + y < n) for n in (30, 40, 60)},
    "smaller": mapped(lambda z: np.eye(2) * 1.1),
    "a pixel in eight slices": moved(lambda z: (-(z // 8), 0)),
    "to both sides": moved(lambda z: ((z - 8) / 4, (8 - z) / 4)),
    "to and fro": moved(lambda z: (-(z % 6), (z % 4) * 2)),
    "one slice by 30": moved(lambda z: (-30 * (z == 9), 0)),
    "half of the slices by 5": moved(lambda z: (-5 * (z > 7), -3 * (z > 7))),
    "the lower half of a slice": cut(B[7, 100:]),
    "every second slice": cut(B[::2]),
    "all but three slices": cut(B[:13]),
    "tiles round a corner": cut(B[:, :60, :60], B[:, :30, :120]),
    "tiles in a T": cut(B[:, 40:80, 40:160], B[:, 80:150, 80:120]),
    "tiles in a cross": cut(B[:, 60:140, 90:130], B[:, 80:120, 50:170]),
    "tiles corner to corner": cut(B[:, :50, :50], B[:, 50:100, 50:100]),
    "a frame of tiles": cut(B[:, 40:160, 40:80], B[:, 40:160, 120:160], B[:, 40:70, 40:160]),
}
CLEAN = {
    "clean": GREY,
    "clean, black pores": np.where(PORES, 0, GREY).astype(np.uint8),
    "clean, clipped pores": np.clip((GREY.astype(float) - 110) * 1.7, 0, 255).astype(np.uint8),
    "clean, white solid": np.where(PORES, GREY, 255).astype(np.uint8),
    "clean, smooth black pores": np.clip(60 + 60 * SMOOTH / SMOOTH.std(), 0, 255).astype(np.uint8),
}
KINDS = {"uint8": (np.uint8, 1), "uint16": (np.uint16, 200), "float32": (np.float32, 1 / 255)}


def measured(stack, pores, fill):
    def right():
        extent = find_extent(ArrayVolume(stack))
        inside = [extent.inside(z) for z in range(len(stack))]
        kept = np.stack([np.ones(SHAPE[1:], bool) if one is None else one for one in inside])
        if not kept.any():
            return False
        porosity = np.mean((fill | pores)[kept])
        given_up = np.mean(~kept[~fill])
        return abs(porosity - pores[~fill].mean()) <= 0.003 and given_up <= 0.03

    return right


def inputs():
    for name, spoil in FILLED.items():
        truth = spoil(PORES.astype(np.uint8) + 1, 0)
        for kind, (dtype, factor) in KINDS.items():
            stack = spoil((GREY * dtype(factor)).astype(dtype), 0)
            yield f"{name}, {kind}", measured(stack, truth == 2, truth == 0)
    for name, stack in CLEAN.items():
        yield name, measured(stack, PORES, np.zeros(SHAPE, bool))
