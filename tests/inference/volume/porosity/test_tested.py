"""Squares that a model was tested on travel with it, and their film is known again."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from fibsem.analysis.metrics import Confusion
from fibsem.analysis.porosity_told import corrected_text
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.dataset.digests import slice_digests
from fibsem.data.material import look_for
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume, create_volume, open_volume
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume import work
from fibsem.inference.volume.porosity.interval import corrected_porosity
from fibsem.inference.volume.porosity.reading import Reading
from fibsem.inference.volume.porosity.tested import FilmSquares
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold
from fibsem.system.summaries.porosity import FilmPorosity
from fibsem.system.summaries.promotion import SquareRow
from tests.data.material.films import film as textured
from tests.inference.volume.segmented import segment_volume

ROWS = [
    SquareRow(
        split="test", sample="A", region=str(k), at=(k % 3, 40 * (k // 3), 0), loss=None,
        half=((40, 0), (0, 60)), chosen=((30 + k % 11, 10 - k % 11), (2 * k, 60 - 2 * k)),
    )
    for k in range(21)
]  # fmt: skip


def film(seed, depth=4):
    grey = np.random.default_rng(seed).integers(0, 255, (depth, 20, 30)).astype(np.uint8)
    return ArrayVolume(grey)


def squares_of(volume, rows=ROWS, **more):
    """Scored squares of a film that is called A."""
    return FilmSquares.of("A", volume.shape, slice_digests(volume), rows, **more)


def is_of(squares, volume):
    return squares.is_of(volume.shape, slice_digests(volume))


@pytest.fixture
def own():
    return squares_of(film(0))


@pytest.mark.parametrize("z", range(9))
def test_a_film_is_known_by_all_its_slices(z):
    """Three of them, as before, are also in a film whose others were registered or mended since."""
    own, other = squares_of(film(0, 9)), film(0, 9).whole()
    assert is_of(own, ArrayVolume(other.copy()))
    other[z, 3, 4] ^= 1
    assert not is_of(own, ArrayVolume(other))


def test_a_bundle_of_an_earlier_version_knows_a_film_by_some_slices():
    own = squares_of(film(0, 9))
    some = replace(own, slices={z: own.slices[z] for z in (0, 4, 8)})
    assert is_of(some, film(0, 9))
    assert not is_of(some, film(1, 9))


@pytest.mark.parametrize(("depth", "crowded"), [(4, None), (6, None), (7, (0, 2)), (40, (0, 2))])
def test_squares_of_less_than_half_of_a_film_are_said_to_be(depth, crowded):
    """Those of dense labels are its last slices, and not in it by chance."""
    own = FilmSquares.from_json(squares_of(film(0, depth)).to_json())
    assert own.crowded == crowded
    told = corrected_porosity(own, 0.3, [own], Options())
    assert told.interval.slices == crowded
    text = corrected_text(FilmPorosity(0.3, None, told.porosity, told.interval))
    assert ("7 places, all of slices 0 to 2" in text) == (crowded is not None)


def test_squares_of_one_place_are_one_cluster(own):
    assert len(own.squares) == 7
    assert own.squares[0] == Confusion(((30 + 31 + 32, 10 + 9 + 8), (0 + 2 + 4, 60 + 58 + 56)))


def test_errors_of_small_parts_are_added_up_and_travel_along(own):
    assert own.parts is None
    rows = [replace(row, parts=(4, 0.2, 0.05)) for row in ROWS]
    told = squares_of(film(0), rows)
    assert told.parts.count == 84
    assert FilmSquares.from_json(told.to_json()) == told
    assert told.interval(0.3).parts_sd == pytest.approx(np.sqrt(0.05 / 4 - 0.05**2))
    older = {key: value for key, value in own.to_json().items() if key != "parts"}
    assert FilmSquares.from_json(older) == own
    assert own.interval(0.3).parts_sd is None


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
    grey = textured()[0].copy()
    grey[:, :, :9] = 0
    volume, spec = ArrayVolume(grey), resolve("threshold", Nbhd(1, 11, 11), "valid")
    reading = Reading.of(look_for(volume, "auto"), "auto", volume.value_range)
    assert reading.left_out == 9 * grey.shape[0] * grey.shape[1]
    tested = [squares_of(volume, reading=reading)]
    segmenter = Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(), "otsu")
    for valid, why in (("auto", None), ("all", "scored with valid=auto, and not with valid=all")):
        told = segment_volume(
            volume, segmenter, tmp_path / valid, Options(previews=0, valid=valid),
            voxel_nm=(50.0, 10.0, 10.0), tested=tested, say=lambda text: None,
        )  # fmt: skip
        assert told["sample"] == "A"
        said = told["porosity_interval"]["why"]
        assert said is None if why is None else why in said
        assert (told["porosity_corrected"] is None) == (valid == "all")


def test_of_two_samples_of_one_film_the_squares_of_the_larger_count(own, tmp_path):
    """As of dense labels and squares; the first one alone told of its film, whatever it had."""
    volume, spec = film(0), resolve("threshold", Nbhd(1, 11, 11), "valid")
    segmenter = Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(), "otsu")
    few, strange = (
        replace(own, sample="dense", squares=own.squares[:4]),
        replace(own, slices={0: "x"}),
    )
    told = segment_volume(
        volume, segmenter, tmp_path, Options(previews=0, valid="all"), voxel_nm=(50.0, 10.0, 10.0),
        tested=[few, own, replace(strange, sample="C")], say=lambda text: None,
    )  # fmt: skip
    assert told["sample"] == "A"
    assert list(told["porosity_interval"]["others"]) == ["C"]
    assert told["porosity_interval"]["why"] is None  # of four places there is none
    read_otherwise = replace(own, reading=Reading("all", 0, (0, 99)))
    read_alike = replace(few, reading=Reading("auto", 0, (0, 255)))
    assert (
        FilmSquares.most([read_otherwise, read_alike], Reading("auto", 0, (0, 255))) == read_alike
    )


def test_a_film_is_known_again_where_it_lies_now(own, tmp_path):
    with create_volume(tmp_path / "a", (4, 20, 30), np.uint8, format="tiff") as writer:
        writer.write(0, film(0).source.array)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert is_of(own, open_volume(tmp_path / "b"))
    assert FilmSquares.from_json(own.to_json()) == own


def test_a_film_is_known_by_what_was_read_to_label_it(own, tmp_path, monkeypatch):
    """It was read a second time for that; now only what an earlier version did not note is."""
    spec = resolve("threshold", Nbhd(1, 11, 11), "valid")
    segmenter = Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(), "otsu")
    read = []
    monkeypatch.setattr(work, "slice_digests", lambda *given: read.append(given) or own.slices)

    def sample():
        return segment_volume(
            film(0), segmenter, tmp_path, Options(previews=0, valid="all"), tested=[own], say=str
        )["sample"]

    assert sample() == "A"
    assert read == []
    ledger = json.loads((tmp_path / "ledger.json").read_text())
    (tmp_path / "ledger.json").write_text(json.dumps({**ledger, "read": {"1": own.slices[1]}}))
    assert sample() == "A"
    ((_, unknown),) = read
    assert unknown == [0, 2, 3]
