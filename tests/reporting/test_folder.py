"""What a report writes, from results that are written by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from fibsem.analysis import figures
from fibsem.system.files import write_json
from tests.reporting.records import (
    TRIALS,
    change,
    evaluation,
    facts,
    inspection,
    promotion,
    quantification,
    segmentation,
    sweep,
)


def test_the_best_trials_of_a_sweep_come_first(tmp_path, report):
    sweep(tmp_path / "out" / "a", "searched/with a space")
    record, page = report()
    assert record["tables"] == ["tables/sweeps.csv", "tables/trials-searched-with-a-space.csv"]
    table = pd.read_csv(tmp_path / "report" / record["tables"][1])
    assert list(table["trial"]) == [1, 2, 0]  # a larger mIoU is better
    assert list(table.columns) == ["trial", "val/miou", "blocks"]
    assert "3 complete trials in 1 sweep<" in page


@pytest.mark.parametrize(("median", "cell"), [(0.4321, "0.4321"), (None, "")])
def test_the_best_of_a_sweep_has_its_median_over_squares(tmp_path, report, median, cell):
    """Sweeps of earlier versions have an empty cell."""
    sweep(tmp_path / "out" / "a", "a", **({} if median is None else {"iou_pore_median": median}))
    record, _ = report()
    table = pd.read_csv(tmp_path / "report" / record["tables"][0], dtype=str, keep_default_na=False)
    assert list(table["validation pore IoU, median of squares"]) == [cell]


def test_trials_beyond_a_bound_stand_behind_the_best_with_the_reason(tmp_path, report):
    """They are never the best, however good their figure is."""
    sweep(tmp_path / "out" / "a", "a")
    reason = "beyond search.constraints: cost/seconds_per_gigapixel is 2500"
    beyond = [{**TRIALS[1], "slot": 3 + k, "reason": reason, "val/miou": 0.8} for k in range(9)]
    write_json(tmp_path / "out" / "a" / "trials.json", [*beyond, *TRIALS])
    record, page = report()
    table = pd.read_csv(tmp_path / "report" / record["tables"][1], keep_default_na=False)
    assert list(table["trial"]) == [1, 2, 0, *range(3, 10)]
    assert list(table["reason"]) == ["", "", "", *[reason] * 7]
    said = "The best 3 of 12 complete trials by val/miou; 9 beyond a bound of the search"
    assert said in page


def test_the_porosity_of_labels_has_its_interval_over_places(tmp_path, report):
    """As `inspect` says itself; squares of one place are one."""
    inspection(tmp_path / "out" / "i", None)
    assert "porosity with its interval over places" in report()[1]


def test_two_promotions_of_one_version_keep_their_tables(tmp_path, report):
    promotion(tmp_path / "out" / "a")
    promotion(tmp_path / "out" / "b")
    record, page = report()
    assert record["tables"][1:] == [
        "tables/version-1-ranking.csv",
        "tables/version-1-ranking-2.csv",
    ]
    promotions = pd.read_csv(tmp_path / "report" / record["tables"][0])
    assert list(promotions["test pore IoU, median of squares"]) == [0.4321, 0.4321]
    written = (tmp_path / "report" / record["tables"][2]).read_text()
    assert written == "rank,trial\n1,007\n"  # cell by cell, as the promotion wrote it
    for known in (
        "Temperature 1.500",
        "0.0400",
        "by sample HPC22 0.0900 and 0.0200, HPC30 0.0700 and 0.0300.",
        "30.50 % by the map, no interval: an older version made it; were the map true, its slices ",
        "The best trials, in their sweep",
    ):
        assert known in page


@pytest.mark.parametrize(
    "content",
    [b"", b"rank,trial\n1,007,8\n2,1,2,3\n", "rank,trial\n1,±\n".encode("cp1252"), b'rank,"tr\n'],
)
def test_a_table_that_cannot_be_read_is_named_and_left_out(tmp_path, report, content, capsys):
    folder = tmp_path / "out" / "a"
    promotion(folder)
    quantification(tmp_path / "out" / "q")
    segmentation(tmp_path / "out" / "HPC22", [0.2, None, 0.4])
    (folder / "tables").mkdir(exist_ok=True)
    damaged = [folder / "tables" / "mine.csv", tmp_path / "out" / "q" / "pore_sizes.csv"]
    for path in damaged:
        path.write_bytes(content)
    record, _ = report()
    assert "tables/version-1-ranking.csv" in record["tables"]
    assert "tables/version-1-mine.csv" not in record["tables"]
    said = capsys.readouterr().err
    for path in damaged:
        assert f"a table must be whole, but {path} is damaged (" in said


def test_what_other_systems_put_beside_files_is_not_shown(tmp_path, report, capsys):
    folder = tmp_path / "out" / "a"
    promotion(folder)
    before, _ = report()
    for name in ("tables/._ranking.csv", "figures/._surface.png", "figures/.hidden.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"\x00\x05\x16\x07\x00\x02\xb0")
    after, _ = report()
    assert (after["tables"], after["figures"]) == (before["tables"], before["figures"])
    assert capsys.readouterr().err == ""


def test_the_champion_is_named_first(tmp_path, report):
    sweep(tmp_path / "out" / "a", "s")
    history = pd.DataFrame({"version": ["1", "2"], "alias": ["previous", "champion"]})
    assert "<dd>version 2 of fibsem</dd>" in report(history)[1]


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


def test_the_structure_is_told_on_top_and_in_a_table(tmp_path, report):
    segmentation(tmp_path / "out" / "HPC22", [0.2, None, 0.4])
    quantification(tmp_path / "out" / "q")
    record, page = report()
    assert record["results"]["quantification"] == 1
    assert "<dt>Structure of HPC22</dt>" in page
    assert "along z yes, y yes, x no (6 neighbours); pore size 168 nm (80 %: 105 to 260)" in page
    table = pd.read_csv(tmp_path / "report" / "tables" / "structure.csv", dtype=str)
    assert table["95 % of the material"].tolist() == ["[20.00, 30.00]"]
    assert table["tortuosity factor (z, y, x)"].tolist() == ["2.50, 2.00, none"]
    change(tmp_path / "out" / "q", parts_through={"z": [1, 4], "y": [4, 4], "x": [0, 4]})
    report()
    table = pd.read_csv(tmp_path / "report" / "tables" / "structure.csv", dtype=str)
    (factors,) = table["tortuosity factor (z, y, x)"]
    assert factors == "2.50 (through in 1 of 4 parts), 2.00, none"
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
    change(tmp_path / "out" / "q", tables=["parts.csv"])  # the other is of a former film
    assert "figures/pore_sizes.png" not in report()[0]["figures"]


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


def evaluated(folder):
    write_json(folder / "summary.json", evaluation(0.01))


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
    (segmentation, {"porosity": 30.5}), (segmentation, {"porosity": -0.1}),
    (evaluated, {"runs": []}),
    (evaluated, {"val": {**evaluation(0.01)["val"], "miou": {"mean": 75.3, "std": 0.1}}}),
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
