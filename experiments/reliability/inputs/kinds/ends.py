"""Ends of a series that names tell of: slices that are no TIFF files, totals, clocks."""

import tifffile
from films import GREY, PLAIN, N, film, folder, nothing

#: Files that a copy, a cloud, a packer or another program leaves instead of the thirteenth slice.
FURTHER = (
    "slice_0012.png", "slice_0012.jpg", "slice_0012.bmp", "slice_0012.dm3", "slice_0012",
    "slice_0012.tif.part", "slice_0012.tif~", "slice_0012.tif.crdownload",
    "slice_0012.tif.filepart",
    "slice_0012.tif.gz", "slice_0012.tif.zip", "slice_0012.tif.lnk", "slice_0012.tif.bak",
    "slice_0012.TIFF.tmp", ".slice_0012.tif.icloud", "slice_0012.txt",
)  # fmt: skip
#: Files of other kinds beside slices.
BESIDE = (
    "slice_0003.txt", "slice_0003.hdr", "slice_0003.xml", "slice_0003.tif.xml", "slice_0003.png",
    "._slice_0003.tif", ".slice_0012.tif.a1b2", ".DS_Store", "Thumbs.db",
    "ProjectData.dat", "readme.txt", "log_2024.txt",
)  # fmt: skip
DOUBLED = (
    "slice_0003.tiff", "slice_0003.TIF", "Slice_0003.tif", "slice_03.tif", "slice_0003 .tif",
    "slice_0003.ome.tif",
)  # fmt: skip
ROTATED = {48 + n: 0x660 + n for n in range(10)}
#: Names of slices, and whether their order can be inferred.
SERIES = {
    "12 AM, 1 AM": ([f"2024-01-15 {k or 12:02d}.00.00 AM.tif" for k in N], True),
    "AM and PM": (
        [f"2024-01-15 {(k + 8) % 12 + 1:02d}.30.00 {'AP'[k > 2]}M.tif" for k in N],
        True,
    ),
    "of 13": ([f"{k + 1}of13.tif" for k in N], False),
    "of 13, with blanks": ([f"slice {k + 1} of 13.tif" for k in N], False),
    "hexadecimal": ([f"s_{k:02x}.tif" for k in N], True),
    "minutes": ([f"t{(55 + k) // 60:02d}{(55 + k) % 60:02d}.tif" for k in N], True),
    "a counter that rolls over": ([f"DSC{(9994 + k) % 9999 + 1:04d}.tif" for k in N], True),
    "a counter that runs down": ([f"s_{k:03d}_{11 - k:03d}.tif" for k in N], True),
    "Arabic digits": ([f"s_{k:02d}.tif".translate(ROTATED) for k in N], True),
    "thousands": ([f"z_{k * 500:,}nm.tif" for k in N], True),
    "other units": ([f"z_{k}00nm.tif" if k < 10 else f"z_{k / 10}um.tif" for k in N], True),
    "days of two months": (
        [f"2024-{1 + (k > 3)}-{28 + k if k < 4 else k - 3}.tif" for k in N],
        True,
    ),
    "days as numbers": (
        [f"2024{1 + (k > 3):02d}{28 + k if k < 4 else k - 3:02d}.tif" for k in N],
        True,
    ),
    "steps of two, then one": ([f"z_{2 * k if k < 6 else k + 6:03d}.tif" for k in N], True),
    "hard blanks": ([f"slice{' ' if k % 2 else chr(160)}{k}.tif" for k in N], True),
}


def inputs():
    for name in FURTHER:
        (where := folder()).joinpath(name).write_bytes(b"x")
        yield f"further: {name}", nothing(where)
        yield f"further: {name}, picked", film(where, pattern="slice_#.tif")
    for name in BESIDE:
        (where := folder()).joinpath(name).write_bytes(b"x")
        yield f"beside: {name}", film(where)
    for name in DOUBLED:
        tifffile.imwrite((where := folder()) / name, GREY[3])
        yield f"twice: {name}", film(where)
    for name, (names, known) in SERIES.items():
        yield name, (film if known else nothing)(folder(names))
    for z, content in enumerate(
        (b"", bytes(2000), b"<html>404</html>", b"version https://git-lfs")
    ):
        (where := folder()).joinpath(PLAIN[z + 4]).write_bytes(content)
        yield f"slice of {content[:8]!r}, with gaps", film(where, lost=[z + 4], gaps=True)
