"""OME-XML in TIFF files: which directories of which files are the slices of each picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from fibsem.data.volumes.lengths import axes_nm
from fibsem.data.volumes.voxels import VoxelNm

#: More than any film has.
MOST_PLANES = 10**7
#: A slice: the name of its file, None for the one that was opened, and number of its directory.
PlaneFile = tuple[str | None, int]


@dataclass(frozen=True)
class OmeImage:
    """One picture of an OME-TIFF.

    Attributes
    ----------
    name
        As its XML has it, else empty.
    sizes
        Extents of the axes before (y, x), the fastest first, each with its letter.
    planes
        In that order; None for one that no file is said to have.
    voxel_nm
        Voxel size (z, y, x).
    """

    name: str
    sizes: dict[str, int]
    planes: tuple[PlaneFile | None, ...]
    voxel_nm: VoxelNm


def metadata_file(xml: str) -> str | None:
    """The file that describes this one, where this one does not itself."""
    element = ElementTree.fromstring(xml).find("{*}BinaryOnly")
    return None if element is None else element.get("MetadataFile")


def ome_images(xml: str, directories: int, home: str | None = None) -> list[OmeImage]:
    """The pictures that OME-XML tells of.

    Parameters
    ----------
    xml
        Of a file of so many ``directories``, or of the whole set that it belongs to.
    home
        The name of the file that the XML was taken from, if it is another one.

    Raises
    ------
    ValueError, KeyError, xml.etree.ElementTree.ParseError
        If it is not what OME-XML should be.
    """
    root = ElementTree.fromstring(xml)
    own = root.get("UUID") if home is None else None
    where = home if home is not None and home.lower().endswith((".tif", ".tiff")) else None
    return [
        _image(image, pixels, (own, where), directories)
        for image in root.iterfind("{*}Image")
        for pixels in image.iterfind("{*}Pixels")
    ]


#: How planes of the opened file are told, and the file of planes of which none is told.
Home = tuple[str | None, str | None]


def _image(image: Element, pixels: Element, home: Home, directories: int) -> OmeImage:
    channel = pixels.find("{*}Channel")
    samples = 1 if channel is None else int(channel.get("SamplesPerPixel", 1))
    sizes = {
        axis: int(pixels.attrib[f"Size{axis}"]) for axis in pixels.attrib["DimensionOrder"][2:]
    }
    sizes["C"] //= samples
    if not 0 < prod(sizes.values()) <= MOST_PLANES or min(sizes.values()) < 1:
        raise ValueError(f"no picture has {sizes}")
    planes: list[PlaneFile | None] = [None] * prod(sizes.values())
    for data in pixels.iterfind("{*}TiffData"):
        for k, plane in _planes(data, sizes, home, directories):
            planes[k] = plane
    voxel_nm = axes_nm(
        *(
            (pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm"))
            for axis in "ZYX"
        )
    )
    return OmeImage(image.get("Name", ""), sizes, tuple(planes), voxel_nm)


def _planes(
    data: Element, sizes: dict[str, int], home: Home, directories: int
) -> Iterator[tuple[int, PlaneFile]]:
    """The planes of one TiffData, each with its place in the picture."""
    uuid = data.find("{*}UUID")
    here = uuid is None or (home[0] is not None and uuid.text == home[0])
    file = home[1] if uuid is None or here else uuid.attrib["FileName"]
    first, step = 0, 1
    for axis, size in sizes.items():
        first += step * int(data.get(f"First{axis}", 0))
        step *= size
    directory = int(data.get("IFD", 0))
    if first < 0 or directory < 0:
        raise ValueError(f"no plane is {first}, and no directory {directory}")
    rest = 1 if "IFD" in data.attrib else directories if here else step
    count = int(data.get("PlaneCount", data.get("NumPlanes", rest)))
    for k in range(min(count, step - first)):
        yield first + k, (file, directory + k)
