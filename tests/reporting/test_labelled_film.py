"""The grey values beside labels are those of the film that was labelled."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from fibsem.data.dataset.digests import slice_digests
from fibsem.data.volumes import create_volume, open_volume
from fibsem.errors import UserError
from fibsem.reporting.browser import Layers
from fibsem.reporting.labelled_film import check_film, grey_values
from fibsem.system.files import write_json
from fibsem.system.summaries import SegmentedFilm

GREY = np.random.default_rng(0).integers(0, 255, (5, 12, 14)).astype(np.uint8)
FILM = SegmentedFilm(
    porosity=0.3, porosity_ci=(0.2, 0.4), volume="film", shape=GREY.shape, labels="labels"
)


def write(path, values):
    with create_volume(path, values.shape, values.dtype, format="tiff") as writer:
        writer.write(0, values)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A film and its ledger, and another film at the same relative path of another project."""
    for name, values in (("here", GREY), ("there", 255 - GREY)):
        write(tmp_path / name / "film", values)
        write(tmp_path / name / "truth_slices", values)
    digests = slice_digests(open_volume(tmp_path / "here" / "film"))
    write_json(tmp_path / "out" / "ledger.json", {"read": {str(z): d for z, d in digests.items()}})
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_it_is_known_by_what_was_read(home, monkeypatch):
    np.testing.assert_array_equal(grey_values(home / "out", FILM).whole(), GREY)
    monkeypatch.chdir(home / "there")
    assert grey_values(home / "out", FILM) is None
    layers = Layers.of("film", home / "out", FILM, FILM)
    assert not {"grey", "truth"} & set(layers.volumes)


def test_a_film_that_was_copied_is_the_same(home):
    shutil.copytree(home / "here" / "film", home / "here" / "copy")
    assert grey_values(home / "out", replace(FILM, volume="copy")) is not None


def test_labels_are_laid_over_no_other_film_than_theirs(home):
    """With ``view volume=PATH`` any film did, of any shape."""
    shutil.copytree(home / "here" / "film", home / "moved")
    check_film(home / "out", FILM, home / "moved")
    for other in (home / "there" / "film", home / "nowhere"):
        with pytest.raises(UserError, match=r"`volume` must be the film whose labels are in"):
            check_film(home / "out", FILM, other)


@pytest.mark.parametrize("change", [{"volume": None}, {"volume": "gone"}, {"shape": (5, 12, 15)}])
def test_what_is_not_there_is_none(home, change):
    assert grey_values(home / "out", replace(FILM, **change)) is None


def test_a_segmentation_of_an_earlier_version_is_known_by_its_shape(home):
    (home / "out" / "ledger.json").unlink()
    assert grey_values(home / "out", FILM) is not None
