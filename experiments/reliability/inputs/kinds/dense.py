"""Films without any fill whose solid is white, or whose pores are black: all of it is material.

Right is that nothing is left out, or at most 5 % of the film with an error of the porosity below
half a percentage point.
"""

import numpy as np
from scipy import ndimage

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume

SHAPE = (16, 160, 180)
#: Lengths of the structure along z, y and x, in voxels.
STRUCTURES = {
    "fine": (2, 4, 4), "round": (4, 8, 8), "large": (6, 12, 12), "very large": (6, 25, 25),
    "lamellae": (3, 6, 60), "cracks": (2, 1, 60), "upright cracks": (2, 60, 1),
}  # fmt: skip


def kept(stack, pores):
    def right():
        extent = find_extent(ArrayVolume(stack))
        inside = [extent.inside(z) for z in range(len(stack))]
        left = np.stack([np.ones(SHAPE[1:], bool) if one is None else one for one in inside])
        lost = 1 - left.mean()
        return lost == 0 or (lost <= 0.05 and abs(pores[left].mean() - pores.mean()) < 0.005)

    return right


def inputs():
    for name, lengths in STRUCTURES.items():
        noise = np.random.default_rng(3).standard_normal(SHAPE)
        field = ndimage.gaussian_filter(noise, lengths)
        for share in (0.01, 0.03, 0.1, 0.2, 0.3):
            pores = field < np.quantile(field, share)
            for spread in (4, 22):
                grey = np.where(pores, 60, 220) + spread * np.random.default_rng(1).standard_normal(
                    SHAPE
                )
                white = np.clip(np.clip(grey, 0, 255) * 255 / (220 - 4 * spread), 0, 255)
                text = f"{name}, {share:.0%} pores, white solid, noise {spread}"
                yield text, kept(white.astype(np.uint8), pores)
        for share in (0.3, 0.6):
            pores = field < np.quantile(field, share)
            grey = np.where(pores, 85, 150) + 15 * np.random.default_rng(1).standard_normal(SHAPE)
            black = np.clip((grey - 110) * 255 / 145, 0, 255)
            yield f"{name}, {share:.0%} pores, black", kept(black.astype(np.uint8), pores)
