"""What leaves a promotion: the volumes of its dataset, as its configuration says."""

import json
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.api.promoting import checked
from fibsem.config import Configuration, compose, flat
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.labels import Classes
from fibsem.data.dataset.manifest import SAMPLE_KEYS, TOP_KEYS
from fibsem.data.dataset.samples import Sample
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume, create_volume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.segmenter import Segmenter
from fibsem.promotion.release import segment_samples
from fibsem.promotion.setting import Promotion
from fibsem.tracking.bundle import Bundle

SHAPE = (3, 20, 24)


@pytest.fixture(scope="module")
def parts(trained, tmp_path_factory):
    """A dataset whose middle slice cannot be decoded, and a bundle."""
    folder = tmp_path_factory.mktemp("release")
    grey = np.random.default_rng(1).integers(0, 255, SHAPE).astype(np.uint8)
    with create_volume(folder / "film.zarr", SHAPE, np.uint8, format="ome-zarr") as writer:
        writer.write(0, grey)
    (folder / "film.zarr" / "0" / "c" / "1" / "0" / "0").write_bytes(b"?")
    film = Sample("film", open_volume(folder / "film.zarr"))
    dataset = Dataset("set", folder / "dataset.yaml", (50.0, 10.0, 10.0), Classes(), (film,))
    segmenter = Segmenter.of(*trained(11), Recipe("none", "none"), PostProcessing())
    Bundle(segmenter, dataset.voxel_nm).save(folder / "bundle")
    return dataset, folder / "bundle"


def segmented(parts, folder, *overrides):
    given = Configuration(compose("promote", ["segmentation.previews=0", *overrides]))
    tracking = SimpleNamespace(log_changed=lambda run, metrics: None)
    dataset, bundle = parts
    work = Promotion(given, dataset, folder, tracking, say=lambda text: None)
    return segment_samples(work, bundle, "1", "run")


def test_a_slice_that_cannot_be_read_stops_the_work(parts, tmp_path):
    with pytest.raises(UserError, match="slice 1"):
        segmented(parts, tmp_path)


def test_missing_skip_leaves_it_out(parts, tmp_path):
    segmented(parts, tmp_path, "segmentation.missing=skip")
    labels = open_volume(tmp_path / "volumes" / "film" / "labels.ome.zarr")
    found = labels.read(Box.whole(SHAPE))
    assert (found[1] == 127).all()
    assert set(np.unique(found[[0, 2]])) <= {0, 255}


def test_the_key_that_a_refused_volume_names_labels_it_anew(parts, tmp_path):
    """The refusal named overwrite=true, which removes all trainings of the promotion."""
    once = ["segmentation.missing=skip"]
    segmented(parts, tmp_path, *once)
    with pytest.raises(UserError, match="another probabilities") as caught:
        segmented(parts, tmp_path, *once, "segmentation.probabilities=true")
    key = re.search(r" or (\S+=true)\.$", str(caught.value))[1]
    segmented(parts, tmp_path, *once, "segmentation.probabilities=true", key)
    assert open_volume(tmp_path / "volumes" / "film" / "probabilities.ome.zarr").shape == SHAPE
    assert key == "segmentation.overwrite=true"


SKIP = "segmentation.missing=skip"


@pytest.mark.parametrize(
    ("overrides", "changes", "keys"),
    [
        ([], {}, {"segmentation.missing"}),
        ([SKIP, "segmentation.memory_gib=0.01"], {}, {"segmentation.memory_gib"}),
        ([SKIP, "segmentation.min_volume_nm3=1e30"], {}, {"segmentation.min_volume_nm3"}),
        (
            [SKIP, "segmentation.min_volume_nm3=1"], {"voxel_nm": (None, 10.0, 10.0)},
            {"segmentation.min_volume_nm3", "the manifest's voxel_nm"},
        ),
        ([SKIP, "segmentation.valid=nowhere"], {}, {"segmentation.valid"}),
        ([SKIP], {"valid": "nowhere"}, {"valid"}),
        ([SKIP], {"grey": 2.0}, {"the manifest's range"}),
    ],
)  # fmt: skip
def test_what_a_volume_is_refused_for_names_keys_of_the_promotion(
    parts, tmp_path, overrides, changes, keys
):
    """Those that were named are `segment`'s: some were refused, one removed the trainings."""
    dataset, bundle = parts
    film = dataset.samples[0]
    if "grey" in changes:
        grey = changes["grey"] * np.random.default_rng(0).random(SHAPE, np.float32)
        film = replace(film, volume=ArrayVolume(grey))
    film = replace(film, valid=changes.get("valid", "auto"))
    voxel_nm = changes.get("voxel_nm", dataset.voxel_nm)
    dataset = replace(dataset, samples=(film,), voxel_nm=voxel_nm)
    bundle = shutil.copytree(bundle, tmp_path / "bundle")
    if "voxel_nm" in changes:
        record = json.loads((bundle / "bundle.json").read_text())
        (bundle / "bundle.json").write_text(json.dumps({**record, "voxel_nm": [None] * 3}))
    with pytest.raises(UserError) as caught:
        segmented((dataset, bundle), tmp_path / "out", *overrides)
    assert advised(str(caught.value)) == keys
    every = {*dict(flat(compose("promote"))), *SAMPLE_KEYS, *TOP_KEYS}
    assert {key.removeprefix("the manifest's ") for key in keys} <= every


def advised(message):
    """Keys that a message quotes, or gives a value."""
    quoted = re.findall(r"`([\w.]+)`", message)
    given = re.findall(r"((?:the manifest's )?(?<![\w./])[a-z][\w.]*)=", message)
    return {*quoted, *given}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["segmentation.slab=0"], "`segmentation.slab` must be at least 1"),
        (["segmentation.tile=8"], "`segmentation.tile` must be at least 32"),
        (
            ["segmentation.uncertainty=true"],
            "the choices are segmentation.uncertainty=false or ensemble=5.",
        ),
    ],
)
def test_what_is_wrong_with_the_segmentation_is_said_with_its_keys(overrides, said):
    with pytest.raises(UserError) as caught:
        checked(Configuration(compose("promote", overrides)))
    assert said in str(caught.value)


def test_a_film_that_is_another_one_by_now_is_not_that_of_the_promotion(parts, tmp_path):
    """It may have been replaced while another film was segmented."""
    dataset, bundle = parts
    film = shutil.copytree(dataset.samples[0].volume.path, tmp_path / "film.zarr")
    sample = replace(dataset.samples[0], volume=open_volume(film), label_files=(tmp_path / "m",))
    dataset = replace(dataset, samples=(sample,))
    assert dataset.hash
    (tmp_path / "m").write_text("labels")  # which no film is made of
    segmented((dataset, bundle), tmp_path, "segmentation.missing=skip")
    (film / "0" / "c" / "2" / "0" / "0").write_bytes(
        (film / "0" / "c" / "0" / "0" / "0").read_bytes()
    )
    with pytest.raises(UserError, match=r"must not change .* but grey values of film of"):
        segmented((dataset, bundle), tmp_path / "again", "segmentation.missing=skip")


def test_a_sample_says_what_of_it_is_material(parts, tmp_path):
    dataset, bundle = parts
    mask = np.ones(SHAPE[1:], np.uint8)
    mask[:, :7] = 0
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    for place in ("mask.tif", "moved.tif"):  # with its dataset
        (tmp_path / "mask.tif").rename(tmp_path / place)
        film = replace(dataset.samples[0], valid=str(tmp_path / place))
        moved = replace(dataset, samples=(film,))
        segmented((moved, bundle), tmp_path, "segmentation.missing=skip")
    labels = open_volume(tmp_path / "volumes" / "film" / "labels.ome.zarr")
    found = labels.read(Box.whole(SHAPE))
    assert np.array_equal(found[0] == 64, mask == 0)
