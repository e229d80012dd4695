"""What a report writes, from results that are written by hand."""

import json
import os
import re

import numpy as np
import pandas as pd
import pytest

from fibsem.analysis import figures
from fibsem.analysis.porosity_told import seeds_text
from fibsem.errors import UserError
from fibsem.reporting.films import told_of
from fibsem.reporting.folder import write_report
from fibsem.reporting.results import Result, Results, find_results
from fibsem.system.files import write_json

ORIGIN = {"dataset": "film", "data": "c8d2"}
TRIALS = [
    {
        "number": k,
        "slot": k,
        "state": "complete",
        "reason": None,
        "val/miou": miou,
        "model.blocks": k,
    }
    for k, miou in enumerate([0.5, 0.7, 0.6])
]


def sweep(folder, study):
    best = {"value": 0.7, "val": {"miou": 0.7}}
    record = {
        "study": study,
        "trials": {"complete": 3, "pruned": 0, "failed": 0},
        "best": best,
        "objectives": ["val/miou"],
        "seconds": 60,
        "parent_run_id": "a",
        **ORIGIN,
    }
    write_json(folder / "summary.json", record)
    write_json(folder / "trials.json", TRIALS)


def promotion(folder):
    figures_ = {"miou": 0.6, "porosity": 0.3, "label_porosity": 0.31}
    film = {"porosity": 0.305, "porosity_ci": [0.29, 0.32]}
    gate = {"passed": True, "reason": "there is no champion yet", "p_value": None}
    post = {"sigma": 1.0, "threshold": 0.5, "rounds": 1, "min_size": 0}
    calibration = {"temperature": 1.5, "ece_before": 0.04, "ece_after": 0.01}
    calibration |= {f"test_{key}": 2 * calibration[key] for key in ("ece_before", "ece_after")}
    calibration["test_by_sample"] = {
        "HPC30": {"ece_before": 0.07, "ece_after": 0.03},
        "HPC22": {"ece_before": 0.09, "ece_after": 0.02},
        "blank": {"ece_before": None, "ece_after": None},
    }
    record = {
        "winner": "a",
        "version": "1",
        "gate": gate,
        "val_all": figures_,
        "test_all": figures_,
        "postprocessing": post,
        "samples": {"HPC22": film},
        "calibration": calibration,
        "lineage": ORIGIN,
    }
    write_json(folder / "summary.json", record)
    (folder / "tables").mkdir()
    (folder / "tables" / "ranking.csv").write_text("rank,trial\n1,007\n")


def segmentation(folder, pores):
    record = {
        "labels": "labels",
        "porosity": 0.3,
        "porosity_ci": [0.2, 0.4],
        "slabs": {},
        "shape": [3, 10, 10],
        "missing": [1],
        "members": ["2dcnn 33x33x3"] * 2,
        "mode": "dense",
        "precision": "float32",
        "seconds": 1.0,
        "versions": ["1"],
        "lineage": [ORIGIN],
    }
    write_json(folder / "summary.json", record)
    rows = [f"{z},{'' if p is None else p}," for z, p in enumerate(pores)]
    (folder / "porosity.csv").write_text("\n".join(["z,porosity,note", *rows]) + "\n")


@pytest.fixture
def report(tmp_path):
    """Function () -> (record, page) of a report on what lies in a folder."""

    def write(history=None):
        folder = tmp_path / "report"
        record = write_report(find_results([tmp_path / "out"], "film"), folder, history, "by hand")
        assert json.loads((folder / "summary.json").read_text()) == record
        return record, (folder / "index.html").read_text(encoding="utf-8")

    return write


def test_the_best_trials_of_a_sweep_come_first(tmp_path, report):
    sweep(tmp_path / "out" / "a", "searched/with a space")
    record, page = report()
    assert record["tables"] == ["tables/sweeps.csv", "tables/trials-searched-with-a-space.csv"]
    table = pd.read_csv(tmp_path / "report" / record["tables"][1])
    assert list(table["trial"]) == [1, 2, 0]  # a larger mIoU is better
    assert list(table.columns) == ["trial", "val/miou", "blocks"]
    assert "3 complete trials in 1 sweep<" in page


def test_two_promotions_of_one_version_keep_their_tables(tmp_path, report):
    promotion(tmp_path / "out" / "a")
    promotion(tmp_path / "out" / "b")
    record, page = report()
    assert record["tables"][1:] == [
        "tables/version-1-ranking.csv",
        "tables/version-1-ranking-2.csv",
    ]
    written = (tmp_path / "report" / record["tables"][2]).read_text()
    assert written == "rank,trial\n1,007\n"  # cell by cell, as the promotion wrote it
    for known in (
        "Temperature 1.500",
        "0.0400",
        "by sample HPC22 0.0900 and 0.0200, HPC30 0.0700 and 0.0300.",
        "30.50 % by the map, no interval: an older version made it; were the map true, its slices ",
        "The best trials, run",
    ):
        assert known in page


def test_the_champion_is_named_first(tmp_path, report):
    sweep(tmp_path / "out" / "a", "s")
    history = pd.DataFrame({"version": ["1", "2"], "alias": ["previous", "champion"]})
    assert "<dd>version 2 of fibsem</dd>" in report(history)[1]


def test_segmented_volumes_have_their_porosity_by_slice(tmp_path, report):
    for name in ("p/volumes/HPC22", "q/volumes/HPC22", "own"):
        segmentation(tmp_path / "out" / name, [0.2, None, 0.4])
    record, _ = report()
    assert record["figures"] == ["figures/porosity_by_slice.png"]
    drawing, latex = "figures/porosity_by_slice.svg", "tables/segmentations.tex"
    assert (tmp_path / "report" / drawing).read_text().startswith("<?xml")
    assert (
        r"q/HPC22 & an older version made it & 30.00" in (tmp_path / "report" / latex).read_text()
    )
    table = pd.read_csv(tmp_path / "report" / "tables" / "segmentations.csv", dtype=str)
    assert sorted(table["volume"]) == ["own", "p/HPC22", "q/HPC22"]
    assert set(table["porosity %"]) == {"30.00"}
    assert not set(table) & {"corrected %", "members alone", "annotators apart, points"}  # empty
    assert set(table["model"]) == {"version 1 (2 x 2dcnn 33x33x3)"}


@pytest.mark.parametrize(
    "left", ["", "z,porosity,note\n0,0.2", "z,porosity,note\n0,0.2,\n1,,missing\n2,a,\n", None]
)
def test_a_damaged_table_of_a_segmentation_is_one_line(tmp_path, report, left):
    segmentation(tmp_path / "out" / "own", [0.2, None, 0.4])
    table = tmp_path / "out" / "own" / "porosity.csv"
    table.unlink()
    if left is not None:
        table.write_text(left)
    with pytest.raises(UserError, match=r"porosity\.csv is damaged .*fibsem\.segment") as caught:
        report()
    assert "\n" not in str(caught.value)


OWN = {"volume": [0.25, 0.35], "error": 0.02, "degrees": 6, "squares": 7, "why": None}
CORRECTED = {"porosity_corrected": 0.3, "porosity_interval": OWN}


def change(folder, **more):
    record = json.loads((folder / "summary.json").read_text())
    write_json(folder / "summary.json", {**record, **more})


def facts(page):
    """What stands on top, by its name."""
    return dict(re.findall("<dt>(.*?)</dt>\\s*<dd>(.*?)</dd>", page))


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
        "30.00 % [25.00, 35.00], corrected by 7 test squares; 21.00 to 39.00 % if every outline "
        "were drawn one pixel off; map 30.00 %"
    )
    assert told["Porosity of other"].startswith("30.00 % by the map, no interval: ")
    assert "1 slice is missing (1): figures are of what is there." in page
    assert "other: the size of a voxel is not known" in page
    assert "HPC22" not in page.partition("<section")[0]


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


def evaluation(folder, sd):
    spread = {"mean": 0.3, "std": sd}
    squares = {"miou": spread, "accuracy": spread, "porosity": spread, "label_porosity": spread}
    balanced = {"miou": spread, "accuracy": spread, "loss": spread}
    record = {
        "model": "2dcnn", "nbhd": "33x33x3", "train": balanced, "val": balanced, "test": balanced,
        "epochs": spread, "train_seconds": spread, "parameters": spread, "groups": [],
        "seconds_per_gigapixel": spread, "samples": {"A": {"test_chosen": squares}},
        "runs": [{"seed": k, "val": {"miou": 0.7}} for k in range(5)], **ORIGIN,
    }  # fmt: skip
    return record


def test_seeds_of_an_evaluation_stand_beside_the_porosity_of_their_film(tmp_path):
    """Of the same network on the same film, where the promotion compared none."""
    record = evaluation(tmp_path, 0.012)
    film = {"members": ["2dcnn 33x33x3"], "sample": "A", "porosity": 0.3, "porosity_ci": [0.2, 0.4]}
    unknown = {"sd": None, "why": "promote rank.k=2 does"}
    own = {"sd": 0.02, "seeds": 3, "on": "validation squares"}

    def told(**more):
        one = Result("segmentation", tmp_path, {**film, "porosity_by_seed": unknown, **more})
        found = (Result("evaluation", tmp_path, record), one)
        return seeds_text(told_of(one, Results("film", "c8d2", found, 0)))

    assert told() == "s.d. over 5 seeds 1.20 points, on test squares by fibsem.evaluate"
    assert told(porosity_by_seed=own) == "s.d. over 3 seeds 2.00 points, on validation squares"
    for other in ({"members": ["unet 33x33x3"]}, {"sample": "B"}, {"sample": None}):
        assert told(**other) == "seeds not compared (promote rank.k=2 does)"


def test_an_unfinished_segmentation_is_said_and_left_out(tmp_path, report, capsys):
    segmentation(tmp_path / "out" / "whole", [0.2, None, 0.4])
    write_json(tmp_path / "out" / "half" / "ledger.json", {})
    record, _ = report()
    assert record["results"]["segmentation"] == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "half is not; it is left out." in line


def test_what_a_report_before_had_is_removed_in_every_format(tmp_path, report):
    shown = tmp_path / "out" / "a" / "figures"
    promotion(tmp_path / "out" / "a")
    figures.save(figures.bars({"a": 1.0}, "share"), shown / "steps.png")
    before, _ = report()
    for file in shown.iterdir():
        file.unlink()
    report()
    left = {path.name for path in (tmp_path / "report" / "figures").iterdir()}
    assert before["figures"] == ["figures/version-1-steps.png"]
    assert left == set()


def quantification(folder, percolates_z=True):
    sizes = {"p10": 105.0, "median": 168.4, "p90": 259.8}
    record = {
        "segmentation": "out/volumes/HPC22", "lineage": [ORIGIN], "unit": "nm", "porosity": 0.22,
        "porosity_corrected": 0.25, "connectivity": 6, "components": 7, "limits": ["a note"],
        "porosity_interval": {"volume": [0.23, 0.27], "material": [0.2, 0.3], "why": None},
        "percolates": {"z": percolates_z, "y": True, "x": False}, "pore_size_nm": sizes,
        "throat_size_nm": sizes, "tortuosity_factor": {"z": 2.5, "y": 2.0, "x": None},
        "surface_per_um": 9.5, "porosity_per_px_of_boundary": 0.095,
        "carried": {"why": "there are no parts (blocks=0)"},
    }  # fmt: skip
    write_json(folder / "summary.json", record)


def inspection(folder, agreement):
    sample = {
        "shape": [3, 20, 30], "dtype": "uint8", "mean": 0.5, "std": 0.1, "median": 0.5,
        "gradient": 0.0, "regions": {"train": 6, "val": 2, "test": 2}, "porosity": 0.3,
        "porosity_ci": [0.28, 0.32], "expected_porosity": None, "agreement": agreement,
    }  # fmt: skip
    record = {
        **ORIGIN, "voxel_nm": [50, 10, 10], "samples": {"film": sample}, "warnings": [],
    }  # fmt: skip
    write_json(folder / "summary.json", record)


def test_the_structure_is_told_on_top_and_in_a_table(tmp_path, report):
    segmentation(tmp_path / "out" / "HPC22", [0.2, None, 0.4])
    quantification(tmp_path / "out" / "q")
    record, page = report()
    assert record["results"]["quantification"] == 1
    assert "<dt>Structure of HPC22</dt>" in page
    assert "along z yes, y yes, x no (6 neighbours); pore size 168 nm (105 to 260)" in page
    table = pd.read_csv(tmp_path / "report" / "tables" / "structure.csv", dtype=str)
    assert table["95 % of the material"].tolist() == ["[20.00, 30.00]"]
    assert table["tortuosity factor (z, y, x)"].tolist() == ["2.50, 2.00, none"]
    assert "HPC22: a note." in page
    assert "HPC22: the labels were not drawn again: there are no parts (blocks=0)." in page


def test_pore_sizes_and_porosity_by_parts_are_drawn_where_there_are_tables(tmp_path, report):
    segmentation(tmp_path / "out" / "HPC22", [0.2, None, 0.4])
    quantification(tmp_path / "out" / "q")
    before, _ = report()
    assert "figures/pore_sizes.png" not in before["figures"]
    sizes = {"diameter (nm)": [10, 30], "share at least, local thickness": [1.0, 0.25],
             "share at least, intrusion": [0.9, 0.1]}  # fmt: skip
    pd.DataFrame(sizes).to_csv(tmp_path / "out" / "q" / "pore_sizes.csv", index=False)
    parts = {"side (nm)": [100, 200], "parts": [40, 5], "s.d. of porosity": [0.08, 0.03]}
    pd.DataFrame(parts).to_csv(tmp_path / "out" / "q" / "parts.csv", index=False)
    record, page = report()
    drawn = {"figures/pore_sizes.png", "figures/porosity_of_parts.png"}
    assert drawn <= set(record["figures"])
    drawing = (tmp_path / "report" / "figures" / "pore_sizes.svg").read_text()
    assert "HPC22, thickness" in drawing
    assert "diameter (nm)" in drawing
    assert "How far parts of a film differ in porosity" in page


def test_curves_of_structure_are_those_of_the_tables():
    sizes = np.array([10.0, 30.0]), np.array([1.0, 0.25]), np.array([0.9, 0.1])
    lines = figures.pore_sizes({"HPC22": sizes}, "nm").axes[0].lines
    for line, shares in zip(lines, sizes[1:], strict=True):
        np.testing.assert_array_equal(line.get_xdata(), sizes[0])
        np.testing.assert_array_equal(line.get_ydata(), 100 * shares)
    parts = figures.porosity_of_parts({"HPC22": sizes[:2]}, "voxels").axes[0]
    assert parts.get_xlabel() == "side of a part (voxels)"
    np.testing.assert_array_equal(parts.lines[0].get_ydata(), [100, 25])


def test_squares_of_several_annotators_say_how_far_they_agree(tmp_path, report):
    """`inspect` writes it, the report shows it beside the labels, with names as they are."""
    told = {"squares": 4, "annotators": ["A <b>", "B"], "miou": 0.913, "porosity_difference": 0.021}
    inspection(tmp_path / "out" / "i", told)
    _, page = report()
    assert (
        "film: squares labelled by several (A &lt;b&gt;, B): 4, mIoU 0.913 between them, porosity "
        "2.1 points apart."
    ) in page


def test_annotators_stand_beside_the_porosity_of_their_film(tmp_path, report):
    apart = {"squares": 4, "annotators": ["A", "B"], "miou": 0.9, "porosity_difference": 0.021}
    inspection(tmp_path / "out" / "i", apart)
    segmentation(tmp_path / "out" / "film", [0.2, None, 0.4])
    change(tmp_path / "out" / "film", sample="film")
    _, page = report()
    assert "annotators 2.10 points apart on 4 squares" in facts(page)["Porosity of film"]
    change(tmp_path / "out" / "film", sample="another")
    assert "annotators" not in facts(report()[1])["Porosity of film"]


def test_what_is_odd_is_told_on_top_or_that_nothing_is(tmp_path, report):
    inspection(tmp_path / "out" / "i", None)
    segmentation(tmp_path / "out" / "film", [0.2, None, 0.4])
    told = facts(report()[1])
    assert told["Look at this"] == "no warnings"
    assert told["Structure"].startswith("not measured; ")
    change(tmp_path / "out" / "i", warnings=["HPC22: slice 3 is <dark>"])
    change(tmp_path / "out" / "film", warnings=["grey values are far from those of training"])
    assert facts(report()[1])["Look at this"] == (
        "HPC22: slice 3 is &lt;dark&gt;; grey values are far from those of training"
    )


def test_the_curve_of_a_volume_has_a_gap_where_a_slice_is_missing():
    figure = figures.porosity_by_slice({"HPC22": np.array([0.2, np.nan, 0.4])})
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_ydata(), [20, np.nan, 40])


WRONG = [
    (promotion, {"gate": 3}), (promotion, {"gate": {"passed": "yes", "reason": "none"}}),
    (promotion, {"val_all": None}), (promotion, {"test_all": {"miou": "0.6"}}),
    (promotion, {"samples": [1]}), (promotion, {"samples": {"HPC22": {"porosity": 0.3}}}),
    (promotion, {"calibration": {"temperature": 1.5}}), (promotion, {"postprocessing": 1.0}),
    (promotion, {"calibration": {"temperature": 1.5, "ece_before": 0.1, "ece_after": 0.1,
                                 "test_by_sample": {"HPC22": {"ece_before": "0.1"}}}}),
    (segmentation, {"shape": [3, 10]}), (segmentation, {"porosity": None}),
    (segmentation, {"missing": [7]}), (segmentation, {"members": "2dcnn"}),
    (segmentation, {"porosity_corrected": 0.3}), (segmentation, {"picked": {"page": 2}}),
]  # fmt: skip


@pytest.mark.parametrize(("make", "wrong"), WRONG)
def test_a_result_with_a_value_that_cannot_be_is_named_and_left_out(
    tmp_path, report, capsys, make, wrong
):
    sweep(tmp_path / "out" / "s", "s")
    folder = tmp_path / "out" / "a"
    make(folder, **({"pores": [0.2, None, 0.4]} if make is segmentation else {}))
    record = json.loads((folder / "summary.json").read_text())
    write_json(folder / "summary.json", {**record, **wrong})
    record, _ = report()
    assert [kind for kind, count in record["results"].items() if count] == ["sweep"]
    (line,) = capsys.readouterr().err.splitlines()
    (key,) = wrong
    assert "a/summary.json is damaged (" in line
    assert key in line
    assert line.endswith("it is left out.")


@pytest.mark.parametrize("wrong", [{"state": 3}, {"val/miou": "0.5"}, {"val/miou": None}])
def test_trials_that_cannot_be_are_said_and_not_listed(tmp_path, report, capsys, wrong):
    sweep(tmp_path / "out" / "a", "a")
    write_json(tmp_path / "out" / "a" / "trials.json", [*TRIALS, {**TRIALS[0], **wrong}])
    record, _ = report()
    assert record["tables"] == ["tables/sweeps.csv"]
    assert "trials.json is damaged (" in capsys.readouterr().err
