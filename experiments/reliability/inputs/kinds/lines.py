"""Films with burnt-in text, slipped lines, parts of other slices: right is to say so.

And to say nothing of sound films that look like these: holes through all slices, bright particles,
curtains, noise of lines, flat layers, fine lamellae, pictures that were enlarged by interpolation.
"""

import io

import numpy as np
from kinds.odd_slices import named
from PIL import Image
from scipy import ndimage

SHAPE = (24, 160, 176)
Y, X = np.indices(SHAPE[1:])
#: Words of the messages on text, on lines, on seams and on parts that come again.
TEXT, TURN, SEAM, TWICE, PART = (
    "the same place", "next but one", "in all slices: pictures put together",
    "are the same as the", "as if copied or written in part",
)  # fmt: skip


def film(seed=0, sigma=(1.0, 4.0, 4.0), porosity=0.3):
    """Return blobs in noise, uint8 from 1 to 254."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal(SHAPE), sigma)
    grey = np.where(field < np.quantile(field, porosity), 85, 150) + 22 * rng.standard_normal(SHAPE)
    return np.clip(grey, 1, 254).astype(np.uint8)


def painted(stack, where, value):
    """Return the film with a value at pixels of all slices, or of each by its number."""
    new = stack.copy()
    for z, image in enumerate(new):
        image[where(z) if callable(where) else where] = value
    return new


def text():
    """Return where ten letters and a scale bar are."""
    rng, ink = np.random.default_rng(1), np.zeros(SHAPE[1:], bool)
    for _ in range(10):
        y, x = rng.integers(110, 130), rng.integers(90, 150)
        ink[y : y + 8, x] = ink[y + 4, x : x + 4] = True
    ink[145:148, 90:150] = True
    return ink


def compressed(stack, quality=75):
    """Return the film as JPEG leaves it."""
    images = []
    for image in stack:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        images.append(np.array(Image.open(file)))
    return np.stack(images)


def taken(stack, z, part, step=1):
    """Return the film with a part of the slice ``step`` before in a slice."""
    new = stack.copy()
    new[z][part] = stack[z - step][part]
    return new


def rows_from(stack, other):
    """Return the film with every second row from another one."""
    new = stack.copy()
    new[:, 1::2] = other[:, 1::2]
    return new


def odd_ones(stack):
    """Yield names and films of which something must be said, with its words."""
    ink, bar = text(), (Y > 140) & (Y < 144) & (X > 90) & (X < 150)
    wide = stack.astype(np.uint16) * 200
    for name, value in (("white", 255), ("black", 0)):
        yield f"text, {name}", painted(stack, ink, value), TEXT
        yield f"a scale bar, {name}", painted(stack, bar, value), TEXT
        yield f"a line across, {name}", painted(stack, Y == 80, value), TEXT
        yield f"a line down, {name}", painted(stack, X == 80, value), TEXT
    yield "text, 16 bits", painted(wide, ink, 65535), TEXT
    yield "text, then JPEG", compressed(painted(stack, ink, 255)), TEXT
    yield "a scale bar, then JPEG", compressed(painted(stack, bar, 255)), TEXT
    dead = (Y % 20 == 7) & (X % 20 == 9)
    yield "dead pixels", painted(stack, dead, 0), TEXT
    for pixels in (2, 3, 5):
        moved = np.roll(stack, pixels, 2)
        yield f"every second row {pixels} further", rows_from(stack, moved), TURN
    yield "rows of two slices", rows_from(stack, np.roll(stack, 1, 0)), TURN
    yield "rows of two films", rows_from(stack, film(1)), TURN
    columns = rows_from(stack.transpose(0, 2, 1), np.roll(stack, 3, 1).transpose(0, 2, 1))
    yield "every second column 3 further", columns.transpose(0, 2, 1), TURN
    yield "enlarged twofold", stack.repeat(2, 1).repeat(2, 2), TWICE
    yield "every second row lost", stack[:, ::2].repeat(2, 1), TWICE
    for pixels in (10, 30):
        mosaic = np.where(X < 88, stack, np.roll(stack, pixels, 1))
        yield f"right half {pixels} lower", mosaic[:, pixels:], SEAM
        mosaic = np.where(Y < 80, stack, np.roll(stack, pixels, 2))
        yield f"lower half {pixels} further", mosaic[:, :, pixels:], SEAM
    yield "halves of two films", np.where(Y < 80, stack, film(1)), SEAM
    half, quarter = np.s_[80:], np.s_[80:, 88:]
    for z in (1, 9, 23):
        yield f"lower half of slice {z} is that before", taken(stack, z, half), PART
    yield "a quarter of a slice", taken(stack, 9, quarter), PART
    yield "left columns of a slice", taken(stack, 9, np.s_[:, :60]), PART
    yield "every second row of a slice", taken(stack, 9, np.s_[1::2]), PART


def sound_ones(stack):
    """Yield names and films of which nothing must be said."""
    rng = np.random.default_rng(2)
    yield "as it is", stack
    yield "JPEG", compressed(stack)
    for seed in (1, 2, 3):
        yield f"another, {seed}", film(seed)
    for sigma in ((4, 4, 4), (8, 3, 3), (1, 1, 1), (0.5, 0.5, 0.5)):
        yield f"pores of {sigma}", film(0, sigma)
    for porosity in (0.05, 0.6):
        yield f"porosity {porosity}", film(0, porosity=porosity)
    for name, value in (("hole", 0), ("particle", 255)):
        by = rng.integers(-1, 2, (SHAPE[0], 2))
        yield (
            f"a {name} through all",
            painted(
                stack,
                lambda z, by=by: (Y - 80 - by[z][0]) ** 2 + (X - 90 - by[z][1]) ** 2 < 144,
                value,
            ),
        )
        yield (
            f"a slanted {name}",
            painted(stack, lambda z: (Y - 60 - z) ** 2 + (X - 90) ** 2 < 100, value),
        )
    for name, shape in {"curtains": (1, 1, SHAPE[2]), "noise of lines": (*SHAPE[:2], 1)}.items():
        yield name, np.clip(stack + rng.normal(0, 20, shape), 0, 255).astype(np.uint8)
    yield "a layer", np.clip(stack * 0.4 + np.where(Y > 80, 80, 20), 0, 255).astype(np.uint8)
    yield "enlarged, interpolated", ndimage.zoom(stack, (1, 2, 2), order=1)
    yield "binned", stack[:, ::2, ::2]
    yield "eight grey values", stack // 32 * 32
    for pixels in (2, 3):
        for name, place in (("y", Y), ("x", X)):
            lamellae = np.where((place // pixels) % 2, 150, 85) + rng.normal(0, 15, SHAPE)
            yield f"lamellae of {pixels} across {name}", lamellae.clip(1, 254).astype(np.uint8)


def inputs():
    stack = film()
    for name, odd, words in odd_ones(stack):
        yield name, said(odd, words)
    for name, sound in sound_ones(stack):
        yield f"sound: {name}", named(sound)


def said(stack, words):
    """Return a check that one message has these words, and that no other kind of it is there."""
    from fibsem.data.material import find_extent
    from fibsem.data.volumes import ArrayVolume

    def right():
        doubts = find_extent(ArrayVolume(np.ascontiguousarray(stack))).doubts
        return any(words in line for line in doubts)

    return right
