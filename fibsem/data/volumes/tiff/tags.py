"""Voxel size and data bar according to the TIFF tags of ImageJ and microscopes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import tifffile

from fibsem.data.volumes.lengths import axes_nm, finite, length_nm, stated_nm, unit_nm
from fibsem.data.volumes.voxels import UNKNOWN_NM, VoxelNm

UNITS = {2: "inch", 3: "cm"}
PRINTED = (unit_nm("inch"), unit_nm("cm"))
# Coarser pixels are print resolutions (72 dpi and the like), which many programs write by default.
COARSEST_PIXEL_NM = 1e4
#: Maximum share of the height that a data bar takes.
MOST_OF_BAR = 0.3
#: Keys of pixel sizes of a Zeiss SEM, the better one first: the second ignores later downscaling.
ZEISS_KEYS = ("ap_image_pixel_size", "ap_pixel_size")
#: Key of the width and height of a Zeiss image as it was stored, as in ``1024 * 768``.
ZEISS_STORED = "dp_image_store"


def tagged_nm(tiff: tifffile.TiffFile, number: int = 0) -> VoxelNm:
    """Return the voxel size stated by the tags, taking the most reliable one for each axis.

    For a stack that begins at page ``number`` > 0, only its own page counts, because programs
    describe the first stack of a file.
    """
    return printed_nm(tiff.pages[number]) if number else stated_nm(*_stated(tiff))


def _stated(tiff: tifffile.TiffFile) -> Iterator[VoxelNm]:
    yield _imagej_nm(tiff, tiff.imagej_metadata or {})
    if _is_as_scanned(tiff):
        yield _fei_nm(tiff.fei_metadata or {})
        yield _zeiss_nm(tiff.sem_metadata or {})
    yield printed_nm(tiff.pages.first)


def printed_nm(page: tifffile.TiffPage) -> VoxelNm:
    """Return the voxel size according to the print resolution, None where this is too coarse."""
    unit = UNITS.get(page.tags.valueof("ResolutionUnit", 1))
    sizes = [length_nm(_pixel(page, tag), unit) for tag in ("YResolution", "XResolution")]
    y, x = (nm if nm and nm < COARSEST_PIXEL_NM else None for nm in sizes)
    return None, y, x


def _imagej_nm(tiff: tifffile.TiffFile, notes: Mapping[str, Any]) -> VoxelNm:
    """ImageJ stores pixels per unit in the resolution tags, regardless of their own unit.

    It takes inches and centimetres from the print resolution of the opened image.
    """
    unit = notes.get("unit")
    x = _pixel(tiff.pages.first, "XResolution")
    if (length_nm(x, unit) or 0) >= COARSEST_PIXEL_NM and unit_nm(str(unit)) in PRINTED:
        return UNKNOWN_NM
    return axes_nm(
        (notes.get("spacing"), notes.get("zunit", unit)),
        (_pixel(tiff.pages.first, "YResolution"), notes.get("yunit", unit)),
        (x, unit),
    )


def _pixel(page: tifffile.TiffPage, tag: str) -> float | None:
    """Return units per pixel, given a fraction of pixels per unit, or None."""
    pixels, units = page.tags.valueof(tag) or (0, 0)
    return units / pixels if pixels else None


def bar_rows(tiff: tifffile.TiffFile, shape: tuple[int, ...]) -> int:
    """Return the rows below the scanned ones in an image by FEI or Thermo Fisher: its data bar.

    0 if the file does not state them, or the image is no longer as wide as the scan.
    """
    scan = (tiff.fei_metadata or {}).get("Image")
    if not isinstance(scan, Mapping) or finite(scan.get("ResolutionX")) != shape[-1]:
        return 0
    rows = shape[-2] - int(finite(scan.get("ResolutionY")) or 0)
    return rows if 0 < rows <= MOST_OF_BAR * shape[-2] else 0


def _is_as_scanned(tiff: tifffile.TiffFile) -> bool:
    """Whether an image of a microscope is as wide as its scan.

    Downscaling keeps the metadata unchanged.
    """
    scan = (tiff.fei_metadata or {}).get("Image")
    width = finite(scan.get("ResolutionX")) if isinstance(scan, Mapping) else None
    if stored := re.match(r"\d+", str((tiff.sem_metadata or {}).get(ZEISS_STORED, ("",))[-1])):
        width = float(stored[0])
    return width in (None, tiff.pages.first.imagewidth)


def _fei_nm(sections: Mapping[str, Any]) -> VoxelNm:
    """FEI and Thermo Fisher: metres, in the section of the scan or of the beam."""
    for section in (sections.get("Scan"), *sections.values()):
        if isinstance(section, Mapping) and "PixelWidth" in section:
            y, x = (length_nm(section.get(f"Pixel{side}"), "m") for side in ("Height", "Width"))
            return None, y, x
    return UNKNOWN_NM


def _zeiss_nm(notes: Mapping[str, Any]) -> VoxelNm:
    """Zeiss SmartSEM: (name, value, unit) of square pixels."""
    for key in ZEISS_KEYS:
        _, value, unit = (*notes.get(key, ()), None, None, None)[:3]
        if unit is None:  # tifffile leaves numbers with a decimal comma unparsed
            value, _, unit = str(value).rpartition(" ")
        if nm := length_nm(value, unit):
            return None, nm, nm
    return UNKNOWN_NM
