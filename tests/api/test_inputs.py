"""What is given to a segmentation that is no path: an array, or a volume that is open."""

import numpy as np
import pytest
import zarr

from fibsem import api
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.api.inputs import opened
from fibsem.api.models import LoadedModel, address_of
from fibsem.api.options import tree_of
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold
from fibsem.tracking.bundle import Bundle

FILM = np.random.default_rng(3).integers(1, 255, (4, 8, 9)).astype(np.uint8)


def given(volume, **options):
    return opened(volume, tree_of("segment", None, options))


@pytest.mark.parametrize("options", [{"series": 0}, {"series": "B"}, {"pattern": "s_#.tif"}])
@pytest.mark.parametrize("volume", [FILM, ArrayVolume(FILM)])
def test_keys_that_pick_one_of_several_are_not_taken_for_nothing(volume, options):
    """`series=1` beside a volume of series 0 was labelled as series 0."""
    with pytest.raises(api.UserError, match=r"must be left to api.open_volume for what is no path"):
        given(volume, **options)
    with pytest.raises(api.UserError, match=r"`sparse` must be left to api.open_volume"):
        given(volume, sparse=True)


class Named(np.ndarray):
    """An array that names its axes, as those of xarray do."""


@pytest.mark.parametrize(
    ("dims", "legal"),
    [(("z", "y", "x"), True), (("dim_0", "dim_1", "dim_2"), True), (("x", "y", "z"), False)],
)
def test_axes_that_an_array_names_are_those_of_a_film(dims, legal):
    volume = FILM.view(Named)
    volume.dims = dims
    if legal:
        np.testing.assert_array_equal(given(volume).whole(), FILM)
    else:
        with pytest.raises(api.UserError, match="one whose axes are x, y, z; transpose it"):
            given(volume)


@pytest.mark.parametrize("wrapped", [np.asarray, ArrayVolume])
def test_slices_without_numbers_are_left_out_where_that_is_asked_for(wrapped):
    film = (FILM / np.float32(255)).astype(np.float32)
    film[2] = np.nan
    volume = given(wrapped(film), missing="skip")
    np.testing.assert_array_equal(volume.whole()[2], film[1])
    assert volume.missing == {2}
    with pytest.raises(api.UserError, match="must be finite, but slice 2"):
        given(wrapped(film)).whole()


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ([[1, 2], [3]], r"`volume` must be an array \(z, y, x\), a path or .* but got list \("),
        (FILM[:0], r"must have voxels, but is of shape \(0, 8, 9\)"),
        (None, r"`volume` must be an array \(z, y, x\), a path or .* but got None"),
        (FILM > 9, "voxels must be uint8, uint16, float32, but the array holds bool"),
    ],
)
def test_what_is_no_film_is_refused_in_one_line(volume, message):
    with pytest.raises(api.UserError, match=message):
        given(volume)


def test_a_declared_range_is_that_of_an_array():
    assert given(FILM.astype(np.uint16), range=[0, 255]).value_range == (0.0, 255.0)


def test_home_is_home_in_every_argument_that_is_a_path(tmp_path, monkeypatch):
    """Labels went into a folder ~, and workers looked for the model in one."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir(), here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    assert address_of("~/bundle", None) == str(home / "bundle")
    spec = resolve("threshold", Nbhd(1, 11, 11), "valid")
    segmenter = Segmenter.of(spec, Threshold(spec), Recipe("none", "none"), PostProcessing())
    model = LoadedModel("otsu", Bundle(segmenter, (None, None, None)))
    film = np.random.default_rng(4).integers(0, 255, (4, 40, 50)).astype(np.uint8)
    result = api.segment(film, model, output="~/labels", valid="all", previews=0)
    assert result.folder == home / "labels"
    np.testing.assert_array_equal(
        api.open_volume("~/labels/labels.ome.zarr").whole(), result.labels
    )
    assert list(here.iterdir()) == []


def test_an_array_of_zarr_is_given_by_its_path(tmp_path):
    """NumPy reads chunks that are not stored as 0, which is pores, and no names of axes."""
    stored = zarr.create_array(
        tmp_path / "film.zarr", shape=FILM.shape, chunks=(2, 8, 9), dtype="u1"
    )
    with pytest.raises(api.UserError, match=r"`volume` must be the path of a Zarr.*array of zarr"):
        given(stored)


def test_bytes_in_another_order_are_another_film():
    one = ArrayVolume(FILM.astype("<u2") * 256 + 7)
    other, same = ArrayVolume(one.whole().view(">u2")), ArrayVolume(one.whole().astype(">u2"))
    assert one.signature() == same.signature()
    assert one.signature()["digest"] != other.signature()["digest"]
