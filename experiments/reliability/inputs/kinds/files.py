"""Files: directories, what their notes say of them, scenes, and sets of several files."""

import numpy as np
import tifffile
from films import GREY, PLAIN, N, film, folder, nothing, place

OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
#: Metadata of ImageJ, number of stored directories, and whether the file is a film.
IMAGEJ = {
    "ImageJ": ({"images": 12, "slices": 12}, 12, True),
    "ImageJ over 4 GB": ({"images": 12, "slices": 12}, 1, True),
    "ImageJ, too few": ({"images": 14, "slices": 14}, 12, False),
    "ImageJ, too many": ({"images": 10, "slices": 10}, 12, False),
    "ImageJ, a contradiction": ({"images": 12, "slices": 10}, 12, False),
    "ImageJ, two axes": ({"images": 12, "channels": 2, "slices": 6}, 12, False),
}
SETS = {
    "set of slices": [f"film_Z{k:03d}.ome.tif" for k in N],
    "set of halves": ["film_0.ome.tif", "film_1.ome.tif"],
    "set in another order": [f"f{11 - k}.ome.tif" for k in N],
}


def imagej(path, stack, notes, stored):
    text = "ImageJ=1.54f\n" + "".join(f"{key}={value}\n" for key, value in notes.items())
    with tifffile.TiffWriter(path, byteorder=">") as tiff:
        for k, image in enumerate(stack[:stored]):
            tiff.write(image, description=text if k == 0 else None, metadata=None, software=False)
    if stored == 1:
        path.write_bytes(path.read_bytes() + stack[1:].tobytes())


def ome_set(names):
    path, each = folder([], []), 12 // len(names)
    told = "".join(
        f'<TiffData FirstZ="{z}" IFD="{z % each}" PlaneCount="1"><UUID '
        f'FileName="{names[z // each]}">urn:uuid:{names[z // each]}</UUID></TiffData>'
        for z in N
    )
    for k, name in enumerate(names):
        text = (
            f'<OME xmlns="{OME}" UUID="urn:uuid:{name}"><Image><Pixels DimensionOrder="XYZCT" '
            f'Type="uint8" SizeX="50" SizeY="40" SizeZ="12" SizeC="1" SizeT="1">{told}</Pixels>'
            "</Image></OME>"
        )
        with tifffile.TiffWriter(path / name) as tiff:
            for p, image in enumerate(GREY[k * each : k * each + each]):
                tiff.write(image, description=text if p == 0 else None, metadata=None)
    return path


def inputs():
    for name, (notes, stored, known) in IMAGEJ.items():
        path = folder([], [])
        imagej(path / "stack.tif", GREY, notes, stored)
        for where in (path, path / "stack.tif"):
            yield f"{name}, {where.suffix or 'folder'}", (film if known else nothing)(where)
    path = folder([], [])
    for k in range(2):
        imagej(path / f"part_{k}.tif", GREY[6 * k : 6 * k + 6], {"images": 6, "slices": 6}, 1)
    yield "parts of a film", film(path)
    for name, names in SETS.items():
        path = ome_set(names)
        yield name, film(path)
        yield f"{name}, named by one of it", film(path / names[1])
        path = ome_set(names)
        (path / names[-1]).unlink()
        lost = range(12 - 12 // len(names), 12)
        yield f"{name}, one lost", film(path, lost=lost)
        yield f"{name}, one lost, with gaps", film(path, lost=lost, gaps=True)
    yield from scenes()


def scenes():
    with tifffile.TiffWriter(path := place(".ome.tif"), ome=True) as tiff:
        for name, stack in (("film", GREY), ("other", 255 - GREY)):
            tiff.write(stack, metadata={"axes": "ZYX", "Name": name})
    yield "two scenes", nothing(path)
    yield "scene by number", film(path, 255 - GREY, series=1)
    yield "scene by name", film(path, 255 - GREY, series="other")
    with tifffile.TiffWriter(path := place(".tif")) as tiff:
        tiff.write(GREY.mean(0).astype(np.uint8))
        tiff.write(GREY)
    yield "preview first", nothing(path)
    yield "preview first, picked", film(path, series=1)
    path = folder([], [])
    for name, image in zip(PLAIN, GREY, strict=True):
        with tifffile.TiffWriter(path / name) as tiff:
            tiff.write(image, metadata=None)
            tiff.write(image[::4, ::4].copy(), metadata=None)
    yield "small pictures", film(path)
    yield "small pictures, picked", film(path, series=0)
