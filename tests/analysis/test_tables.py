"""Tables by hand: which squares a row stands on, and what it says of them."""

import csv
import re

import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st

from fibsem.analysis import tables

#: Two films with two and one validation squares, and one test square: label by prediction, pixels.
SQUARES = [
    {"split": "val", "sample": "A", "before": [[20, 0], [20, 60]], "after": [[20, 0], [0, 80]]},
    {"split": "val", "sample": "A", "before": [[30, 10], [0, 60]], "after": [[40, 0], [0, 60]]},
    {"split": "val", "sample": "B", "before": [[0, 50], [0, 50]], "after": [[50, 0], [0, 50]]},
    {"split": "test", "sample": "A", "before": [[10, 0], [0, 90]], "after": [[10, 0], [0, 90]]},
]


def test_figures_before_and_after_by_sample_and_combined():
    table = tables.post_processing(SQUARES).set_index(["split", "sample", "post-processing"])
    assert list(table.index) == [
        (split, sample, when)
        for split, sample in (
            ("val", "A"), ("val", "B"), ("val", "combined"), ("test", "A"), ("test", "combined"),
        )
        for when in ("before", "after")
    ]  # fmt: skip
    before = table.loc["val", "A", "before"]
    # pore 50 of 80, solid 120 of 150; 170 of 200 pixels right; 40 and 30 of 100 found to be pore
    assert before["mIoU"] == f"{(50 / 80 + 120 / 150) / 2:.4f}"
    assert before["accuracy"] == "0.8500"
    assert before["porosity %"] == "35.00"
    assert before["95 % CI over squares"] == "[25.20, 44.80]"  # 35 +- 1.96 * 7.07 / sqrt(2)
    assert before["labelled porosity %"] == "30.00"
    assert before["squares"] == 2
    assert table.loc["val", "A", "after"]["mIoU"] == "1.0000"


def test_combined_figures_are_from_pooled_pixels():
    table = tables.post_processing(SQUARES).set_index(["split", "sample", "post-processing"])
    combined = table.loc["val", "combined", "before"]
    assert combined["accuracy"] == f"{220 / 300:.4f}"
    assert combined["mIoU"] == f"{(50 / 130 + 170 / 250) / 2:.4f}"
    assert combined["squares"] == 3


def test_a_single_square_has_no_interval():
    table = tables.post_processing(SQUARES)
    assert (table.loc[table["squares"] == 1, "95 % CI over squares"] == "").all()


def test_matrices_under_other_keys():
    renamed = [
        {**square, "half": square["before"], "chosen": square["after"]} for square in SQUARES
    ]
    for square in renamed:
        del square["before"], square["after"]
    assert tables.post_processing(renamed, "half", "chosen").equals(tables.post_processing(SQUARES))


def test_squares_without_labels_do_not_count():
    nothing = {"split": "val", "sample": "B", "before": [[0, 0], [0, 0]], "after": [[0, 0], [0, 0]]}
    assert tables.post_processing([*SQUARES, nothing]).equals(tables.post_processing(SQUARES))


def test_records_of_evaluations_keep_their_layout():
    figures = {
        "miou": {"mean": 0.8, "std": 0.01},
        "accuracy": {"mean": 0.9, "std": 0.01},
        "porosity": {"mean": 0.3, "std": 0.02},
        "label_porosity": {"mean": 0.31, "std": 0.0},
    }
    interval = {"porosity_low": {"mean": 0.28}, "porosity_high": {"mean": 0.32}}
    record = {"samples": {"A": {"val_all": {**figures, **interval}}}, "val_all": figures}
    table = tables.labelled(record)
    assert list(table["95 % CI over squares"]) == ["[28.00, 32.00]", ""]
    assert list(table["mIoU"]) == ["0.8000 ± 0.0100"] * 2


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]))
#: How a spreadsheet takes the first character of a cell for the beginning of a formula.
BEGINS = ("=", "+", "-", "@", "\t", "\r")


@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(["=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-a", "'=1", "''@"])
def test_a_spreadsheet_finds_texts_and_no_formula(tmp_path_factory, cells):
    file = tmp_path_factory.getbasetemp() / "texts.csv"
    file.write_text(tables.as_csv(pd.DataFrame({"sample": cells, "n": range(len(cells))})), "utf-8")
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.reader(opened))
    for cell, row in zip(cells, rows[1:], strict=True):
        assert not row[0].startswith(BEGINS) or tables.NUMBER.match(cell)
    assert list(tables.read_csv(file)["sample"]) == cells


def test_numbers_are_not_touched():
    numbers = ["-0.0123", "+0.5", "-3", "-1.5e-05", "-0.50 ± 0.10", "[-1.00, 2.00]"]
    table = pd.DataFrame({"text": numbers, "number": [-1.5, -2, 0, 3, 4, -5]})
    assert tables.as_csv(table) == table.to_csv(index=False)


@given(TEXTS)
@example("a|b\\|c")
def test_a_cell_in_markdown_stays_one(text):
    table = pd.DataFrame({"sample": [text], "n": [1]})
    row = tables.markdown(table).splitlines()[2]
    first, second = re.split(r"(?<!\\)\|", row)[1:-1]
    assert second == " 1 "
    assert first[1:-1].replace(r"\|", "|").replace(r"\<", "<") == text or "\\" in text
