"""Labels of a segmentation as other programs read them: valid OME-Zarr in several resolutions."""

import numpy as np
import ome_zarr_models
import pytest
import zarr
from ome_zarr_models.v05 import Image, ImageLabel

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.segmentation import segment_volume
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold

SHAPE = (2, 1100, 60)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Function (voxel_nm) -> labels and probabilities of a threshold on noise."""
    spec = resolve("threshold", Nbhd(1, 11, 11), "valid")
    segmenter = Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(), "otsu")
    grey = np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8)

    def write(voxel_nm):
        folder = tmp_path_factory.mktemp("out")
        options = Options(probabilities=True, previews=0)
        segment_volume(ArrayVolume(grey), segmenter, folder, options, voxel_nm=voxel_nm)
        names = ("labels.ome.zarr", "probabilities.ome.zarr")
        return [zarr.open_group(folder / name, mode="r") for name in names]

    return write


def test_every_level_is_valid_and_has_its_voxel_size(written):
    for group in written((50.0, 7.3, 10.0)):
        image = ome_zarr_models.open_ome_zarr(group)
        assert isinstance(image, Image | ImageLabel)
        assert image.ome_zarr_version == "0.5"
        (multiscale,) = image.ome_attributes.multiscales
        assert [axis.name for axis in multiscale.axes] == ["z", "y", "x"]
        assert {axis.unit for axis in multiscale.axes} == {"nanometer"}
        scales = [d.coordinateTransformations[0].scale for d in multiscale.datasets]
        assert scales == [[50.0, 7.3, 10.0], [50.0, 14.6, 20.0], [50.0, 29.2, 40.0]]
        paths = [dataset.path for dataset in multiscale.datasets]
        assert [group[path].shape for path in paths] == [SHAPE, (2, 550, 30), (2, 275, 15)]
        np.testing.assert_array_equal(group["1"][:], group["0"][:, ::2, ::2])


def test_labels_say_what_they_mean_and_probabilities_are_no_labels(written):
    """Viewers show them in these colours, also what is neither pore nor solid."""
    labels, probabilities = written((50.0, 10.0, 10.0))
    said = ImageLabel.from_zarr(labels).ome_attributes.image_label
    assert said.version == "0.5"
    named = {one.label_value: one.model_dump()["class"] for one in said.properties}
    assert named == {0: "pore", 255: "solid", 127: "missing slice", 64: "no material"}
    assert set(np.unique(labels["0"][:])) == {0, 255}
    colours = {one.label_value: one.rgba for one in said.colors}
    assert colours.keys() == named.keys()
    assert len(set(colours.values())) == 4
    assert ImageLabel.from_zarr(probabilities).ome_attributes.image_label is None


def test_an_unknown_voxel_size_is_valid_too(written):
    for group in written((None, None, None)):
        (multiscale,) = Image.from_zarr(group).ome_attributes.multiscales
        assert {axis.unit for axis in multiscale.axes} == {None}
