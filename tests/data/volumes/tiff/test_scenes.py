"""Files with several films, and films of several files: what is stored against what is said."""

import io
import shutil
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
import tifffile

from fibsem.data.volumes import open_labels, open_volume
from fibsem.data.volumes.source import open_zip
from fibsem.errors import UserError
from fibsem.geometry import Box

GREY = np.random.default_rng(3).integers(0, 255, (6, 20, 24), np.uint8)
OTHER = GREY[:, ::-1].copy()


def read(path, **options):
    volume = open_volume(path, **options)
    return volume.read(Box.whole(volume.shape))


def refused(path, message, **options):
    with pytest.raises(UserError, match=message) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)


# OME-TIFF


def ome(images, uuid="0", head=""):
    """OME-XML of pictures (name, {axis: size}, TiffData)."""
    told = ""
    for name, sizes, data in images:
        extents = " ".join(f'Size{axis}="{sizes.get(axis, 1)}"' for axis in "ZCT")
        told += (
            f'<Image Name={quoteattr(name)}><Pixels DimensionOrder="XYZCT" Type="uint8" SizeX="24" '
            f'SizeY="20" {extents} PhysicalSizeX="10" PhysicalSizeXUnit="nm" PhysicalSizeZ="-50" '
            f'PhysicalSizeZUnit="nm"><Channel SamplesPerPixel="1"/>{data}</Pixels></Image>'
        )
    space = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    return f'<OME xmlns="{space}" UUID="urn:uuid:{uuid}">{head}{told}</OME>'


def plane(z, file=None, directory=0, uuid=None):
    inside = "" if file is None else f'<UUID FileName="{file}">urn:uuid:{uuid or file}</UUID>'
    return f'<TiffData FirstZ="{z}" IFD="{directory}" PlaneCount="1">{inside}</TiffData>'


def write(path, images, xml=None):
    with tifffile.TiffWriter(path) as tiff:
        for k, image in enumerate(images):
            tiff.write(image, description=xml if k == 0 else None, metadata=None)


def ome_set(folder, names, each=1):
    """Files that share a film, in the order of their names; all tell of all."""
    folder.mkdir()
    planes = "".join(plane(z, names[z // each], z % each) for z in range(6))
    for k, name in enumerate(names):
        xml = ome([("film", {"Z": 6}, planes)], uuid=name)
        write(folder / name, GREY[k * each : (k + 1) * each], xml)
    return folder


@pytest.mark.parametrize(("each", "count"), [(1, 6), (3, 2), (2, 3)])
def test_every_file_of_a_set_is_the_whole_set(tmp_path, each, count):
    names = [f"film_Z{k:03d}.ome.tif" for k in range(count)]
    folder = ome_set(tmp_path / "set", names, each)
    for path in (folder, *(folder / name for name in names)):
        np.testing.assert_array_equal(read(path), GREY)
        assert open_volume(path).voxel_nm == (50, None, 10)


def test_the_order_of_a_set_is_that_of_its_description(tmp_path):
    folder = ome_set(tmp_path / "set", [f"film_{k}.ome.tif" for k in (5, 3, 1, 4, 2, 0)])
    np.testing.assert_array_equal(read(folder), GREY)


@pytest.mark.parametrize("lost", [0, 2, 5])
def test_a_set_that_is_not_whole_is_refused_or_has_a_gap(tmp_path, lost):
    names = [f"film_Z{k:03d}.ome.tif" for k in range(6)]
    folder = ome_set(tmp_path / "set", names)
    (folder / names[lost]).unlink()
    refused(folder, f"{names[lost]} is not there")
    volume = open_volume(folder, gaps=True)
    assert volume.shape == GREY.shape
    volume.read(Box.whole(volume.shape))
    assert volume.missing == {lost}
    assert names[lost] in volume.why_missing[lost]


def test_one_file_of_a_set_alone_is_no_film(tmp_path):
    folder = ome_set(tmp_path / "set", [f"film_Z{k}.ome.tif" for k in range(2)], 3)
    (tmp_path / "alone").mkdir()
    shutil.copy(folder / "film_Z1.ome.tif", tmp_path / "alone")
    for path in (tmp_path / "alone", tmp_path / "alone" / "film_Z1.ome.tif"):
        refused(path, r"set must be together, but .*film_Z0.ome.tif is not there")


def test_the_names_of_a_set_need_no_pattern(tmp_path):
    """Programs that split files at 4 GB number only the further ones."""
    folder = ome_set(tmp_path / "set", ["film.ome.tif", "film_1.ome.tif", "x.ome.tif"], 2)
    np.testing.assert_array_equal(read(folder), GREY)
    np.testing.assert_array_equal(read(folder, pattern="*.ome.tif"), GREY)


def test_a_renamed_set_is_read_by_its_names_if_it_is_whole(tmp_path):
    folder = ome_set(tmp_path / "set", [f"film_Z{k}.ome.tif" for k in range(6)])
    for k in range(6):
        (folder / f"film_Z{k}.ome.tif").rename(folder / f"s{k}.tif")
    np.testing.assert_array_equal(read(folder), GREY)
    (folder / "s5.tif").unlink()
    refused(folder, r"one of 6 slices and .*set has 5")


def test_a_file_that_is_no_part_of_a_set_is_named(tmp_path):
    folder = ome_set(tmp_path / "set", [f"film_{k}.ome.tif" for k in range(6)])
    tifffile.imwrite(folder / "film_6.ome.tif", GREY[0], metadata=None)
    refused(folder, r"film_6.ome.tif is none of the 6 that film_0.ome.tif names")


@pytest.mark.parametrize("companion", ["film.companion.ome", "film_0.ome.tif"])
def test_a_set_that_is_described_in_one_file(tmp_path, companion):
    folder = ome_set(tmp_path / "set", names := [f"film_{k}.ome.tif" for k in range(6)])
    with tifffile.TiffFile(folder / names[0]) as tiff:
        xml = tiff.ome_metadata
    if companion.endswith(".ome"):
        (folder / companion).write_text(xml)
    elsewhere = f'<BinaryOnly MetadataFile="{companion}" UUID="urn:uuid:{names[0]}"/>'
    for k, name in enumerate(names):
        if name != companion:
            write(folder / name, GREY[k : k + 1], ome([], uuid=name, head=elsewhere))
    np.testing.assert_array_equal(read(folder), GREY)
    np.testing.assert_array_equal(read(folder / names[3]), GREY)
    (folder / companion).unlink()
    refused(folder / names[3], f"{companion} is not there")


@pytest.mark.parametrize("name", ["../film.tif", "/film.tif", "a\\film.tif", ".."])
def test_files_of_a_set_are_not_looked_for_elsewhere(tmp_path, name):
    xml = ome([("film", {"Z": 2}, plane(0) + plane(1, name))])
    write(tmp_path / "film.ome.tif", GREY[:1], xml)
    refused(tmp_path / "film.ome.tif", "must lie in one folder")


def scenes(path, marks=("film", "another place")):
    with tifffile.TiffWriter(path, ome=True) as tiff:
        for mark, stack in zip(marks, (GREY, OTHER), strict=True):
            tiff.write(stack, metadata={"axes": "ZYX", "Name": mark})


@pytest.mark.parametrize(
    ("series", "wanted"),
    [(0, GREY), ("0", GREY), (1, OTHER), ("film", GREY), ("another place", OTHER)],
)
def test_a_scene_is_picked_by_number_or_name(tmp_path, series, wanted):
    scenes(tmp_path / "scenes.ome.tif")
    np.testing.assert_array_equal(read(tmp_path / "scenes.ome.tif", series=series), wanted)


@pytest.mark.parametrize("series", [None, 2, "-1", "Film", ""])
def test_scenes_are_listed_where_none_is_picked(tmp_path, series):
    scenes(tmp_path / "scenes.ome.tif")
    listed = r"holds 2: 0 \(film, 6 slices\), 1 \(another place, 6 slices\).*`series` picks one"
    refused(tmp_path / "scenes.ome.tif", listed, series=series)


def test_a_name_that_is_a_number_is_a_name_first(tmp_path):
    scenes(tmp_path / "scenes.ome.tif", marks=("1", "0"))
    np.testing.assert_array_equal(read(tmp_path / "scenes.ome.tif", series="1"), GREY)
    np.testing.assert_array_equal(read(tmp_path / "scenes.ome.tif", series="0"), OTHER)


@pytest.mark.parametrize(
    ("sizes", "data", "message"),
    [
        ({"Z": 7}, "".join(map(plane, range(6))), r"has 6 of 7"),
        ({"Z": 5}, "".join(map(plane, range(5))), None),
        ({"Z": 8}, '<TiffData IFD="0" PlaneCount="8"/>', r"has 6 of 8|has 6 and not number 6"),
        ({"Z": 3, "C": 2}, "<TiffData/>", r"three axes \(z, y, x\), but .* 3 along Z, 2 along C"),
        ({"Z": 6}, "<TiffData/>", "same"),
        ({"T": 6}, "<TiffData/>", "same"),
        ({"C": 6}, "<TiffData/>", "same"),
    ],
)
def test_slices_that_ome_xml_tells_of_must_be_there(tmp_path, sizes, data, message):
    data = data.replace('IFD="0" PlaneCount="1"', 'PlaneCount="1"') if message is None else data
    write(tmp_path / "film.ome.tif", GREY, ome([("film", sizes, data)]))
    if message == "same":
        np.testing.assert_array_equal(read(tmp_path / "film.ome.tif"), GREY)
    else:
        refused(tmp_path / "film.ome.tif", message or r"has 6 of 1|has 6 of 5")


@pytest.mark.parametrize("xml", ["<OME", "<OME><Image><Pixels/></Image>"])
def test_broken_ome_xml_is_one_line(tmp_path, xml):
    write(tmp_path / "film.ome.tif", GREY, f'<?xml version="1.0"?>{xml}</OME>')
    refused(tmp_path / "film.ome.tif", "must have readable OME-XML")


@pytest.mark.parametrize("kind", ["ome", "plain"])
def test_smaller_copies_of_slices_are_no_slices(tmp_path, kind):
    path = tmp_path / "film.ome.tif" if kind == "ome" else tmp_path / "film.tif"
    with tifffile.TiffWriter(path, ome=kind == "ome") as tiff:
        notes = {"metadata": {"axes": "ZYX"}} if kind == "ome" else {}
        tiff.write(GREY, subifds=2, **notes)
        for step in (2, 4):
            tiff.write(GREY[:, ::step, ::step].copy(), subfiletype=1)
    np.testing.assert_array_equal(read(path), GREY)


# ImageJ


def imagej(path, notes, stored=GREY, behind=None):
    """A stack with ImageJ's notes, some slices plainly behind its only directory."""
    stream = io.BytesIO()
    text = "ImageJ=1.54f\n" + "".join(f"{key}={value}\n" for key, value in notes.items())
    with tifffile.TiffWriter(stream, byteorder=">") as tiff:
        for k, image in enumerate(stored):
            tiff.write(image, description=text if k == 0 else None, metadata=None, software=False)
    path.write_bytes(stream.getvalue() + (b"" if behind is None else behind.tobytes()))


ALL = {"images": 6, "slices": 6}


@pytest.mark.parametrize("notes", [ALL, {"images": 6}, {}, {"images": 6, "frames": 6}])
def test_an_imagej_stack_is_the_film_also_alone_in_a_folder(tmp_path, notes):
    (tmp_path / "f").mkdir()
    imagej(tmp_path / "f" / "stack.tif", notes)
    for path in (tmp_path / "f", tmp_path / "f" / "stack.tif"):
        np.testing.assert_array_equal(read(path), GREY)


def test_slices_behind_the_only_directory_are_the_film_also_in_a_folder(tmp_path):
    (tmp_path / "f").mkdir()
    imagej(tmp_path / "f" / "stack.tif", ALL, GREY[:1], GREY[1:])
    for path in (tmp_path / "f", tmp_path / "f" / "stack.tif"):
        np.testing.assert_array_equal(read(path), GREY)
    imagej(tmp_path / "f" / "stack.tif", ALL, GREY[:1], GREY[1:5])
    refused(tmp_path / "f", r"is truncated: \d+ of \d+ bytes")


def test_parts_of_a_film_are_not_its_slices(tmp_path):
    for k in range(2):
        half = GREY[3 * k : 3 * k + 3]
        imagej(tmp_path / f"part_{k}.tif", {"images": 3, "slices": 3}, half[:1], half[1:])
    refused(tmp_path, r"must hold one slice, but .*part_0.tif holds 3 pages")


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ({"images": 7, "slices": 7}, r"has 6 of 7"),
        ({"images": 5, "slices": 5}, r"has 6 of 5"),
        ({"images": 6, "slices": 5}, r"has 5 of 6"),
        ({"images": 6, "channels": 2, "slices": 3}, r"3 along slices, 2 along channels"),
    ],
)
def test_images_that_imagej_tells_of_must_be_there(tmp_path, notes, message):
    imagej(tmp_path / "stack.tif", notes)
    refused(tmp_path / "stack.tif", message)


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ({"images": 6, "slices": 6, "channels": -1}, "channels=-1"),
        ({"slices": -3, "channels": -2}, "slices=-3"),
        ({"images": 6, "frames": 0}, "frames=0"),
        ({"images": 6, "slices": 2.5}, "slices=2.5"),
        ({"images": "many"}, "images=many"),
        ({"images": "true"}, "images=True"),
    ],
)
def test_counts_that_are_none_are_refused(tmp_path, notes, said):
    imagej(tmp_path / "stack.tif", notes)
    refused(tmp_path / "stack.tif", f"must be positive whole numbers, but .* has {said};")


@pytest.mark.parametrize("count", [0, -1])
def test_of_a_count_that_is_none_not_the_first_slice_is_read_alone(tmp_path, count):
    imagej(tmp_path / "stack.tif", {"images": count}, GREY[:1], GREY[1:])
    refused(tmp_path / "stack.tif", f"must be positive whole numbers, but .* has images={count};")


def test_a_stack_among_the_slices_of_an_archive_is_named(tmp_path):
    """Its notes tell of the slices along one axis alone: the first one was read."""
    folder = tmp_path / "film"
    folder.mkdir()
    for z, image in enumerate(GREY):
        imagej(folder / f"s{z}.tif", {}, image[None])
    imagej(folder / "s3.tif", {"slices": 6}, GREY[:1], GREY[1:])
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "film")
    film = open_zip(Path(archive)) / "film"
    refused(film, r"must hold one slice, but .*s3.tif holds 6 pages")


@pytest.mark.parametrize(
    ("notes", "film", "labels"),
    [
        ({"cf": 0, "c0": 255.0, "c1": -1.0}, False, False),
        ({"cf": 0, "c0": 0.0, "c1": 0.1}, False, False),
        ({"cf": 1, "c0": 0.0, "c1": 1.0, "c2": -0.5}, False, False),
        ({"cf": 21}, False, False),
        ({"cf": 0, "c0": -32768.0, "c1": 1.0}, True, False),
        ({"cf": 0, "c0": 0.0, "c1": 1.0}, True, True),
        ({"cf": 20}, True, True),
    ],
)
def test_values_that_imagej_shows_as_others_are_refused(tmp_path, notes, film, labels):
    """A line that falls inverts them; 16 bits with a sign are kept as they are, but shifted."""
    imagej(path := tmp_path / "stack.tif", {**ALL, **notes, "vunit": "Gray Value"})
    for open_, right in ((open_volume, film), (open_labels, labels)):
        if right:
            np.testing.assert_array_equal(open_(path).read(Box.whole(GREY.shape)), GREY)
        else:
            with pytest.raises(
                UserError, match=r"has a calibration that makes others of them \(cf"
            ):
                open_(path)


# Others


def test_a_preview_before_the_film_is_another_film(tmp_path):
    with tifffile.TiffWriter(path := tmp_path / "film.tif") as tiff:
        tiff.write(GREY.mean(0).astype(np.uint8))
        tiff.write(GREY)
    refused(path, r"holds 2: 0 \(1 slices\), 1 \(6 slices\)")
    np.testing.assert_array_equal(read(path, series=1), GREY)


def test_slices_that_were_written_one_by_one_are_one_film(tmp_path):
    with tifffile.TiffWriter(path := tmp_path / "film.tif") as tiff:
        for image in GREY:
            tiff.write(image)
    np.testing.assert_array_equal(read(path), GREY)


def small_pages(path, image):
    """A slice and a small picture of it, which nothing tells apart but its size."""
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(image, metadata=None)
        tiff.write(image[::4, ::4].copy(), metadata=None)


def test_small_pictures_in_the_files_of_a_series_are_left_by_picking_the_large(tmp_path):
    for z, image in enumerate(GREY):
        small_pages(tmp_path / f"s{z}.tif", image)
    refused(tmp_path, r"must hold one slice, but .*s0.tif holds 2 pages")
    np.testing.assert_array_equal(read(tmp_path, series=0), GREY)
    refused(tmp_path / "s0.tif", r"must have the shape")
    np.testing.assert_array_equal(read(tmp_path / "s0.tif", series=1), GREY[:1, ::4, ::4])


def test_a_chosen_series_and_pattern_tell_volumes_apart(tmp_path):
    scenes(path := tmp_path / "scenes.ome.tif")
    first, second = (open_volume(path, series=k).signature() for k in range(2))
    assert first != second
    folder = tmp_path / "f"
    folder.mkdir()
    for z, image in enumerate(GREY):
        tifffile.imwrite(folder / f"s{z}.tif", image)
    plain = open_volume(folder).signature()
    assert open_volume(folder, pattern="s#.tif").signature() != plain
    assert open_volume(folder, gaps=True).signature() == plain


@pytest.mark.parametrize("kind", ["file", "zarr"])
def test_a_pattern_is_for_folders_of_slices(tmp_path, kind):
    import zarr

    path = tmp_path / "film"
    if kind == "file":
        tifffile.imwrite(path := tmp_path / "film.tif", GREY)
    else:
        zarr.create_array(path, shape=GREY.shape, dtype="u1")
    refused(path, "`pattern` picks slices of a folder", pattern="*")
