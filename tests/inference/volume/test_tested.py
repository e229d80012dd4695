"""Porosity corrected by a film's own test squares; squares of others do not count."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from fibsem.analysis.intervals import difference_estimate, labelled_over_mapped
from fibsem.analysis.labelled_squares import map_error
from fibsem.analysis.metrics import Confusion
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.material import look_for
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume, create_volume, open_volume
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.reading import Reading
from fibsem.inference.volume.segmentation import segment_volume
from fibsem.inference.volume.tested import FilmSquares, porosity_by_seed, porosity_interval
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold
from tests.data.material.films import film as textured

ROWS = [
    {"at": [k % 3, 40 * (k // 3), 0], "chosen": [[30 + k, 10 - k], [2 * k, 60 - 2 * k]]}
    for k in range(21)
]


def film(seed, depth=4):
    grey = np.random.default_rng(seed).integers(0, 255, (depth, 20, 30)).astype(np.uint8)
    return ArrayVolume(grey)


@pytest.fixture
def own():
    return FilmSquares.of("A", film(0), ROWS, "chosen")


def test_squares_of_one_place_are_one_cluster(own):
    assert len(own.squares) == 7
    assert own.squares[0] == Confusion(((30 + 31 + 32, 10 + 9 + 8), (0 + 2 + 4, 60 + 58 + 56)))


def test_errors_of_small_parts_are_added_up_and_travel_along(own):
    assert own.parts is None
    rows = [{**row, "parts": [4, 0.2, 0.05]} for row in ROWS]
    told = FilmSquares.of("A", film(0), rows, "chosen")
    assert told.parts.count == 84
    assert FilmSquares.from_json(told.to_json()) == told
    assert told.interval(0.3)["parts_sd"] == pytest.approx(np.sqrt(0.05 / 4 - 0.05**2))
    older = {key: value for key, value in own.to_json().items() if key != "parts"}
    assert FilmSquares.from_json(older) == own
    assert own.interval(0.3)["parts_sd"] is None


def test_the_interval_is_that_of_the_films_own_squares(own):
    other = replace(own, sample="B", slices={0: "another"})
    told = porosity_interval(own, 0.3, [other, own], Options())
    estimate = difference_estimate(0.3, own.squares)
    assert told["porosity_corrected"] == estimate.porosity
    interval = told["porosity_interval"]
    assert interval["volume"] == list(estimate.interval)
    assert (interval["squares"], interval["degrees"], interval["why"]) == (7, 6, None)
    assert interval["post_stratified"]["volume"][0] < interval["post_stratified"]["porosity"]
    assert set(interval["others"]) == {"B"}
    assert interval["labelled_over_mapped"] == labelled_over_mapped(own.squares)


def test_outlines_one_pixel_off_stand_beside_the_interval(own):
    found = porosity_interval(own, 0.3, [own], Options(), 0.05)["porosity_interval"]
    low, high = found["volume"]
    assert low < 0.05  # and no porosity is below 0
    assert found["one_pixel_off"] == [0.0, pytest.approx(high + 0.05)]
    beside = found["post_stratified"]
    assert beside["one_pixel_off"][1] == pytest.approx(beside["volume"][1] + 0.05)
    none = porosity_interval(own, 0.3, [own], Options())["porosity_interval"]
    assert none["one_pixel_off"] is None
    assert "one_pixel_off" not in porosity_interval(None, 0.3, [own], Options(), 0.05)


def test_seeds_that_a_promotion_ranked_by_travel_with_the_squares(own):
    told = replace(own, seeds=(0.3, 0.32, 0.31))
    assert FilmSquares.from_json(told.to_json()) == told
    other = replace(own, sample="B")
    found = porosity_by_seed(told, [told, other]).to_json()
    assert (found["seeds"], found["why"], found["others"]) == (3, None, {})
    assert found["sd"] == pytest.approx(0.01)
    for none in (other, None):
        found = porosity_by_seed(none, [told, other]).to_json()
        assert found["sd"] is None
        assert found["each"] is None
        assert found["why"] == "on this film"
        assert found["others"] == {"A": pytest.approx(0.01)}
    assert porosity_by_seed(own, [own]).why == "promote rank.k=2 does"


@pytest.mark.parametrize("volume", [film(1), film(0, depth=5)])
def test_squares_of_another_film_tell_no_interval_and_are_shown(own, volume):
    assert not own.is_of(volume)
    told = porosity_interval(None, 0.3, [own], Options())
    assert told["porosity_corrected"] is None
    assert told["porosity_interval"]["volume"] is None
    assert "not tested on squares of this film" in told["porosity_interval"]["why"]
    assert told["porosity_interval"]["others"]["A"]["bias"] == pytest.approx(
        map_error(own.squares).bias
    )


def test_too_few_squares_tell_none(own):
    few = replace(own, squares=own.squares[:5])
    told = porosity_interval(few, 0.3, [few], Options())["porosity_interval"]
    assert told["volume"] is None
    assert told["why"] == "5 test squares are too few, 6 are needed"


def test_squares_that_were_drawn_where_pores_are_correct_no_film(own):
    """About 60 % of them is mapped as pore, give or take 19 from place to place."""
    told = porosity_interval(own, 0.01, [own], Options())
    assert told["porosity_corrected"] is None
    found = told["porosity_interval"]
    assert found["volume"] is None
    assert found["why"] == (
        "the map has 60.0 % pores on the test squares and 1.0 % in the film: they do not lie in it "
        "by chance"
    )
    assert own.interval(0.01) is None
    assert own.interval(0.3) is not None


def test_what_the_squares_do_not_know_is_not_told(own):
    told = porosity_interval(own, 0.3, [own], Options(min_volume_nm3=1e6))
    assert told["porosity_corrected"] is None
    assert "min_volume_nm3" in told["porosity_interval"]["why"]
    told = porosity_interval(own, 0.3, [own], Options(symmetry=2))
    assert told["porosity_corrected"] is None
    assert "scored in one view" in told["porosity_interval"]["why"]
    told = porosity_interval(None, 0.3, [], Options(), models=2)
    assert "of one model, and not of the mean of 2" in told["porosity_interval"]["why"]
    told = porosity_interval(None, 0.3, [], Options())
    assert "no test squares" in told["porosity_interval"]["why"]


@pytest.mark.parametrize(
    ("mine", "theirs", "why"),
    [
        (("auto", 0, (0, 255)), ("auto", 0, (0, 255)), None),
        (("auto", 0, (0, 255)), ("all", 0, (0, 255)), None),  # nothing was found
        (("auto", 9, (0, 255)), ("all", 0, (0, 255)), "valid=auto, and not with valid=all"),
        (("mask a", 9, (0, 255)), ("auto", 0, (0, 255)), "valid=PATH of a mask, and not with v"),
        (("mask a", 9, (0, 255)), ("mask b", 9, (0, 255)), "another mask"),
        (("all", 0, (0, 255)), ("all", 0, (0, 99.5)), r"range=[0,255], and not with range=[0,99.5"),
    ],
)
def test_squares_of_a_film_that_was_read_otherwise_are_of_another_map(own, mine, theirs, why):
    own = replace(own, reading=Reading(*mine))
    assert FilmSquares.from_json(own.to_json()) == own
    told = porosity_interval(own, 0.3, [own], Options(), reading=Reading(*theirs))
    assert (told["porosity_corrected"] is None) == (why is not None)
    assert (why or "") in (told["porosity_interval"]["why"] or "")


def test_squares_that_do_not_know_how_their_film_was_read_count(own):
    older = {key: value for key, value in own.to_json().items() if key != "reading"}
    old = FilmSquares.from_json(older)
    told = porosity_interval(old, 0.3, [old], Options(), reading=Reading("all", 0, (0, 99)))
    assert told["porosity_corrected"] is not None


def test_masks_are_told_apart_by_what_they_hold(tmp_path):
    readings = []
    for name, column in (("a", 3), ("b", 3), ("c", 5)):
        mask = np.ones((20, 30), np.uint8)
        mask[:, column] = 0
        tifffile.imwrite(tmp_path / f"{name}.tif", mask)
        extent = look_for(film(0), str(tmp_path / f"{name}.tif"))
        readings.append(Reading.of(extent, str(tmp_path / f"{name}.tif"), film(0).value_range))
    one, same, other = readings
    assert one == same
    assert (one.left_out, one.value_range) == (80, (0, 255))
    assert one.unlike(other) == "another mask in `valid`"


def test_a_rim_that_is_measured_as_pore_takes_the_interval_away(tmp_path):
    grey, _ = textured()
    grey[:, :, :9] = 0
    volume, spec = ArrayVolume(grey), resolve("threshold", Nbhd(1, 11, 11), "valid")
    reading = Reading.of(look_for(volume, "auto"), "auto", volume.value_range)
    assert reading.left_out == 9 * grey.shape[0] * grey.shape[1]
    tested = [FilmSquares.of("A", volume, ROWS, "chosen", reading=reading)]
    segmenter = Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(), "otsu")
    for valid, why in (("auto", None), ("all", "scored with valid=auto, and not with valid=all")):
        told = segment_volume(
            volume, segmenter, tmp_path / valid, Options(previews=0, valid=valid),
            voxel_nm=(50.0, 10.0, 10.0), tested=tested, say=lambda text: None,
        )  # fmt: skip
        assert told["sample"] == "A"
        assert (why or "") in (told["porosity_interval"]["why"] or "")
        assert (told["porosity_corrected"] is None) == (valid == "all")


def test_a_film_is_known_again_where_it_lies_now(own, tmp_path):
    with create_volume(tmp_path / "a", (4, 20, 30), np.uint8, format="tiff") as writer:
        writer.write(0, film(0).source.array)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert own.is_of(open_volume(tmp_path / "b"))
    assert FilmSquares.from_json(own.to_json()) == own
