"""Shapes of which everything is known, on voxels of any spacing."""

import numpy as np

#: Cubes, and voxels as microscopes cut them.
SPACINGS = [(1.0, 1.0, 1.0), (5.0, 1.0, 1.0)]


def centres(shape, spacing):
    """Coordinates of the centres of voxels, three arrays that broadcast."""
    return np.ix_(*((np.arange(n) + 0.5) * s for n, s in zip(shape, spacing, strict=True)))


def voxels(size, spacing):
    return tuple(round(length / step) for length, step in zip(size, spacing, strict=True))


def ball(size, radius, spacing):
    """A pore that is a ball in the middle of solid."""
    z, y, x = centres(voxels(size, spacing), spacing)
    inside = (z - size[0] / 2) ** 2 + (y - size[1] / 2) ** 2 + (x - size[2] / 2) ** 2 < radius**2
    return np.uint8(~inside)


def laminate(size, thick, axis, spacing):
    """Layers of pore and solid, each ``thick``, across an axis."""
    shape = voxels(size, spacing)
    along = centres(shape, spacing)[axis]
    return np.broadcast_to((along // thick % 2).astype(np.uint8), shape).copy()


def boolean(size, radius, porosity, spacing, seed=0):
    """Balls of solid with random centres, a Boolean model; also their number per volume."""
    volume = 4 / 3 * np.pi * radius**3
    intensity = -np.log(porosity) / volume
    rng = np.random.default_rng(seed)
    wide = np.add(size, 2 * radius)
    middles = rng.random((rng.poisson(intensity * np.prod(wide)), 3)) * wide - radius
    shape = voxels(size, spacing)
    solid = np.zeros(shape, np.uint8)
    axes = [(np.arange(n) + 0.5) * s for n, s in zip(shape, spacing, strict=True)]
    for middle in middles:
        near = [
            slice(*np.searchsorted(axis, (c - radius, c + radius)))
            for axis, c in zip(axes, middle, strict=True)
        ]
        z, y, x = np.ix_(
            *(axis[part] - c for axis, part, c in zip(axes, near, middle, strict=True))
        )
        solid[tuple(near)] |= z**2 + y**2 + x**2 < radius**2
    return solid, intensity
