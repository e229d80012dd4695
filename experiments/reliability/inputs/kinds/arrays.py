"""Arrays as notebooks hold them, given to `api.segment`: right is the labels of the plain array."""

import io
from contextlib import redirect_stderr, redirect_stdout
from functools import cache

import numpy as np
from films import GREY, place
from kinds.segmentations import network

from fibsem import api
from fibsem.tracking import Bundle


class Named(np.ndarray):
    """An array of a class of its own."""


@cache
def model():
    Bundle(network(), (50.0, 10.0, 10.0)).save(folder := place())
    return api.load(folder)


def segmented(array, **options):
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        how = {"previews": 0, "valid": "all", **options}
        return api.segment(array, model(), **how)


@cache
def wanted():
    return segmented(GREY).labels


def labelled(array, lost=(), **options):
    """Return a check that the labels are those of the plain array, except for slices named lost."""

    def right():
        found = segmented(array, **options)
        kept = [z for z in range(len(GREY)) if z not in lost]
        return tuple(found.summary["missing"]) == tuple(lost) and np.array_equal(
            found.labels[kept], wanted()[kept]
        )

    return right


def never(array, **options):
    """Return a check that fails for anything that is labelled."""

    def right():
        segmented(array, **options)
        return False

    return right


def inputs():
    share = (GREY / np.float32(255)).astype(np.float32)
    read_only, padded = GREY.copy(), np.zeros((12, 40, 64), np.uint8)
    read_only.flags.writeable = False
    padded[:, :, :50] = GREY
    stored = np.memmap(place(".dat"), np.uint8, "w+", shape=GREY.shape)
    stored[:] = GREY
    np.save(file := place(".npy"), GREY)
    same = {
        "as it is": GREY, "Fortran's order": np.asfortranarray(GREY), "read only": read_only,
        "a view of columns": padded[:, :, :50], "turned twice": GREY[::-1][::-1],
        "negative strides": np.ascontiguousarray(GREY[:, ::-1])[:, ::-1],
        "every second row": np.repeat(GREY, 2, 1)[:, ::2], "a memory map": stored,
        "a file of NumPy": np.load(file, mmap_mode="r"), "a class of its own": GREY.view(Named),
        "a list of slices": list(GREY), "a tuple": tuple(GREY), "unmasked": np.ma.array(GREY),
        "nothing masked": np.ma.array(GREY, mask=False), "uint16": GREY.astype("<u2") * 257,
        "float32": share, "float32, big-endian": share.astype(">f4"),
        "uint16, big-endian": (GREY.astype("<u2") * 257).astype(">u2"),
    }  # fmt: skip
    for name, array in same.items():
        yield name, labelled(array)
    for dtype in ("<u2", ">u2", "<f4", ">f4"):
        yield f"{dtype} with a range", labelled(GREY.astype(dtype), range=[0, 255])
    for dtype in ("i1", "i2", "i4", "i8", "u4", "u8", "f2", "f8", "?", "O", "c8", "U3", "M8[s]"):
        yield f"of type {dtype}", never((GREY // 2).astype(dtype))
    yield "of fields", never(GREY.view([("grey", "u1")]))
    yield "float32 up to 255", never(GREY.astype(np.float32))
    for name, value in (("nan", np.nan), ("inf", np.inf), ("-inf", -np.inf), ("1e30", 1e30)):
        yield f"{name} in a voxel", never(_with(share, np.s_[3, 5, 5], value))
    yield "a slice of nan, skipped", labelled(_with(share, 3, np.nan), [3], missing="skip")
    for name, array in {
        "a slice": GREY[0], "four axes": GREY[None], "a channel": GREY[..., None],
        "no slices": GREY[:0], "no columns": GREY[:, :, :0], "nothing": None, "a number": 3,
        "a dictionary": {0: GREY}, "bytes": b"film", "a matrix": np.matrix(GREY[0]),
        "a generator": (image for image in GREY), "uneven slices": [GREY[0], GREY[1, :5]],
        "lists of numbers": GREY.tolist(), "masked": np.ma.array(GREY, mask=GREY > 200),
        "masked slices": [np.ma.array(image, mask=image > 200) for image in GREY],
        "a set": {1, 2}, "a text": "no film", "a class": np.ndarray,
    }.items():  # fmt: skip
        yield name, never(array)
    for ends in ([255, 0], [5, 5], [0, float("nan")], [0, float("inf")], [0], "0-255"):
        yield f"range {ends}", never(GREY, range=ends)
    for size in ([-1, 1, 1], [0, 1, 1], [10, 10], 10, "10", [5e-8, 1e-8, 1e-8]):
        yield f"voxel_nm {size}", never(GREY, voxel_nm=size)
    for least in (-5.0, float("inf"), float("nan"), 1e15, "a few"):
        yield f"min_volume_nm3 {least}", never(GREY, min_volume_nm3=least)
    for mask in ("no mask", GREY > 0, 3, ""):
        yield f"valid {type(mask).__name__}", never(GREY, valid=mask)


def _with(array, where, value):
    new = array.copy()
    new[where] = value
    return new
