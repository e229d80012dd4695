"""A film unlike those of the training is said to be, before it is labelled."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.greys import Moments, distance, greys_of
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume, create_volume, open_volume
from fibsem.geometry import Box, Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.before.likeness import (
    FAR,
    TrainedOn,
    mirrored,
    scale_warnings,
    size_warnings,
)
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold
from fibsem.tracking.audit import Audit
from fibsem.tracking.bundle import Bundle, load_bundle
from tests.data.material.films import film, smooth_and_clipped
from tests.inference.volume.segmented import segment_volume

SIZE = (50.0, 10.0, 10.0)
GREY, _ = film()
#: Slices enough to be told from others, and others.
FEW, SMOOTH = GREY[:6], smooth_and_clipped()[:6]


def histogram(stack):
    """As a promotion keeps it."""
    volume = stack if not isinstance(stack, np.ndarray) else ArrayVolume(stack)
    return greys_of(CorrectedVolume(volume, fit_correction(volume, Recipe()))).histogram


@pytest.mark.parametrize(
    ("film_nm", "said"),
    [
        (SIZE, []),
        ((51.0, 10.2, 9.8), []),
        (
            (25.0, 10.0, 10.0),
            ["25 x 10 x 10 nm (z, y, x), those of the training were 50 x 10 x 10"],
        ),
        ((50.0, None, None), ["the model's is taken: y 10 nm, x 10 nm"]),
        ((None, None, 20.0), ["the model's is taken: z 50 nm, y 10 nm", "? x ? x 20 nm"]),
    ],
)
def test_another_or_an_unknown_voxel_size_is_said(film_nm, said):
    found = list(size_warnings(film_nm, [TrainedOn(SIZE)]))
    assert len(found) == len(said)
    assert all(part in line for part, line in zip(said, found, strict=True))


def test_a_model_without_a_size_says_nothing():
    assert list(size_warnings((None, 10.0, 10.0), [TrainedOn((None, None, None))])) == []


def test_brightness_and_contrast_do_not_count_and_the_shape_does():
    own = histogram(GREY)
    assert sum(own) == pytest.approx(1, abs=1e-4)
    assert distance(own, histogram(GREY.astype(np.uint16) * 100 + 9000)) < 0.01
    assert distance(own, histogram(film(seed=9)[0])) < 0.03
    assert distance(own, histogram(smooth_and_clipped())) > FAR


@pytest.fixture(scope="module")
def stacks(real):
    """Every third of the first 14 slices of each real film, by name, and their quarters."""
    found = {}
    for name, file in (("flyem", "images.tif"), ("shale", "images.tif"), ("vnc", "film.tif")):
        volume = open_volume(real / name / file)
        stack = volume.read(Box((0, 0, 0), (14, *volume.shape[1:])))[::3].copy()
        y, x = (n // 2 for n in stack.shape[1:])
        quarters = stack[:, :y, :x], stack[:, y:, :x], stack[:, :y, x:], stack[:, y:, x:]
        found[name] = stack, [*map(np.ascontiguousarray, quarters)]
    return found


@pytest.mark.slow
def test_the_threshold_lies_between_parts_of_one_real_film_and_different_films(stacks):
    own = {name: histogram(whole) for name, (whole, _) in stacks.items()}
    for name, (_, quarters) in stacks.items():
        for part in quarters:
            assert distance(own[name], histogram(part)) < FAR
        others = [distance(own[name], other) for one, other in own.items() if one != name]
        assert min(others) > FAR


@pytest.fixture(scope="module")
def segmenter():
    spec = resolve("threshold", Nbhd(1, 11, 11), "valid")
    return Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(), "otsu")


def test_what_a_bundle_keeps_arrives_where_a_film_is_labelled(segmenter, tmp_path):
    audit = Audit(greys={"a": tuple(histogram(FEW))})
    Bundle(segmenter, SIZE, audit).save(tmp_path / "bundle")
    trained = load_bundle(tmp_path / "bundle").trained
    said = []
    like = {"trained": [trained], "say": said.append}
    options = Options(previews=0)
    record = segment_volume(ArrayVolume(FEW), segmenter, tmp_path / "same", options,
                            voxel_nm=SIZE, **like)  # fmt: skip
    assert said == record["warnings"] == []
    assert record["grey_distance"] == pytest.approx(0, abs=1e-3)
    record = segment_volume(ArrayVolume(SMOOTH), segmenter, tmp_path / "other", options,
                            voxel_nm=(50.0, 10.0, None), **like)  # fmt: skip
    assert [f"warning: {line}" for line in record["warnings"]] == said
    assert "taken: x 10 nm" in said[0]
    assert "unlike those of every training sample" in said[1]
    assert record["voxel_nm"] == list(SIZE)
    assert record["voxel_nm_assumed"] == ["x"]
    grey_alone = said.pop()
    said.clear()
    record = segment_volume(ArrayVolume(SMOOTH), segmenter, tmp_path / "other", options,
                            voxel_nm=SIZE, **like)  # fmt: skip
    assert said == []  # the same size, stated by now
    assert [f"warning: {line}" for line in record["warnings"]] == [grey_alone]
    assert record["voxel_nm_assumed"] == []


def test_a_size_that_is_given_against_the_files_is_said(segmenter, tmp_path):
    """Most often its axes are in another order; volumes and sizes of pores follow from it."""
    path, said = tmp_path / "film", []
    with create_volume(path, FEW.shape, np.uint8, format="tiff", voxel_nm=SIZE) as writer:
        writer.write(0, FEW)
    record = segment_volume(
        open_volume(path), segmenter, tmp_path / "out", Options(previews=0),
        voxel_nm=(10.0, None, 50.0), trained=[TrainedOn((None, None, None))], say=said.append,
    )  # fmt: skip
    assert record["voxel_nm"] == pytest.approx([10, 10, 50])
    assert record["warnings"] == [
        "pixels of 10 x 50 nm (y, x) are far from square: sizes stand as z, y, x",
        "the files state 50 nm along z, but `voxel_nm` says 10 nm",
        "the files state 10 nm along x, but `voxel_nm` says 50 nm",
    ]
    assert said == [f"warning: {line}" for line in record["warnings"]]


@pytest.mark.parametrize(
    ("size", "said"),
    [(SIZE, []), ((0.5, 0.1, 0.1), ["finer than FIB-SEM"]), ((10.0, 10.0, 50.0), ["from square"])],
)
def test_a_size_in_another_unit_or_order_is_said(segmenter, tmp_path, size, said):
    """Of a film whose files state none nothing else tells: pores were a thousandth as wide."""
    record = segment_volume(
        ArrayVolume(FEW), segmenter, tmp_path, Options(previews=0), voxel_nm=size, say=str
    )
    assert len(record["warnings"]) == len(said)
    assert all(part in line for part, line in zip(said, record["warnings"], strict=True))


@pytest.mark.parametrize(("least", "said"), [(0.001, 1), (5000.0, 1), (5001.0, 0), (0.0, 0)])
def test_a_least_volume_that_removes_nothing_is_said(segmenter, tmp_path, least, said):
    """People think of cubic micrometres, or of voxels: nothing was removed, with exit 0."""
    options = Options(previews=0, min_volume_nm3=least)
    record = segment_volume(ArrayVolume(FEW), segmenter, tmp_path, options,
                            voxel_nm=SIZE, say=str)  # fmt: skip
    lines = [line for line in record["warnings"] if "removes nothing" in line]
    assert len(lines) == said
    assert all("a voxel has 5000 nm3" in line for line in lines)


@pytest.mark.parametrize(("ends", "said"), [((0, 60), 1), ((160, 255), 1), ((0, 255), 0)])
def test_a_range_beyond_which_most_of_the_film_lies_is_said(segmenter, tmp_path, ends, said):
    volume = ArrayVolume(FEW, value_range=ends)
    beyond = [100 * float(np.mean(some)) for some in (ends[0] > FEW, ends[1] < FEW)]
    record = segment_volume(volume, segmenter, tmp_path, Options(previews=0), say=str)
    lines = [line for line in record["warnings"] if "below the range of" in line]
    assert len(lines) == said
    for line in lines:
        assert f"the range of {ends[0]} to {ends[1]} that they are read by" in line
        shares = [float(part.split("%")[0].split()[-1]) for part in line.split(", ")]
        assert shares == pytest.approx(beyond, abs=1.5)


def test_of_an_older_bundle_nothing_is_said(segmenter, tmp_path):
    Bundle(segmenter, SIZE).save(tmp_path / "bundle")
    trained = [load_bundle(tmp_path / "bundle").trained]
    said = []
    record = segment_volume(
        ArrayVolume(SMOOTH), segmenter, tmp_path / "out", Options(previews=0),
        voxel_nm=SIZE, trained=trained, say=said.append,
    )  # fmt: skip
    assert said == []
    assert record["grey_distance"] is None


def test_twelve_bits_in_sixteen_are_said_of_a_model_that_does_not_standardise(segmenter, tmp_path):
    raw = replace(segmenter, recipe=Recipe("none", "none"))
    eight, twelve = ArrayVolume(FEW), ArrayVolume(FEW.astype(np.uint16) * 16)
    moments = greys_of(CorrectedVolume(eight, fit_correction(eight, raw.recipe))).moments
    assert moments.mean == pytest.approx(FEW.mean() / 255, abs=1e-3)
    assert moments.spread == pytest.approx(FEW.std() / 255, abs=1e-3)
    Bundle(raw, SIZE, Audit(moments={"a": moments})).save(tmp_path / "bundle")
    trained, options = [load_bundle(tmp_path / "bundle").trained], Options(previews=0)
    for name, film_of, by in (
        ("same", eight, raw),
        ("declared", twelve.with_range((0, 4095)), raw),
        ("standardised", twelve, segmenter),
        ("dark", twelve, raw),
    ):
        said = []
        record = segment_volume(film_of, by, tmp_path / name, options, voxel_nm=SIZE,
                                trained=trained, say=said.append)  # fmt: skip
        assert [f"warning: {line}" for line in record["warnings"]] == said
        assert len(said) == (name == "dark")
    assert "range=[low,high] says what is black and white" in said[0]
    assert "scaling=none of the model" in said[0]


def test_the_model_that_knows_nothing_like_a_film_counts():
    own, like, unlike = Moments(0.5, 0.1), Moments(0.55, 0.12), Moments(0.9, 0.1)
    assert not list(scale_warnings(own, [(like, unlike), ()], "none"))
    assert "nearest: 0.9, 0.1" in next(scale_warnings(own, [(like,), (unlike,)], "minmax"))
    assert own.off(Moments(0.5, 0.0)) == np.inf


@pytest.mark.slow
def test_parts_of_one_real_film_are_not_said_to_be_dark_or_flat(stacks):
    for stack, quarters in stacks.values():
        whole, *parts = (
            greys_of(CorrectedVolume(one, fit_correction(one, Recipe("none", "none")))).moments
            for one in map(ArrayVolume, (stack, *quarters))
        )
        assert max(part.off(whole) for part in parts) < 0.3


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((24, 300, 300), ""), ((2, 6, 6), ""), ((1, 300, 300), "z"), ((1, 5, 1), "zyx")],
)
def test_a_film_that_ends_before_the_window_does_is_said(shape, axes):
    """Each window saw the film mirrored on both sides, and nothing told."""
    said = list(mirrored(shape, (1, 5, 5)))
    assert [line.partition(" along ")[2][0] for line in said] == list(axes)
    assert all("the film mirrored, which no training saw" in line for line in said)
