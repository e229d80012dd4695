"""Tables as CSV, Markdown and LaTeX: what a reader finds is what was written, whatever it says."""

import csv
import re

import numpy as np
import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fibsem.analysis import encoding

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]))
#: How a spreadsheet takes the first character of a cell for the beginning of a formula.
BEGINS = ("=", "+", "-", "@", "\t", "\r")


@settings(max_examples=40)
@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(["=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-a", "'=1", "''@"])
def test_a_spreadsheet_finds_texts_and_no_formula(tmp_path_factory, cells):
    file = tmp_path_factory.getbasetemp() / "texts.csv"
    file.write_text(
        encoding.as_csv(pd.DataFrame({"sample": cells, "n": range(len(cells))})), "utf-8"
    )
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.reader(opened))
    for cell, row in zip(cells, rows[1:], strict=True):
        assert not row[0].startswith(BEGINS) or encoding.NUMBER.match(cell)
    assert list(encoding.read_csv(file)["sample"]) == cells


def test_numbers_are_not_touched():
    numbers = ["-0.0123", "+0.5", "-3", "-1.5e-05", "-0.50 ± 0.10", "[-1.00, 2.00]"]
    table = pd.DataFrame({"text": numbers, "number": [-1.5, -2, 0, 3, 4, -5]})
    assert encoding.as_csv(table) == table.to_csv(index=False)


def test_columns_of_numbers_are_numbers_and_names_stay_names(tmp_path):
    """As texts, 97.7 is more than 528.5."""
    columns = {"z (nm)": [97.7, 528.5], "n": [3, 10], "gaps": ["", "0.5"], "film": ["01", "2"],
               "error": ["0.5 ± 0.1", "1"], "none": ["", ""], "sign": ["-", "+1"],
               "factor": [9.8, np.inf]}  # fmt: skip
    (tmp_path / "t.csv").write_text(encoding.as_csv(pd.DataFrame(columns)), "utf-8")
    table = encoding.read_table(tmp_path / "t.csv")
    assert (table["z (nm)"].max(), table["n"].max()) == (528.5, 10)
    assert np.isnan(table["gaps"][0])
    assert table["gaps"][1] == 0.5
    assert np.isnan(table["none"]).all()
    assert table["factor"].max() == np.inf  # of a closed part; the others were texts by it
    for name in ("film", "error", "sign"):
        assert list(table[name]) == columns[name]


@given(TEXTS)
@example("a|b\\|c")
def test_a_cell_in_markdown_stays_one(text):
    table = pd.DataFrame({"sample": [text], "n": [1]})
    row = encoding.markdown(table).splitlines()[2]
    first, second = re.split(r"(?<!\\)\|", row)[1:-1]
    assert second == " 1 "
    assert first[1:-1].replace(r"\|", "|").replace(r"\<", "<") == text or "\\" in text


def test_markdown_has_a_line_for_every_row_and_numbers_to_the_right():
    table = pd.DataFrame({"model": ["a", "b"], "n": [1.0, None], "x": [0.5, 2.0]})
    assert encoding.markdown(table).splitlines() == [
        "| model | n | x |", "|---|--:|--:|", "| a | 1 | 0.5 |", "| b |  | 2 |",
    ]  # fmt: skip


#: What commands for characters show.
SHOWN = {
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<",
    "textgreater": ">", "textbar": "|", "pm": "±",
}  # fmt: skip
LIGATURES = ("--", "''", ",,", "``", "?`", "!`")


def read_latex(text):
    """The cells of a table as LaTeX would set them; fails at what LaTeX would take for its own."""
    _, body = text.split("\\toprule\n")
    body = body.removesuffix("\\bottomrule\n\\end{tabular}").replace("\\midrule\n", "")
    assert not re.search(r"\\\\\s*[\[*]", body)  # an option of the line break
    assert not any(pair in body for pair in LIGATURES)
    rows = [[""]]
    for token in re.findall(r"\\\\\n|\\[a-z]+|\\.|.|\n", body):
        if token == "\\\\\n":
            rows.append([""])
        elif token == "&":
            rows[-1].append("")
        elif token[1:] in SHOWN:
            rows[-1][-1] += SHOWN[token[1:]]
        elif token.startswith("\\"):
            assert token[1] in "&%$#_{}"
            rows[-1][-1] += token[1]
        else:
            assert token not in "%#~^_|<>\n"
            rows[-1][-1] += "" if token in "{}$" else token
    return [[" ".join(cell.split()) for cell in row] for row in rows if row != [""]]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
@example(["50%_HPC & {b}", "\\input{/etc/passwd}", "a\\\\b", "$x^2$", "~#", "<a|b>", "x\ny"])
@example(["[2ex]", "*", "--", "''", "?`", "``", "{}", "\\{}", "-1.50 ± 0.20", "[-1.00, 2.00]"])
def test_latex_sets_texts_and_no_commands(cells):
    table = pd.DataFrame({"sample": cells, "n": range(len(cells))})
    head, *rows = read_latex(encoding.latex(table))
    assert head == ["sample", "n"]
    shown = [" ".join(encoding.one_line(cell).split()) for cell in cells]  # LaTeX joins spaces
    assert [row[0] for row in rows] == shown
    assert [row[1] for row in rows] == [str(k) for k in range(len(cells))]


def test_numbers_in_latex_stand_to_the_right_with_a_minus():
    table = pd.DataFrame({"a": ["x", "1"], "b": ["-1.5", ""], "c": [2.0, None], "d": ["", ""]})
    assert encoding.latex(table).splitlines()[1:] == [
        r"\begin{tabular}{lrrl}", r"\toprule", r"a & b & c & d \\", r"\midrule",
        r"x & $-$1.5 & 2 &  \\", r"1 &  &  &  \\", r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip


def test_a_table_without_rows_is_a_head(tmp_path):
    files = encoding.write(pd.DataFrame({"a_b": []}), tmp_path, "none")
    assert [file.name for file in files] == ["none.csv", "none.md", "none.tex"]
    assert r"a\_b \\" in files[2].read_text()


def test_a_line_break_stays_within_its_row_of_markdown():
    text = encoding.markdown(pd.DataFrame({"sample": ["a\nb"], "n": [1]}))
    assert text.splitlines()[2:] == ["| a b | 1 |"]
