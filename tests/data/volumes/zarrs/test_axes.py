"""Which axes are which, and how long a voxel is along them, as files say."""

import numpy as np
import pytest
import tifffile
import zarr

from fibsem.data.volumes import open_volume
from fibsem.errors import UserError

FILM = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6)
SCALE = {"type": "scale", "scale": [50, 10, 10]}
AXES = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]


def ome(path, **multiscale):
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.create_array("0", data=FILM)
    datasets = [{"path": "0", "coordinateTransformations": multiscale.pop("level", [SCALE])}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"datasets": datasets, **multiscale}]}
    return open_volume(path)


@pytest.mark.parametrize(
    ("level", "nm"),
    [
        ([SCALE], (50, 10, 10)),
        ([SCALE, {"type": "translation", "translation": [3, 4, 5]}], (50, 10, 10)),
        ([{"type": "identity"}], (None,) * 3),
        (
            [{"type": "affine", "affine": [[50, 0, 0, 0], [0, 10, 0, 0], [0, 0, 10, 0]]}],
            (None,) * 3,
        ),
        ([{"type": "sequence", "transformations": [SCALE]}], (None,) * 3),
        ([{"type": "scale", "path": "scale"}], (None,) * 3),
    ],
)
def test_a_unit_without_a_scale_is_no_size_of_a_voxel(tmp_path, level, nm):
    assert ome(tmp_path / "a.zarr", axes=AXES, level=level).voxel_nm == nm


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_axes_in_systems_of_coordinates_are_read(tmp_path, order):
    systems = [{"name": "physical", "axes": AXES[order]}]
    if order.step is None:
        film = ome(tmp_path / "a.zarr", coordinateSystems=systems)
        assert film.voxel_nm == (50, 10, 10)
    else:
        with pytest.raises(UserError, match="has axes x, y, z of"):
            ome(tmp_path / "a.zarr", coordinateSystems=systems)


def test_capital_letters_are_axes_too(tmp_path):
    axes = [{**axis, "name": axis["name"].upper()} for axis in AXES]
    assert ome(tmp_path / "a.zarr", axes=axes).voxel_nm == (50, 10, 10)


@pytest.mark.parametrize(
    ("names", "legal"),
    [
        (("plane", "row", "col"), True),
        (("row", "col", "plane"), False),
        (("width", "height", "depth"), False),
        (("dim_0", "dim_1", "dim_2"), True),
    ],
)
def test_other_words_for_axes_are_understood(tmp_path, names, legal):
    zarr.create_array(tmp_path / "a.zarr", data=FILM, dimension_names=names)
    if legal:
        assert np.array_equal(open_volume(tmp_path / "a.zarr").whole(), FILM)
    else:
        with pytest.raises(UserError, match="must be one stack with axes z, y, x"):
            open_volume(tmp_path / "a.zarr")


@pytest.mark.parametrize("form", [2, 3])
def test_a_resolution_that_is_opened_by_its_own_path_is_what_its_image_says(tmp_path, form):
    """Axes and sizes stand above it: one with axes x, y, z was read as z, y, x."""
    for name, order in (("zyx", 1), ("xyz", -1)):
        group = zarr.open_group(tmp_path / name / "film", mode="w", zarr_format=form)
        datasets = []
        for step in (1, 2):
            path = f"levels/{step}"
            group.create_array(path, data=FILM[:, ::step, ::step])
            scale = {"type": "scale", "scale": [50, 10 * step, 10 * step]}
            datasets.append({"path": path, "coordinateTransformations": [scale]})
        image = [{"axes": AXES[::order], "datasets": datasets}]
        group.attrs.update({"multiscales": image} if form == 2 else {"ome": {"multiscales": image}})
    film = open_volume(tmp_path / "zyx" / "film" / "levels" / "2")
    np.testing.assert_array_equal(film.whole(), FILM[:, ::2, ::2])
    assert film.voxel_nm == (50, 20, 20)
    with pytest.raises(UserError, match="has axes x, y, z of"):
        open_volume(tmp_path / "xyz" / "film" / "levels" / "1")


@pytest.mark.parametrize("key", ["_ARRAY_DIMENSIONS", "axis_names", "axes"])
def test_axes_that_an_array_names_in_its_attributes_count(tmp_path, key):
    for names in (["z", "y", "x"], ["x", "y", "z"]):
        array = zarr.create_array(path := tmp_path / "".join(names), data=FILM, zarr_format=2)
        array.attrs[key] = names
        if names[0] == "z":
            np.testing.assert_array_equal(open_volume(path).whole(), FILM)
        else:
            with pytest.raises(UserError, match="has axes x, y, z of"):
                open_volume(path)


@pytest.mark.parametrize("axes", ["z,y,x", ["y", "x"], [{"type": "space"}] * 3, {"z": 0}])
def test_attributes_that_name_no_axes_do_not_count(tmp_path, axes):
    zarr.create_array(tmp_path / "a.zarr", data=FILM, attributes={"axes": axes})
    np.testing.assert_array_equal(open_volume(tmp_path / "a.zarr").whole(), FILM)


@pytest.mark.parametrize(
    "multiscales", [None, {"datasets": []}, [{"datasets": None}], [{"datasets": [{"scale": 1}]}]]
)
def test_a_resolution_is_read_though_what_stands_above_it_is_damaged(tmp_path, multiscales):
    group = zarr.open_group(tmp_path / "film", mode="w", zarr_format=2)
    group.create_array("0", data=FILM)
    group.attrs["multiscales"] = multiscales
    film = open_volume(tmp_path / "film" / "0")
    np.testing.assert_array_equal(film.whole(), FILM)
    assert film.voxel_nm == (None,) * 3
    (tmp_path / "film" / ".zattrs").write_text("{")
    np.testing.assert_array_equal(open_volume(tmp_path / "film" / "0").whole(), FILM)


@pytest.mark.parametrize("axes", ["YXZ", "XYZ", "ZXY"])
def test_a_stack_whose_pictures_are_no_slices_by_its_notes_is_refused(tmp_path, axes):
    options = {"photometric": "minisblack", "metadata": {"axes": axes}}
    tifffile.imwrite(tmp_path / "a.tif", FILM, **options)
    with pytest.raises(UserError, match=f"says that its own are {axes}"):
        open_volume(tmp_path / "a.tif")


@pytest.mark.parametrize("axes", ["ZYX", "TYX", "CYX", "QYX", None])
def test_a_stack_of_slices_is_read_whatever_lies_across_them(tmp_path, axes):
    metadata = {} if axes is None else {"axes": axes}
    tifffile.imwrite(tmp_path / "a.tif", FILM, photometric="minisblack", metadata=metadata)
    assert np.array_equal(open_volume(tmp_path / "a.tif").whole(), FILM)
