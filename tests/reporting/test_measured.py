"""Whose figures a quantification tells, whatever became of folders, paths and times."""

import os
import shutil

import numpy as np
import pytest
import tifffile

from fibsem.data.dataset.digests import slice_digests
from fibsem.data.volumes import open_volume
from fibsem.errors import UserError
from fibsem.quantification.segmented import Segmented, hash_of
from fibsem.reporting.films import labelled_porosity
from fibsem.reporting.measured import check_of, outdated
from fibsem.reporting.results import find_results
from fibsem.reporting.structure import latest_of
from fibsem.system.files import read_json
from fibsem.system.records import typed
from fibsem.system.summaries import SegmentationSummary, SegmentedFilm
from tests.reporting.records import change, quantification, segmentation

PORES = {"one": 0.26, "other": 0.45}


@pytest.fixture
def films(tmp_path, monkeypatch):
    """Two films labelled and measured in `out`, each by a path relative to where that was typed."""
    monkeypatch.chdir(tmp_path)
    for name, porosity in PORES.items():
        of_film(tmp_path, name, porosity, f"out/{name}")
    return tmp_path / "out"


def of_film(top, labelling, porosity, place):
    folder, measured = top / place, top / f"{place}-structure"
    segmentation(folder, [porosity, None, porosity])
    change(folder, porosity=porosity, labelling=labelling)
    quantification(measured)
    own = {"segmentation": place, "labelling": labelling, "porosity": porosity}
    change(measured, **own, shape=[3, 10, 10])
    os.utime(folder / "summary.json", (0, 0))


def told(*folders):
    """Porosity of every segmentation as a report tells it, and of every structure, by labelling."""
    results = find_results(folders, "film").whole()
    maps = {
        one.folder: labelled_porosity(one, results).porosity
        for one in results.of(SegmentationSummary)
    }
    return maps, {name: one.summary.porosity for name, one in latest_of(results).items()}


def test_folders_that_were_renamed_keep_their_own_figures(films):
    (films / "one").rename(films / "third")
    (films / "other").rename(films / "one")
    (films / "third").rename(films / "other")
    maps, structure = told(films)
    assert maps == {films / "other": 0.26, films / "one": 0.45}
    assert structure == {"other": 0.26, "one": 0.45}
    assert outdated(find_results([films], "film")) == []


def test_projects_with_the_same_folders_keep_their_own_figures(films, tmp_path, monkeypatch):
    shutil.copytree(films, tmp_path / "project" / "out")
    elsewhere = tmp_path / "project" / "out" / "one"
    for folder in (elsewhere, elsewhere.with_name("one-structure")):
        change(folder, porosity=0.7, labelling="third")
    maps, structure = told(films, elsewhere.parent)
    assert (maps[films / "one"], maps[elsewhere]) == (0.26, 0.7)
    assert sorted(structure.values()) == [0.26, 0.45, 0.7]
    monkeypatch.chdir(tmp_path / "project")
    assert told(films, elsewhere.parent) == (maps, structure)


@pytest.mark.parametrize("later", [-10, 10])
def test_labels_made_in_another_way_are_others_whatever_the_times_say(films, later):
    change(films / "one", labelling="anew", porosity=0.9)
    measured = films / "one-structure" / "summary.json"
    when = (films / "one" / "summary.json").stat().st_mtime + later
    os.utime(measured, (when, when))
    maps, structure = told(films)
    assert maps[films / "one"] == 0.9
    assert list(structure) == ["other"]
    assert outdated(find_results([films], "film")) == [films / "one"]


def test_labels_that_were_mended_by_hand_are_told_as_they_were_measured_since(films):
    change(films / "one-structure", porosity=0.3)
    assert told(films)[0][films / "one"] == 0.3


@pytest.fixture
def mended(films):
    """The labels of a film, mended and measured since: its structure says what they held then."""
    labels = films / "one" / "labels.tif"
    draw(labels, solid=3)
    then = hash_of(slice_digests(open_volume(labels)))
    change(films / "one", labels=labels.name)
    change(films / "one-structure", porosity=0.3, labels_hash=then)
    return labels


def draw(path, solid):
    """Labels of three slices, of which so many columns are solid."""
    drawn = np.zeros((3, 10, 10), np.uint8)
    drawn[..., :solid] = 255
    tifffile.imwrite(path, drawn, photometric="minisblack")


@pytest.mark.parametrize("case", ["moved", "repeated", "mended again"])
def test_what_was_measured_of_mended_labels_is_told_as_long_as_they_are_those(films, mended, case):
    """Whatever clocks and paths say: the porosity before they were mended is another one."""
    if case == "moved":
        (films / "one").rename(films / "third")
    else:
        os.utime(films / "one" / "summary.json")
    if case == "mended again":
        draw(mended, solid=4)
    maps, structure = told(films)
    name = "third" if case == "moved" else "one"
    assert maps[films / name] == (0.26 if case == "mended again" else 0.3)
    assert ("one" in structure or "third" in structure) == (case != "mended again")


def test_films_whose_labels_lie_elsewhere_keep_their_own_row(tmp_path):
    """Both were measured as `segmentation=labels`, each in a folder of its own."""
    for name in ("a", "b"):
        quantification(tmp_path / name)
        change(tmp_path / name, segmentation="labels", labelling=name, shape=[3, 10, 10])
    rows = latest_of(find_results([tmp_path], "film").whole())
    assert list(rows) == ["labels (1)", "labels (2)"]


def test_records_of_earlier_versions_are_known_by_their_folder(films):
    for folder in (films / "one", films / "one-structure"):
        record = read_json(folder / "summary.json", remedy="")
        del record["labelling"]
        change(folder, labelling=None)
    assert told(films)[1] == {"one": 0.26, "other": 0.45}


def test_nothing_is_laid_over_labels_of_another_film_in_a_folder_of_that_name(films):
    record = read_json(films / "other" / "summary.json", remedy="")
    segmented = Segmented(films / "other", typed(SegmentedFilm, record), None, "nm")
    check_of(segmented, films / "other-structure")
    change(films / "other-structure", labelling="one")
    with pytest.raises(UserError, match=r"must be of the labels in .*other, but .* its former"):
        check_of(segmented, films / "other-structure")
