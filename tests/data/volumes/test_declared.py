"""What a file declares of its values and of its voxels is honoured, or refused."""

import struct
import zipfile

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from fibsem.data.volumes import Manner, open_labels, open_volume, reopen
from fibsem.data.volumes.source import open_zip
from fibsem.errors import UserError
from fibsem.geometry import Box
from tests.data.volumes.written import WRITTEN, write

GREY = np.random.default_rng(5).integers(0, 256, (3, 12, 16)).astype(np.uint8)
RAMP = np.arange(256, dtype=np.uint16)


def read(path, open_=open_volume, **options):
    volume = open_(path, **options)
    return volume.read(Box.whole(volume.shape))


def palette(greys):
    return np.repeat(np.asarray(greys, np.uint16)[None], 3, 0)


def inverted_palette(path, greys, scale=257):
    tifffile.imwrite(
        path, 255 - greys, photometric="palette", colormap=palette((255 - RAMP) * scale)
    )


# Scales and curves


def gdal(scale):
    items = f'<Item name="SCALE" sample="0" role="scale">{scale}</Item>'
    items += '<Item name="OFFSET" sample="0" role="offset">255</Item>'
    return [(42112, "s", 0, f"<GDALMetadata>{items}</GDALMetadata>", False)]


@pytest.mark.parametrize(
    ("tags", "said"),
    [(gdal("-1"), r"a scale of GDAL that makes others of them \(-1\)"), (gdal("1.0"), None),
     (gdal("0.01"), "a scale of GDAL"),
     ([(290, "H", 1, 3, False), (291, "H", 256, tuple(range(256)), False)], "in which 0 is bright"),
     ([(291, "H", 256, tuple(range(255, -1, -1)), False)], None)],
)  # fmt: skip
def test_values_that_are_meant_to_be_others_are_refused(tmp_path, tags, said):
    tifffile.imwrite(tmp_path / "film.tif", GREY, photometric="minisblack", extratags=tags)
    for open_ in (open_volume, open_labels):
        if said is None:
            np.testing.assert_array_equal(read(tmp_path / "film.tif", open_), GREY)
        else:
            with pytest.raises(UserError, match=said):
                read(tmp_path / "film.tif", open_)


# Photometric interpretation


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("byteorder", "<>")
def test_what_stores_0_as_white_is_turned(tmp_path, compression, dtype, byteorder):
    grey = GREY.astype(dtype) << (8 * (dtype == "u2"))
    path = tmp_path / "white.tif"
    tifffile.imwrite(
        path, np.iinfo(dtype).max - grey, photometric="miniswhite", compression=compression,
        byteorder=byteorder,
    )  # fmt: skip
    np.testing.assert_array_equal(read(path), grey)
    part = Box((1, 3, 2), (3, 7, 9))
    np.testing.assert_array_equal(open_volume(path).read(part), grey[part.slices])


@pytest.mark.parametrize(
    "options",
    [
        {}, {"ome": True}, {"metadata": None}, {"compression": "zlib"}, {"software": False},
        {"software": "another program"}, {"ome": True, "software": "another program"},
    ],
)  # fmt: skip
def test_truth_values_are_what_they_are_in_every_slice(tmp_path, options):
    """What tells of tifffile is in the first page alone, and a program may give its own name."""
    solid = GREY > 76
    tifffile.imwrite(path := tmp_path / "mask.tif", solid, **options)
    np.testing.assert_array_equal(read(path, open_labels), solid)


def test_truth_values_of_other_programs_are_as_they_declare(tmp_path):
    """Pillow calls 0 black; what nothing is known of is as the format has it: 0 is white."""
    solid = GREY > 76
    pages = [Image.fromarray(image) for image in solid]
    pages[0].save(path := tmp_path / "black.tif", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(read(path, open_labels), solid)
    tifffile.imwrite(path := tmp_path / "white.tif", ~solid, metadata=None, software=False)
    np.testing.assert_array_equal(read(path, open_labels), solid)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("silent", [0, 1, 2])
def test_truth_values_are_not_turned_in_some_slices_alone(tmp_path, silent, packed):
    """Of one slice nothing tells that 0 is called white by tifffile's habit."""
    solid, folder = GREY > 76, tmp_path / "film"
    folder.mkdir()
    for z, image in enumerate(solid):
        options = {"metadata": None, "software": False} if z == silent else {}
        tifffile.imwrite(folder / f"s{z}.tif", image, **options)
    with pytest.raises(UserError, match="all slices must tell alike what 0 means"):
        read(zipped(tmp_path, folder) if packed else folder, as_labels)
    for z, image in enumerate(solid):
        tifffile.imwrite(folder / f"s{z}.tif", image, software="another program")
    np.testing.assert_array_equal(read(folder, open_labels), solid)


def zipped(place, folder):
    with zipfile.ZipFile(place / "film.zip", "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"film/{file.name}")
    return open_zip(place / "film.zip") / "film"


def as_labels(path):
    """Open labels in an archive, too."""
    return reopen(path, Manner(labels=True))


def test_slices_behind_the_only_directory_are_turned_too(tmp_path):
    notes = f"ImageJ=1.54f\nimages={len(GREY)}\nslices={len(GREY)}\n"
    tifffile.imwrite(
        path := tmp_path / "white.tif", 255 - GREY[0], photometric="miniswhite",
        description=notes, metadata=None, software=False,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + (255 - GREY[1:]).tobytes())
    np.testing.assert_array_equal(read(path), GREY)


def test_every_slice_is_read_as_it_says(tmp_path):
    tifffile.imwrite(tmp_path / "s0.tif", GREY[0])
    tifffile.imwrite(tmp_path / "s1.tif", 255 - GREY[1], photometric="miniswhite")
    inverted_palette(tmp_path / "s2.tif", GREY[2])
    np.testing.assert_array_equal(read(tmp_path), GREY)


@pytest.mark.parametrize("scale", [257, 256, 1])
def test_a_palette_of_greys_is_what_it_shows(tmp_path, scale):
    inverted_palette(tmp_path / "p.tif", GREY[0], scale)
    np.testing.assert_array_equal(read(tmp_path / "p.tif")[0], GREY[0])
    with Image.open(tmp_path / "p.tif") as picture:  # so does another program
        if scale != 1:
            np.testing.assert_array_equal(np.asarray(picture.convert("L")), GREY[0])


@pytest.mark.parametrize("bits", [4, 16])
def test_palettes_of_other_depths_are_what_they_show(tmp_path, bits):
    numbers = (GREY[0].astype(np.uint16) << 8 if bits == 16 else GREY[0] >> 4).astype("u2")
    most = 2**bits - 1
    shown = ((most - np.arange(most + 1)) * (65535 // most)).astype(np.uint16)
    stored = numbers if bits == 16 else (numbers[:, ::2] << 4 | numbers[:, 1::2]).astype("u1")
    path = tmp_path / "p.tif"
    tifffile.imwrite(path, stored, extratags=[(320, "H", shown.size * 3, shown.tolist() * 3, True)])
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages.first.tags["PhotometricInterpretation"].overwrite(3)
        tiff.pages.first.tags["ImageWidth"].overwrite(16)
        tiff.pages.first.tags["BitsPerSample"].overwrite(bits)
    wanted = shown[numbers] if bits == 16 else shown[numbers] >> 8
    np.testing.assert_array_equal(read(path)[0], wanted)


def test_twelve_bits_have_their_own_white(tmp_path):
    grey = GREY[0].astype(np.uint16) * 16
    for name, values, photometric in (("b", grey, "minisblack"), ("w", 4095 - grey, "miniswhite")):
        packed = np.packbits(
            np.unpackbits(values.astype(">u2")[..., None].view("u1"), axis=-1)[..., 4:]
        )
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, packed.reshape(12, 24), photometric=photometric)
        with tifffile.TiffFile(path, mode="r+") as tiff:
            tiff.pages.first.tags["ImageWidth"].overwrite(16)
            tiff.pages.first.tags["BitsPerSample"].overwrite(12)
        volume = open_volume(path)
        np.testing.assert_array_equal(volume.read(Box.whole((1, *grey.shape)))[0], grey)
        assert volume.value_range == (0, 4095)
    tifffile.imwrite(tmp_path / "16.tif", grey)
    assert open_volume(tmp_path / "16.tif").value_range == (0, 65535)


def colours(path):
    tifffile.imwrite(
        path, GREY[0], photometric="palette",
        colormap=np.stack([RAMP * 257, RAMP * 0, (255 - RAMP) * 257]).astype(np.uint16),
    )  # fmt: skip


def overwritten(path, tag, value):
    tifffile.imwrite(path, GREY[0], photometric="minisblack", extratags=[(274, "H", 1, 1, True)])
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages.first.tags[tag].overwrite(value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (colours, "palette of colours; convert it to grey"),
        (lambda p: tifffile.imwrite(p, GREY[0].astype("f4"), photometric="miniswhite"),
         "stores 0 as white must have unsigned whole numbers"),
        (lambda p: tifffile.imwrite(p, GREY, photometric="rgb", planarconfig="separate"),
         "with one sample a pixel"),
        (lambda p: overwritten(p, 262, 8), "is CIELab"),
        (lambda p: overwritten(p, 262, 4), "transparency mask"),
        (lambda p: overwritten(p, 262, 32803), "photometric 32803"),
        (lambda p: overwritten(p, 274, 4), "begin at its top left, but .* orientation 4"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("gaps", [False, True])
def test_what_is_not_grey_or_upright_is_refused(tmp_path, make, message, gaps):
    make(tmp_path / "odd.tif")
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path / "odd.tif", gaps=gaps)
    assert "\n" not in str(caught.value)


def test_the_order_of_bits_counts(tmp_path):
    """Of uncompressed bytes, too, which are read without decoding."""
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, GREY[0], extratags=[(65000, "H", 1, 2, True)], byteorder="<")
    begin, renamed = (struct.pack("<HHI", tag, 3, 1) for tag in (65000, 266))  # FillOrder
    path.write_bytes(path.read_bytes().replace(begin, renamed))
    turned = np.packbits(np.unpackbits(GREY[0], bitorder="little").reshape(-1)).reshape(12, 16)
    np.testing.assert_array_equal(read(path)[0], turned)


# Labels


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4"])
@pytest.mark.parametrize("kind", ["tiff", "zarr"])
def test_labels_are_of_any_whole_numbers(tmp_path, dtype, kind):
    labels = (GREY % 2).astype(dtype)
    path = tmp_path / "labels"
    if kind == "tiff":
        tifffile.imwrite(path, labels, photometric="minisblack")
    else:
        zarr.create_array(path, shape=labels.shape, dtype=dtype, chunks=(1, 6, 8))[...] = labels
    np.testing.assert_array_equal(read(path, open_labels), labels)
    if dtype not in ("u1", "u2", "f4"):
        with pytest.raises(UserError, match="voxels must be uint8, uint16, float32"):
            open_volume(path)


def test_a_palette_numbers_labels(tmp_path):
    colours(tmp_path / "c.tif")
    np.testing.assert_array_equal(read(tmp_path / "c.tif", open_labels)[0], GREY[0])
    inverted_palette(tmp_path / "i.tif", GREY[0])
    labels = open_labels(tmp_path / "i.tif")
    np.testing.assert_array_equal(labels.read(Box.whole(labels.shape))[0], 255 - GREY[0])
    np.testing.assert_array_equal(labels.source.shown(0), 255 - RAMP)


# Voxel size


def fei(width, height, section="Scan", tag=34682):
    text = f"[User]\r\nDate=1\r\n[{section}]\r\nPixelWidth={width}\r\nPixelHeight={height}\r\n"
    return {"extratags": [(tag, "s", 0, text, True)]}


def zeiss(*lines):
    return {"extratags": [(34118, "s", 0, "\r\n".join(["", *lines]).encode("cp1252"), True)]}


def ome(z, y, x, unit=None):
    sizes = zip("ZYX", (z, y, x), strict=True)
    told = {f"PhysicalSize{axis}": size for axis, size in sizes}
    told |= {f"PhysicalSize{axis}Unit": unit for axis in "ZYX" if unit}
    return {"ome": True, "metadata": {"axes": "ZYX", **told}}


def imagej(resolution=(100.0, 100.0), **notes):
    return {"imagej": True, "resolution": resolution, "metadata": {"axes": "ZYX", **notes}}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (imagej(spacing=-0.05, unit="um"), (50, 10, 10)),
        (imagej(spacing=0.05, unit="micron"), (50, 10, 10)),
        (imagej(spacing=0, unit="um"), (None, 10, 10)),
        (imagej(spacing="nan", unit="um"), (None, 10, 10)),
        (imagej(spacing="inf", unit="nm"), (None, None, None)),
        (imagej(spacing=2, unit="pixel"), (None, None, None)),
        (imagej((2, 0), spacing=5, unit="nm"), (5, None, 0.5)),
        (imagej((2, 1), spacing=5, unit="nm", yunit="um", zunit="um"), (5000, 1000, 0.5)),
        (imagej(spacing=2, unit="Nanometers"), (2, None, None)),
        (imagej((10, 10), spacing=2, unit="micrometres"), (2000, 100, 100)),
        # what programs write of a size that they do not know
        (imagej((1, 1), spacing=1, unit="um"), (None, None, None)),
        (imagej(spacing=1, unit="um"), (None, 10, 10)),
        (imagej((1, 1), spacing=0.05, unit="micron"), (50, None, None)),
        (imagej((1, 1), spacing=1, unit="nm"), (1, 1, 1)),
        (ome(1, 1, 1), (None, None, None)),
        (ome(1.0, 1.0, 1.0, "µm"), (None, None, None)),
        (ome(1, 1, 1, "mm"), (None, None, None)),
        (ome(1, 1, 1, "pixel"), (None, None, None)),
        (ome(1, 0.01, 0.01), (None, 10, 10)),
        (ome(0.05, 1, 0.01), (50, 1000, 10)),
        ({**ome(1, 1, 1), **fei(5e-9, 6e-9)}, (None, 6, 5)),
        # what ImageJ makes of a print resolution
        (imagej((72, 72), spacing=1, unit="inch"), (None, None, None)),
        (imagej((300, 300), spacing=1, unit="inches"), (None, None, None)),
        (imagej((28, 28), spacing=1, unit="cm"), (None, None, None)),
        (imagej((2.54e6, 2.54e6), unit="inch"), (None, 10, 10)),
        (fei(5e-9, "6.5e-09"), (None, 6.5, 5)),
        (fei(5e-9, 6e-9, "EScan", 34680), (None, 6, 5)),
        (fei("5,5e-9", -5e-9), (None, 5, 5.5)),
        (fei("nan", 0), (None, None, None)),
        (fei("", "x"), (None, None, None)),
        ({**fei(5e-9, 5e-9), "resolution": (72, 72), "resolutionunit": "INCH"}, (None, 5, 5)),
        ({**fei(5e-9, 5e-9), "resolution": (1e6, 1e6), "resolutionunit": 3}, (None, 5, 5)),
        (zeiss("AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 4.5 nm"), (None, 4.5, 4.5)),
        (zeiss("AP_PIXEL_SIZE", "Pixel Size = 9 nm", "AP_IMAGE_PIXEL_SIZE",
               "Image Pixel Size = 4.5 µm"), (None, 4500, 4500)),
        (zeiss("AP_PIXEL_SIZE", "Pixel Size = 900 pm"), (None, 0.9, 0.9)),
        (zeiss("AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 0 nm"), (None, None, None)),
        (zeiss("AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 4,5 nm"), (None, 4.5, 4.5)),
        (zeiss("AP_WD", "WD = 5 mm"), (None, None, None)),
        # as it was stored, and scaled down since
        (zeiss("AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 4.5 nm", "DP_IMAGE_STORE",
               f"Store resolution = {GREY.shape[2]} * {GREY.shape[1]}"), (None, 4.5, 4.5)),
        (zeiss("AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 4.5 nm", "DP_IMAGE_STORE",
               "Store resolution = 1024 * 768"), (None, None, None)),
        ({"resolution": (0, 0), "resolutionunit": 3}, (None, None, None)),
        ({"resolution": (2e6, 1e6), "resolutionunit": 3}, (None, 10, 5)),
        ({"resolution": (2e6, 1e6), "resolutionunit": 1}, (None, None, None)),
        ({"resolution": (254, 254), "resolutionunit": 2}, (None, None, None)),
        ({"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 10, "PhysicalSizeXUnit": "nm",
          "PhysicalSizeY": -10, "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": "INF"}},
         (None, 10, 10)),
        ({"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0, "PhysicalSizeZ": 1,
          "PhysicalSizeZUnit": "reference frame"}}, (None, None, None)),
    ],
)  # fmt: skip
def test_voxel_sizes_are_positive_and_finite(tmp_path, options, expected):
    tifffile.imwrite(tmp_path / "s.tif", GREY, photometric="minisblack", **options)
    assert open_volume(tmp_path / "s.tif").voxel_nm == pytest.approx(expected)


@pytest.mark.parametrize(("width", "nm"), [(GREY.shape[-1], 5), (2 * GREY.shape[-1], None)])
def test_a_picture_that_was_shrunk_is_not_as_fine_as_its_scan(tmp_path, width, nm):
    """The notes of a microscope stay in the file, whatever became of the picture."""
    notes = fei(5e-9, 5e-9)
    tag, kind, count, text, once = notes["extratags"][0]
    text += f"[Image]\r\nResolutionX={width}\r\nResolutionY=40\r\n"
    options = {"extratags": [(tag, kind, count, text, once)]}
    tifffile.imwrite(tmp_path / "s.tif", GREY, photometric="minisblack", **options)
    assert open_volume(tmp_path / "s.tif").voxel_nm == (None, nm, nm)


@pytest.mark.parametrize(
    ("pixels", "right"), [(1e6, True), (1.02e6, True), (2e6, False), (0, True)]
)
def test_pages_of_another_magnification_are_named_as_slices_are(tmp_path, pixels, right):
    with tifffile.TiffWriter(tmp_path / "s.tif") as file:
        for z, image in enumerate(np.stack([GREY[0]] * 4)):
            size = (pixels, pixels) if z == 2 else (1e6, 1e6)
            file.write(image, photometric="minisblack", resolution=size, resolutionunit=3)
    if right:
        assert open_volume(tmp_path / "s.tif").voxel_nm == pytest.approx((None, 10, 10))
        return
    with pytest.raises(UserError, match=r"voxel size .* of most, .* but page 2 of .* has"):
        open_volume(tmp_path / "s.tif")


def test_slices_of_another_magnification_are_named(tmp_path):
    for z, pixels in enumerate((1e6, 1e6, 1.02e6, 2e6, 1e6)):
        resolution = {"resolution": (pixels, 1e6), "resolutionunit": 3} if z else {}
        tifffile.imwrite(tmp_path / f"s{z}.tif", GREY[0], **resolution)
    with pytest.raises(UserError, match=r"the voxel size .* \(None, 10.0, 10.0\) nm, but .*s3.tif"):
        open_volume(tmp_path)
    volume = open_volume(tmp_path, gaps=True)
    volume.read(Box.whole(volume.shape))
    assert volume.missing == {3}
    assert volume.voxel_nm == (None, 10, 10)


def test_a_film_behind_another_one_has_its_own_voxel_size(tmp_path):
    """It was that of the first picture in the file."""
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        for images, pixels in ((GREY[0, ::2, ::2], 2.5e5), (GREY, 1e6)):
            how = {"resolution": (pixels, pixels), "resolutionunit": 3}
            file.write(images, photometric="minisblack", **how)
    assert open_volume(tmp_path / "two.tif", series=1).voxel_nm == pytest.approx((None, 10, 10))
    assert open_volume(tmp_path / "two.tif", series=0).voxel_nm == pytest.approx((None, 40, 40))


@pytest.mark.parametrize("pages", [False, True])
def test_an_overview_in_front_of_a_film_is_the_slice_that_is_unlike(tmp_path, pages):
    """The first size that was stated counted: all but the overview were missing."""
    with tifffile.TiffWriter(tmp_path / "film.tif") as file:
        for z in range(5):
            size = (1e6, 1e6) if z else (5e5, 5e5)
            how = {"resolution": size, "resolutionunit": 3, "photometric": "minisblack"}
            if pages:
                file.write(GREY[0], **how)
            else:
                (tmp_path / "film").mkdir(exist_ok=True)
                tifffile.imwrite(tmp_path / "film" / f"s{z}.tif", GREY[0], **how)
    place = tmp_path / ("film.tif" if pages else "film")
    with pytest.raises(UserError, match=r"of most, \(None, 10.0, 10.0\) nm, but .*(s0|page 0)"):
        open_volume(place)
    volume = open_volume(place, gaps=True)
    volume.read(Box.whole(volume.shape))
    assert volume.missing == {0}
    assert volume.voxel_nm == pytest.approx((None, 10, 10))


@pytest.mark.parametrize(
    ("axes", "scale", "expected"),
    [
        (["z", "y", "x"], None, (None,) * 3),
        ([{"name": n, "unit": "nanometer"} for n in "zyx"], [-50.0, 10.0, 10.0], (50, 10, 10)),
        ([{"name": n, "unit": "nanometer"} for n in "zyx"], [0.0, 10.0, 1e400], (None, 10, None)),
        ([{"name": n} for n in "zyx"], [50.0, 10.0, 10.0], (None,) * 3),
        ([{"name": n, "unit": "micrometer"} for n in "zyx"], [0.05, 0.01, 0.01], (50, 10, 10)),
        ([{"name": n, "unit": "micrometer"} for n in "zyx"], [1.0, 1.0, 1.0], (None,) * 3),
        ([{"name": n, "unit": "micrometer"} for n in "zyx"], [1, 0.01, 0.01], (None, 10, 10)),
        ([{"name": n, "unit": "nanometer"} for n in "zyx"], [1.0, 1.0, 1.0], (1, 1, 1)),
    ],
)
def test_voxel_sizes_of_zarrs(tmp_path, axes, scale, expected):
    group = zarr.open_group(tmp_path / "z", mode="w", zarr_format=2)
    group.create_array("0", shape=GREY.shape, dtype="u1")[...] = GREY
    told = [{"type": "scale", "scale": scale}] if scale else []
    picture = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": told}]}
    group.attrs["multiscales"] = [picture]
    assert open_volume(tmp_path / "z").voxel_nm == pytest.approx(expected)


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_micrometre_that_was_given_is_read_as_it_was_written(tmp_path, kind):
    path = write(tmp_path, kind, GREY, voxel_nm=(1000.0, 1000.0, 1000.0))
    assert open_volume(path).voxel_nm == pytest.approx((1000, 1000, 1000))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"scale_factor": -1.0, "add_offset": 255}, "scale_factor -1.0, add_offset 255"),
        ({"scale_factor": [-1.0]}, r"scale_factor \[-1.0\]"),
        ({"scale_factor": "-1"}, "scale_factor -1"),
        ({"scale_factor": 1, "add_offset": 32768.0}, r"\(add_offset 32768.0\)"),
        ({"scale_factor": 1.0, "add_offset": 0}, None),
        ({"scale_factor": [1.0], "add_offset": None}, None),
    ],
)
@pytest.mark.parametrize("open_", [open_volume, open_labels])
def test_values_that_a_zarr_packs_are_refused(tmp_path, told, said, open_):
    """They were taken as they are stored: inverted, where the factor is negative."""
    array = zarr.create_array(tmp_path / "z", shape=GREY.shape, dtype="u1", chunks=(1, 12, 16))
    array[...] = GREY
    array.attrs.update(told)
    if said is None:
        np.testing.assert_array_equal(read(tmp_path / "z", open_), GREY)
    else:
        with pytest.raises(UserError, match=f"that are meant, but .*{said}.*save them unpacked"):
            read(tmp_path / "z", open_)


def test_the_full_resolution_of_a_zarr_may_be_listed_last(tmp_path):
    group = zarr.open_group(tmp_path / "z", mode="w", zarr_format=2)
    datasets = []
    for path, step in (("half", 2), ("full", 1)):
        stored = GREY[:, ::step, ::step]
        group.create_array(path, shape=stored.shape, dtype="u1")[...] = stored
        told = {"type": "scale", "scale": [50.0, 10.0 * step, 10.0 * step]}
        datasets.append({"path": path, "coordinateTransformations": [told]})
    axes = [{"name": name, "unit": "nanometer"} for name in "zyx"]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": datasets}]
    assert np.array_equal(read(tmp_path / "z"), GREY)
    assert open_volume(tmp_path / "z").voxel_nm == (50, 10, 10)


# Zarrs of several pictures


def bioformats2raw(path, pictures):
    root = zarr.open_group(path, mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    root.create_group("OME").attrs["series"] = [str(k) for k in range(len(pictures))]
    for k, stack in enumerate(pictures):
        group = root.create_group(str(k))
        group.attrs["multiscales"] = [{"version": "0.4", "datasets": [{"path": "0"}]}]
        group.create_array("0", shape=stack.shape, dtype="u1")[...] = stack
    return path


def test_the_root_of_one_picture_is_that_picture(tmp_path):
    np.testing.assert_array_equal(read(bioformats2raw(tmp_path / "z", [GREY])), GREY)


def test_of_several_pictures_one_is_picked(tmp_path):
    path = bioformats2raw(tmp_path / "z", [GREY, 255 - GREY])
    with pytest.raises(UserError, match=r"holds 2: 0, 1; `series` picks one"):
        open_volume(path)
    np.testing.assert_array_equal(read(path, series=1), 255 - GREY)
    np.testing.assert_array_equal(read(path, series="0"), GREY)
    with pytest.raises(UserError, match=r"and `series` is 2"):
        open_volume(path, series=2)


def test_chunks_of_fill_value_are_read_on_demand(tmp_path):
    grey = np.where(GREY > 128, GREY, 0)
    grey[:, :6, :8] = 7
    array = zarr.create_array(
        tmp_path / "z", shape=grey.shape, dtype="u1", chunks=(1, 6, 8), fill_value=7
    )
    array[...] = grey
    with pytest.raises(UserError, match=r"sparse=true reads those as the fill value, 7"):
        read(tmp_path / "z")
    np.testing.assert_array_equal(read(tmp_path / "z", sparse=True), grey)
    sparse = open_volume(tmp_path / "z", sparse=True)
    assert sparse.signature() != open_volume(tmp_path / "z").signature()
