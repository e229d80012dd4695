"""Stacks of labels that do not lie where they belong: right is to say so, and of no others."""

import numpy as np
import tifffile
from films import place
from scipy import ndimage

from fibsem import api

SHAPE = (40, 64, 96)


def film(seed, smooth=1.5, noise=25.0, share=0.3):
    """Return grey values and labels, 0 and 255; both uint8."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=SHAPE), (smooth, 3, 3))
    solid = field > np.quantile(field, share)
    grey = np.where(solid, 150, 90) + rng.normal(0, noise, SHAPE)
    return np.clip(grey, 0, 255).astype(np.uint8), np.where(solid, 255, 0).astype(np.uint8)


def told(grey, labels, word):
    """Return a check for warnings with a text; without one, for no warnings on label positions."""

    def right():
        home = place()
        home.mkdir()
        tifffile.imwrite(home / "grey.tif", grey, photometric="minisblack")
        tifffile.imwrite(home / "labels.tif", labels, photometric="minisblack")
        (home / "dataset.yaml").write_text(
            "name: film\nvoxel_nm: {z: 10, y: 10, x: 10}\nclasses: {pore: 0, solid: 255}\n"
            "ignore: null\nsamples: [{name: film, volume: grey.tif, labels: labels.tif}]\n"
        )
        opened = api.open_dataset(home, split={"gap": 2})
        said = " ".join(opened.warnings())
        words = ("better than with those", "no more of the grey values")
        return word in said if word else not any(one in said for one in words)

    return right


def inputs():
    for name, kind in {"plain": {}, "noisy": {"noise": 60.0}, "rare": {"share": 0.05}}.items():
        grey, labels = film(0, **kind)
        yield f"{name}: in place", told(grey, labels, "")
        for dz in (-3, -2, -1, 1, 2, 3):
            moved = np.roll(labels, -dz, axis=0)
            yield f"{name}: shifted by {dz:+}", told(grey, moved, f"{abs(dz)} slice")
        for word, axes in {"x": 2, "y": 1, "y and x": (1, 2), "z": 0}.items():
            turned = np.flip(labels, axes)
            yield f"{name}: mirrored in {word}", told(grey, turned, f"mirrored in {word} ")
        yield f"{name}: of another film", told(grey, film(1, **kind)[1], "another film")
    for seed in range(2, 8):
        yield f"in place, {seed}", told(*film(seed, smooth=seed / 3), "")
