"""Films of which every voxel is known, and what instruments and programs do to their borders."""

import functools
import io

import numpy as np
from PIL import Image
from scipy import ndimage

SHAPE = (24, 200, 220)


@functools.cache  # films of any porosity have it in common
def drawn(shape, seed, sigma):
    """(a smooth field whose lowest parts are pores, noise)."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma)
    return field, rng.standard_normal(shape)


#: Every third slice: enough for what is looked for in each of them alone.
THIRD = slice(None, None, 3)


@functools.cache  # nobody changes one
def film(porosity=0.3, shape=SHAPE, seed=0, sigma=(1.0, 4.0, 4.0)):
    """(grey uint8 from 1 to 254, whether a voxel is a pore)."""
    field, noise = drawn(shape, seed, sigma)
    pores = field < np.quantile(field, porosity)
    grey = np.where(pores, 85, 150) + 22 * noise
    return np.clip(grey, 1, 254).astype(np.uint8), pores


def drifted(stack, most=60, fill=0):
    """Every slice shifted further, with fill where nothing was seen."""
    moved, last = np.full_like(stack, fill), max(1, len(stack) - 1)
    for z, image in enumerate(stack):
        dy, dx = most * z // last, most * (last - z) // last
        moved[z, dy:, dx:] = image[: image.shape[0] - dy, : image.shape[1] - dx]
    return moved


def jittered(stack, order=0, most=12, seed=1):
    """Every slice shifted anyhow; order 1 interpolates."""
    rng = np.random.default_rng(seed)
    shifts = rng.uniform(-most, most, (len(stack), 2))
    shifts = shifts if order else np.rint(shifts)
    pairs = zip(stack, shifts, strict=True)
    return np.stack([ndimage.shift(image, by, order=order, cval=0) for image, by in pairs])


def turned(stack, degrees=2.0):
    """Every slice turned, interpolated."""
    return np.stack(
        [ndimage.rotate(image, degrees, reshape=False, order=1, cval=0) for image in stack]
    )


def compressed(stack, quality=75):
    """As JPEG leaves it."""
    read = []
    for image in stack:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        read.append(np.array(Image.open(file)))
    return np.stack(read)


def clipped(stack, low=110):
    """Contrast that makes pores black."""
    return np.clip((stack.astype(float) - low) * 255 / (255 - low), 0, 255).astype(np.uint8)


def saturated(stack, high=100):
    """Contrast that makes solids white."""
    return np.clip(stack.astype(float) * 255 / high, 0, 255).astype(np.uint8)


@functools.cache  # nobody changes one
def smooth_and_clipped(porosity=0.3, seed=5):
    """Pores of exactly 0, without noise: constant, connected, and at every border."""
    noise = np.random.default_rng(seed).standard_normal(SHAPE)
    field = ndimage.gaussian_filter(noise, (2, 8, 8), mode="wrap")  # no slice is another
    level = np.quantile(field, porosity)
    grey = np.clip(60 + (field - level) / field.std() * 60, 0, 255).astype(np.uint8)
    return grey * (field >= level)


def with_bar(stack, rows=30, back=0, ink=255):
    """A data bar with text that stays and a counter that runs."""
    rng, marked = np.random.default_rng(0), stack.copy()
    bar = np.full((rows, stack.shape[2]), back, stack.dtype)
    bar[0] = ink
    for _ in range(12):
        x, y = rng.integers(4, stack.shape[2] - 12), rng.integers(3, rows - 12)
        bar[y : y + 9, x : x + 2] = ink
        bar[y + 4, x : x + 8] = ink
    marked[:, -rows:] = bar
    for image in marked:
        image[8 - rows : 17 - rows, 20:34] = np.where(rng.random((9, 14)) > 0.5, ink, back)
    return marked


def beside_bar(stack, side, **how):
    """The whole film, and the data bar as further rows above or below it."""
    blank = np.zeros((len(stack), 30, stack.shape[2]), stack.dtype)
    marked = with_bar(np.concatenate([stack, blank], axis=1), **how)
    return marked if side == "bottom" else np.roll(marked, 30, axis=1)


def with_blocks(stack):
    """Chunks that were never written, one of them at a corner."""
    cut = stack.copy()
    cut[4:12, 64:128, 64:144] = 0
    cut[:, 150:, 180:] = 0
    return cut


def with_blanks(stack, slices=(5, 11, 12, 18), value=0, noise=0):
    """Lost slices of one value, or of a detector's noise."""
    lost = stack.copy()
    for z in slices:
        lost[z] = value + np.abs(np.random.default_rng(z).normal(0, noise, lost[z].shape))
    return lost


def under_a_vacuum(stack):
    """Black above a rough surface: fill by its value, but not by its edge."""
    rng, cut = np.random.default_rng(0), stack.copy()
    surface = 40 + 80 * ndimage.gaussian_filter(rng.standard_normal(stack.shape[2]), 10)
    cut[:, np.arange(stack.shape[1])[:, None] < surface] = 0
    return cut


def cut_off(stack, depth, length):
    """A corner that nothing was seen of: so deep, and so long, in pixels."""
    cut = stack.copy()
    y, x = np.indices(stack.shape[1:])
    cut[:, y * length + x * depth < depth * length] = 0
    return cut


def without_tiles(stack, *tiles):
    """A mosaic that lacks tiles: corners (y, x), height and width of each."""
    lacking = stack.copy()
    for y, x, height, width in tiles:
        lacking[:, y : y + height, x : x + width] = 0
    return lacking
