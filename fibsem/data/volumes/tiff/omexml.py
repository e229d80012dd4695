"""OME-XML of TIFF files: which directories of which files are the slices of each image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from fibsem.data.volumes.lengths import axes_nm
from fibsem.data.volumes.voxels import VoxelNm

#: Maximum number of planes of an image, more than any stack has.
MOST_PLANES = 10**7
#: A slice: name of its file, None for the opened one, and index of its directory.
PlaneFile = tuple[str | None, int]


@dataclass(frozen=True)
class OmeImage:
    """One image of an OME-TIFF.

    Attributes
    ----------
    name
        Its name in the XML, or an empty text.
    sizes
        Extents of the axes before (y, x) by letter, the fastest one first.
    planes
        Slices in the order of these axes; None for a plane that is in no file.
    voxel_nm
        Voxel size (z, y, x) in nm.
    """

    name: str
    sizes: dict[str, int]
    planes: tuple[PlaneFile | None, ...]
    voxel_nm: VoxelNm


def metadata_file(xml: str) -> str | None:
    """Return the name of the file with the OME-XML, or None if this XML is complete."""
    element = ElementTree.fromstring(xml).find("{*}BinaryOnly")
    return None if element is None else element.get("MetadataFile")


def ome_images(xml: str, directories: int, home: str | None = None) -> list[OmeImage]:
    """Return the images described by OME-XML.

    Parameters
    ----------
    xml
        OME-XML of a file with this number of ``directories``, or of its whole set of files.
    home
        Name of the file that the XML was read from, if it is another one.

    Raises
    ------
    ValueError, KeyError, xml.etree.ElementTree.ParseError
        If the OME-XML is invalid.
    """
    root = ElementTree.fromstring(xml)
    uuid = root.get("UUID") if home is None else None
    file = home if home is not None and home.lower().endswith((".tif", ".tiff")) else None
    return [
        _image(image, pixels, (uuid, file), directories)
        for image in root.iterfind("{*}Image")
        for pixels in image.iterfind("{*}Pixels")
    ]


#: UUID of the opened file, and the file of planes for which none is given.
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
    """Yield the index and the file of each plane of a TiffData element."""
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
