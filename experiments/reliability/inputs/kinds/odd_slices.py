"""Films with slices that are unlike the others: right is to name these, and only these."""

import numpy as np
from scipy import ndimage

from fibsem.data.material import find_extent
from fibsem.data.volumes import ArrayVolume

DEPTH = 16


def film(seed, smooth=2.0, noise=8.0, low=90.0, depth=DEPTH):
    """Return blobs in noise, (depth, 96, 112) uint8."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(depth, 96, 112)), (smooth, 4, 4))
    grey = np.where(field > np.quantile(field, 0.3), 150, low) + rng.normal(0, noise, field.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


def changed(stack, which, change):
    """Return the film with a change of some slices."""
    new = stack.copy()
    for z in which:
        new[z] = np.clip(change(stack[z].astype(float)), 0, 255)
    return new


CHANGES = {
    "inverted": lambda one: 255 - one,
    "brighter by 20": lambda one: one + 20,
    "darker by 30": lambda one: one - 30,
    "of 60 % contrast": lambda one: 0.6 * (one - 130) + 130,
    "of 140 % contrast": lambda one: 1.4 * (one - 130) + 130,
    "gamma 0.7": lambda one: 255 * (one / 255) ** 0.7,
    "turned": lambda one: one[::-1, ::-1],
    "mirrored": lambda one: one[:, ::-1],
}
WHERE = {"the first": [0], "one": [6], "two": [6, 11]}


def named(stack, *words):
    """Return a check that one message has all of the words; without words, that there is none."""

    def right():
        doubts = find_extent(ArrayVolume(stack)).doubts
        return (len(doubts) == 1 if words else not doubts) and all(
            word in doubts[0] for word in words
        )

    return right


def inputs():
    stack = film(0)
    for what, change in CHANGES.items():
        for where, which in WHERE.items():
            listed = ("slice " if len(which) == 1 else "slices ") + ", ".join(map(str, which))
            yield f"{where} {what}", named(changed(stack, which, change), f"{listed} ")
    yield "a run inverted", named(changed(stack, [4, 5, 6], CHANGES["inverted"]), "slices 4, 5, 6 ")
    other = stack.copy()
    other[7] = film(1)[7]
    yield "one of another film", named(other, "slice 7 ")
    twice = stack.copy()
    twice[8] = stack[7]
    yield "one twice", named(twice, "slice 8 is the same")
    swapped = stack.copy()
    swapped[[7, 8]] = stack[[8, 7]]
    yield "two swapped", named(swapped, "slices 7 and 8")
    for seed in (1, 2, 3):
        for smooth in (0.0, 0.7, 2.0, 6.0):
            yield f"clean, {seed}, {smooth}", named(film(seed, smooth))
    yield "clean, in strong noise", named(film(4, noise=40))
    drift = np.linspace(0, 60, DEPTH)[:, None, None]
    yield "clean, of drifting brightness", named(np.clip(stack + drift, 0, 255).astype(np.uint8))
