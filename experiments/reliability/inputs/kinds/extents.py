"""Masks of what is material (`valid`), and films in archives, with one thing that is not as meant.

An archive is opened like the published one, but without labels.
"""

import io
import json
import warnings
import zipfile

import numpy as np
import tifffile
from films import GREY, PLAIN, film, nothing, place
from kinds.segmentations import segmented_at

from fibsem.data.volumes import open_zip

INSIDE = np.repeat(np.arange(40) > 9, 50).reshape(40, 50).astype("u1")
PARTS = np.where(INSIDE, np.where(np.arange(50) > 20, 255, 128), 0).astype("u1")
#: Masks, and whether they define the material unambiguously.
MASKS = {
    "0 and 1": (INSIDE, True), "0 and 255": (INSIDE * 255, True),
    "a slice each": ([INSIDE] * 12, True),
    "truth values": (INSIDE > 0, True), "floats": (INSIDE.astype("f4"), True),
    "32 bits": (INSIDE.astype("i4"), True), "negative": (-INSIDE.astype("i4"), True),
    "halves": (INSIDE / 2, True), "1 and 2": (INSIDE + 1, False),
    "254 and 255": (INSIDE + 254, False),
    "three values": (PARTS, False), "no numbers": (np.where(INSIDE, 1, np.nan), False),
    "a slice too few": ([INSIDE] * 11, False), "a row more": (np.ones((41, 50), "u1"), False),
    "turned": (INSIDE.T.copy(), False), "nothing": (INSIDE * 0, False),
}  # fmt: skip


def measured(mask, known):
    """Return a check that exactly the material of the film is measured."""

    def right():
        tifffile.imwrite(path := place(".tif"), np.asarray(mask), photometric="minisblack")
        tifffile.imwrite(of := place(".tif"), GREY, photometric="minisblack")
        segmented_at(of, out := place(), valid=str(path))
        record = json.loads((out / "summary.json").read_text())
        return known and abs(record["material"]["share"] - 0.75) < 1e-9

    return right


def stored(image, **options):
    tifffile.imwrite(page := io.BytesIO(), image, photometric="minisblack", **options)
    return page.getvalue()


def packed(*more, without=None, **changed):
    """Write a film in an archive and return its opener; ``changed`` are slices by number."""
    slices = {f"film/{name}": stored(GREY[k]) for k, name in enumerate(PLAIN) if k != without}
    for number, image in changed.items():
        slices[f"film/{PLAIN[int(number[1:])]}"] = stored(image)
    with zipfile.ZipFile(path := place(".zip"), "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in [*slices.items(), *more]:
            archive.writestr(name, content)

    return lambda: open_zip(path) / "film/"


def read(opened, known=True):
    return lambda: (film if known else nothing)(opened())()


def inputs():
    for name, (mask, known) in MASKS.items():
        yield f"valid: {name}", measured(mask, known)
    yield "packed", read(packed())
    yield "packed, with strangers of a Mac", read(packed(("__MACOSX/film/._slice_0003.tif", b"x")))
    yield "packed, a file of another folder", read(packed(("film/../../x.tif", b"x")))
    twice = packed(("film/slice_0003.tif", stored(GREY[5])))
    yield "packed, a slice twice", read(twice, known=False)
    yield "packed, one lost", read(packed(without=5), known=False)
    yield "packed, one of another shape", read(packed(_5=GREY[5][:-1]), known=False)
    yield "packed, one of 16 bits", read(packed(_5=GREY[5].astype("u2")), known=False)
    yield "packed, one of two pages", read(packed(_5=np.stack([GREY[5]] * 2)), known=False)
    copy = packed(("film/slice_0003 (1).tif", stored(GREY[3])))
    yield "packed, a copy", read(copy, known=False)
    (cut := place(".zip")).write_bytes(b"PK\x03\x04" + bytes(900))
    yield "half an archive", read(lambda: open_zip(cut) / "film/", known=False)
