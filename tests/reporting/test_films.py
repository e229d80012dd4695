"""What a report tells of every film: its porosity, and what stands beside it."""

import os

import numpy as np
import pandas as pd
import pytest

from fibsem.analysis import figures
from fibsem.analysis.porosity_told import seeds_text
from fibsem.errors import UserError
from fibsem.reporting.films import labelled_porosity
from fibsem.reporting.results import FinishedCommand, Results
from fibsem.system.file_names import subfolder_of
from tests.reporting.records import (
    CORRECTED,
    OWN,
    change,
    evaluation,
    facts,
    inspection,
    promotion,
    quantification,
    segmentation,
)


def test_segmented_volumes_have_their_porosity_by_slice(tmp_path, report):
    for name in ("p/volumes/HPC22", "q/volumes/HPC22", "own"):
        segmentation(tmp_path / "out" / name, [0.2, None, 0.4])
    record, _ = report()
    assert record["figures"] == ["figures/porosity_by_slice.png"]
    drawing, latex = "figures/porosity_by_slice.svg", "tables/segmentations.tex"
    assert (tmp_path / "report" / drawing).read_text().startswith("<?xml")
    assert (
        r"q/HPC22 & 30.00 & an older version made it & "
        in (tmp_path / "report" / latex).read_text()
    )
    table = pd.read_csv(tmp_path / "report" / "tables" / "segmentations.csv", dtype=str)
    assert sorted(table["volume"]) == ["own", "p/HPC22", "q/HPC22"]
    assert set(table["porosity %"]) == {"30.00"}
    assert not set(table) & {"corrected %", "members alone", "annotators apart, points"}  # empty
    assert set(table["model"]) == {"version 1 (2 x 2dcnn 33x33x3)"}


@pytest.mark.parametrize(
    "left",
    [
        "", "z,porosity,note\n0,0.2", "z,porosity,note\n0,0.2,\n1,,missing\n2,a,\n", None,
        "z,porosity,note\n0,20,\n1,,missing\n2,40,\n",
    ],
)  # fmt: skip
def test_a_damaged_table_of_a_segmentation_is_one_line(tmp_path, report, left):
    segmentation(tmp_path / "out" / "own", [0.2, None, 0.4])
    table = tmp_path / "out" / "own" / "porosity.csv"
    table.unlink()
    if left is not None:
        table.write_text(left)
    with pytest.raises(UserError, match=r"porosity\.csv is damaged .*fibsem\.segment") as caught:
        report()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "left", ["z;porosity\n0;0,2\n1;\n2;0,4\n", "z,porosity\n0,0.2\n", "z,Porosität\n0,0.2\n"]
)
def test_a_profile_that_a_spreadsheet_saved_is_one_line(tmp_path, report, left):
    """It was a traceback, or a curve of fewer slices."""
    segmentation(tmp_path / "out" / "own", [0.2, None, 0.4])
    quantification(tmp_path / "out" / "q")
    change(tmp_path / "out" / "q", segmentation=str(tmp_path / "out" / "own"), porosity=0.4)
    profile = tmp_path / "out" / "q" / "profile.csv"
    profile.write_text("z,porosity\n0,0.3\n1,\n2,0.5\n")
    report()
    profile.write_text(left)
    with pytest.raises(UserError, match=r"profile\.csv is damaged .*fibsem\.quantify") as caught:
        report()
    assert "\n" not in str(caught.value)


def test_films_that_segment_labelled_are_told_on_top_like_those_of_a_promotion(tmp_path, report):
    """Each film once, by its latest segmentation; also where a promotion segmented none."""
    promotion(tmp_path / "out" / "p")
    change(tmp_path / "out" / "p", samples={})
    segmentation(tmp_path / "out" / "p" / "volumes" / "HPC22", [0.2, None, 0.4])
    segmentation(tmp_path / "out" / "again", [0.2, None, 0.4])
    segmentation(tmp_path / "out" / "other", [0.2, None, 0.4])
    for name, volume in (("p/volumes/HPC22", "a"), ("again", "a"), ("other", "b")):
        change(tmp_path / "out" / name, volume_hash=volume)
    change(tmp_path / "out" / "again", **CORRECTED, porosity_per_px_of_boundary=0.04)
    for k, name in enumerate(("p/volumes/HPC22", "again", "other")):
        os.utime(tmp_path / "out" / name / "summary.json", (k, k))
    _, page = report()
    told = {name: text for name, text in facts(page).items() if name.startswith("Porosity")}
    assert list(told) == ["Porosity of again", "Porosity of other"]
    assert told["Porosity of again"].startswith(
        "30.00 % [25.00, 35.00], corrected by test squares of 7 places; 21.00 to 39.00 % if "
        "every outline were drawn one pixel off; map 30.00 %"
    )
    assert told["Porosity of other"].startswith("30.00 % by the map, no interval: ")
    assert "1 slice is missing (1): figures are of what is there." in page
    assert "other: the size of a voxel is not known" in page
    assert "HPC22" not in page.partition("<section")[0]


def test_a_film_of_a_promotion_that_was_segmented_elsewhere_is_told_once(tmp_path, report):
    """And one whose folder has another name than the film, as of very long names."""
    name = "x" * 150
    promotion(tmp_path / "out" / "p")
    change(tmp_path / "out" / "p", samples={k: {"porosity": 0.9} for k in ("HPC22", name)})
    places = [subfolder_of(tmp_path / "out" / "p" / "volumes", one) for one in ("HPC22", name)]
    for k, folder in enumerate([*places, tmp_path / "out" / "eight"]):
        segmentation(folder, [0.2, None, 0.4])
        change(folder, volume_hash="b" if k == 1 else "a", sample="HPC22" if k == 2 else None)
        os.utime(folder / "summary.json", (k, k))
    _, page = report()
    assert "90.00 %" not in page
    assert page.count("Porosity of eight") == 1


def test_a_film_that_others_labelled_tells_whose_model_it_was(tmp_path, report):
    segmentation(tmp_path / "out" / "own", [0.2, None, 0.4])
    segmentation(tmp_path / "out" / "theirs", [0.2, None, 0.4])
    for name, origin in (("own", "film"), ("theirs", "another")):
        lineage = [{"dataset": origin, "data": "c8d2"}]
        change(tmp_path / "out" / name, volume_hash="a", lineage=lineage)
    segmentation(tmp_path / "out" / "elsewhere", [0.2, None, 0.4])
    change(tmp_path / "out" / "elsewhere", lineage=[{"dataset": "another", "data": "x"}])
    record, page = report()
    assert "(2 x 2dcnn 33x33x3), trained on another<" in page
    assert page.count("trained on another") == 1
    assert record["elsewhere"] == [str(tmp_path / "out" / "elsewhere")]
    assert facts(page)["Not shown"].startswith("1 segmentation of films that are not known to be")


def test_what_a_quantification_measured_since_is_told_on_top(tmp_path, report):
    """The boundary of all slices; and that labels were changed, where they were."""
    folder = tmp_path / "out" / "HPC22"
    segmentation(folder, [0.2, None, 0.4])
    change(folder, **CORRECTED)
    quantification(tmp_path / "out" / "q")
    same = {"segmentation": str(folder), "porosity": 0.3, "porosity_per_px_of_boundary": 0.05}
    change(
        tmp_path / "out" / "q",
        **same,
        **CORRECTED | {"porosity_interval": {**OWN, "material": None}},
    )
    os.utime(folder / "summary.json", (0, 0))
    assert "20.00 to 40.00 % if every outline" in facts(report()[1])["Porosity of HPC22"]
    changed = {"volume": None, "material": None, "why": "the labels were changed"}
    change(tmp_path / "out" / "q", porosity=0.4, porosity_corrected=None, porosity_interval=changed)
    change(tmp_path / "out" / "q", porosity_assuming_label_shift=0.42)
    assert facts(report()[1])["Porosity of HPC22"].startswith(
        "40.00 % by the map, no interval: the labels were changed; "
        "42.00 % by its probabilities (assumes label shift); "
    )


def test_the_structure_of_former_labels_is_not_told_beside_the_new_ones(tmp_path, report):
    """Nor their curves; labels that were only gone over again are the same."""
    folder, other = tmp_path / "out" / "HPC22", tmp_path / "out" / "HPC30"
    for one, name in ((folder, "q"), (other, "r")):
        segmentation(one, [0.2, None, 0.4])
        quantification(tmp_path / "out" / name)
        change(tmp_path / "out" / name, segmentation=str(one), porosity=0.3)
        os.utime(tmp_path / "out" / name / "summary.json", (0, 0))  # a repeated segment wrote later
    assert {"Structure of HPC22", "Structure of HPC30"} < set(facts(report()[1]))
    change(folder, porosity=0.5)
    record, page = report()
    assert "Structure of HPC22" not in facts(page)
    assert "HPC22: it was labelled anew after its structure was measured" in page
    assert pd.read_csv(tmp_path / "report/tables/structure.csv")["volume"].tolist() == ["HPC30"]
    change(other, porosity=0.5)
    record, page = report()
    assert "tables/structure.csv" not in record["tables"]
    assert facts(page)["Structure"].startswith("not measured")


def test_seeds_of_an_evaluation_stand_beside_the_porosity_of_their_film(tmp_path):
    """Of the same network on the same film, where the promotion compared none."""
    record = evaluation(0.012)
    film = {
        "members": ["2dcnn 33x33x3"], "sample": "A", "porosity": 0.3, "porosity_ci": [0.2, 0.4],
        "labels": "labels", "shape": [3, 10, 10], "missing": [], "mode": "dense",
        "precision": "float32", "seconds": 1.0,
    }  # fmt: skip
    unknown = {"sd": None, "why": "promote rank.k=2 does"}
    own = {"sd": 0.02, "seeds": 3, "on": "validation squares"}

    def told(**more):
        one = FinishedCommand(
            "segmentation", tmp_path, {**film, "porosity_by_seed": unknown, **more}
        )
        found = (FinishedCommand("evaluation", tmp_path, record), one)
        return seeds_text(labelled_porosity(one, Results("film", "c8d2", found, 0)))

    assert told() == (
        "s.d. over 5 seeds 1.20 points, on test squares by fibsem.evaluate, of networks of its own "
        "settings"
    )
    assert told(porosity_by_seed=own) == "s.d. over 3 seeds 2.00 points, on validation squares"
    for other in ({"members": ["unet 33x33x3"]}, {"sample": "B"}, {"sample": None}):
        assert told(**other) == "seeds not compared (promote rank.k=2 does)"


def test_annotators_stand_beside_the_porosity_of_their_film(tmp_path, report):
    apart = {"squares": 4, "annotators": ["A", "B"], "miou": 0.9, "porosity_difference": 0.021}
    inspection(tmp_path / "out" / "i", apart)
    segmentation(tmp_path / "out" / "film", [0.2, None, 0.4])
    change(tmp_path / "out" / "film", sample="film")
    _, page = report()
    assert "annotators 2.10 points apart on 4 squares" in facts(page)["Porosity of film"]
    change(tmp_path / "out" / "film", sample="another")
    assert "annotators" not in facts(report()[1])["Porosity of film"]


def test_the_curve_of_a_volume_has_a_gap_where_a_slice_is_missing():
    figure = figures.porosity_by_slice({"HPC22": np.array([0.2, np.nan, 0.4])})
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_ydata(), [20, np.nan, 40])
