"""What is taken for something else: other bytes, files, folders and times of one name or place.

Right is that films are told apart, that figures belong to their own film, or one line of error.

The records of two films are read as for a report, without its pages.
"""

import json
import os
from pathlib import Path

import numpy as np
import tifffile
from films import GREY, place
from kinds.segmentations import segmented_at

from fibsem.data.volumes import ArrayVolume, open_volume
from fibsem.reporting import find_results, labelled_porosity
from fibsem.system import write_json

ORIGIN = {"dataset": "film", "data": "new"}
NO_INTERVAL = {"volume": None, "material": None, "why": "no squares"}
SIZES = {"median": 100.0, "p10": 50.0, "p90": 150.0}
PORES = {"one": 0.26, "other": 0.45}


def swapped(kind):
    """Return a check that arrays of the same bytes, but other values, count as two films."""

    def right():
        one = np.ascontiguousarray(GREY.astype(f"<{kind}") + (0 if kind == "f4" else 256))
        other = one.view(f">{kind}")
        if kind == "f4":  # keep only finite numbers
            other = np.where(np.isfinite(other), other, 0).astype(f">{kind}")
            one = other.view(f"<{kind}")
        return ArrayVolume(one).signature() != ArrayVolume(other).signature()

    return right


def mask_of(values):
    """Return a check of a mask with a value for each slice; several values are ambiguous."""

    def right():
        mask = np.zeros(GREY.shape, np.uint8)
        mask[:, 5:] = np.resize(values, len(GREY))[:, None, None]
        tifffile.imwrite(path := place(".tif"), mask, photometric="minisblack")
        tifffile.imwrite(of := place(".tif"), GREY, photometric="minisblack")
        segmented_at(of, place(), valid=str(path))
        return len(set(values) - {0}) == 1

    return right


def pages(z, pixels, known):
    """Return a check of a film in pages, one of which has another magnification."""

    def right():
        with tifffile.TiffWriter(path := place(".tif")) as file:
            for k, image in enumerate(GREY):
                size = (pixels, pixels) if k == z else (1e6, 1e6)
                file.write(image, photometric="minisblack", resolution=size, resolutionunit=3)
        told = open_volume(path).voxel_nm
        return known and told[0] is None and np.allclose(told[1:], 10)

    return right


def spaced(names_nm, spacing, known):
    """Return a check of slices whose names and files both state distances."""

    def right():
        (path := place()).mkdir()
        notes = {"imagej": True, "metadata": {"spacing": spacing, "unit": "nm"}}
        for k, image in enumerate(GREY):
            tifffile.imwrite(path / f"s{k:03d} z{k * names_nm}nm.tif", image, **notes)
        z_nm = open_volume(path).voxel_nm[0]
        return z_nm == spacing if known else z_nm is None

    return right


def reported(change):
    """Return a check that a report has the right porosities after folders, times or names changed.

    Two films were labelled and measured, with paths relative to the working folder of that time.
    """

    def right():
        top, before = place(), Path.cwd()
        top.mkdir()
        os.chdir(top)
        try:
            for name, porosity in PORES.items():
                labels = {
                    "labels": "labels", "porosity": porosity, "porosity_ci": [0, 1], "slabs": {},
                    "shape": [3, 10, 10], "missing": [], "members": [], "mode": "dense",
                    "precision": "float32", "seconds": 1.0, "versions": ["1"], "lineage": [ORIGIN],
                    "labelling": name, "volume_hash": name,
                }  # fmt: skip
                write_json(top / "out" / name / "summary.json", labels)
                measured = {
                    "segmentation": f"out/{name}", "labelling": name, "porosity": porosity,
                    "porosity_corrected": None, "porosity_interval": NO_INTERVAL, "unit": "nm",
                    "percolates": {}, "connectivity": 6, "components": 1, "limits": [],
                    "tortuosity_factor": {}, "porosity_per_px_of_boundary": None,
                    "pore_size_nm": SIZES, "throat_size_nm": SIZES, "lineage": [ORIGIN],
                    "shape": [3, 10, 10],
                }  # fmt: skip
                write_json(top / "out" / f"{name}-q" / "summary.json", measured)
                os.utime(top / "out" / name / "summary.json", (0, 0))
            wanted = change(top / "out") or PORES
            results = find_results([top], "film")
            told = {
                one.folder.name: labelled_porosity(one, results).porosity
                for one in results.each
                if one.kind == "segmentation"
            }
        finally:
            os.chdir(before)
        return told == wanted

    return right


def swap(out):
    for name, to in (("one", "third"), ("other", "one"), ("third", "other")):
        (out / name).rename(out / to)
    return {"one": 0.45, "other": 0.26}


def rename(out):
    (out / "one").rename(out / "mine")
    (out / "other").rename(out / "one")
    return {"mine": 0.26, "one": 0.45}


def elsewhere(out):
    (out.parent.parent / f"{out.parent.name}-else").mkdir()
    os.chdir(out.parent.parent / f"{out.parent.name}-else")


def beside(out):
    """Make another project with a film at the same relative path, and work there."""
    there = out.parent.parent / f"{out.parent.name}-project" / "out" / "one"
    record = {"labels": "labels", "porosity": 0.9, "slabs": {}, "lineage": [ORIGIN],
              "labelling": "third", "shape": [3, 10, 10]}  # fmt: skip
    write_json(there / "summary.json", record)
    os.chdir(there.parents[1])


def anew(seconds):
    def change(out):
        path = out / "one" / "summary.json"
        write_json(path, {**json.loads(path.read_text()), "labelling": "anew", "porosity": 0.9})
        os.utime(path, (100, 100))
        os.utime(out / "one-q" / "summary.json", (100 + seconds, 100 + seconds))
        return {"one": 0.9, "other": 0.45}

    return change


def inputs():
    for kind in ("u2", "f4"):
        yield f"bytes of {kind} in the other order", swapped(kind)
    for values in ((1,), (255,), (0, 1), (1, 2), (1, 1, 1, 2), (0, 1, 2), (0, 0, 255, 254)):
        yield f"masks of {values}", mask_of(values)
    for z in (1, 6, 11):
        for pixels, known in ((1.02e6, True), (2e6, False), (5e5, False)):
            yield f"page {z} of {pixels:.0f} pixels per cm", pages(z, pixels, known)
    for spacing, known in ((50, True), (51, True), (100, False), (25, False), (50000, False)):
        yield f"names every 50 nm, files every {spacing}", spaced(50, spacing, known)
    for change in (lambda out: None, swap, rename, elsewhere, beside):
        yield f"folders: {change.__name__}", reported(change)
    for seconds in (-50, 0, 50):
        yield f"labelled anew, figures {seconds} s later", reported(anew(seconds))
