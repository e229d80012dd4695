"""Region tables as spreadsheets and people leave them: read, or one line with the line's number."""

import codecs

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from fibsem.data.dataset.labels import Classes
from fibsem.data.dataset.regions import read_regions, read_rows
from fibsem.data.dataset.split import SplitRecipe
from fibsem.errors import UserError

HEAD = ["mask", "z", "y", "x", "split"]
ROWS = [[f"masks/m{k}.tif", f"{k}", f"{3 * k}", "7", split] for k, split in enumerate(
    ["train", "train", "val", "test"])]  # fmt: skip


def text(rows=ROWS, head=HEAD, sep=",", eol="\n"):
    return eol.join(sep.join(row) for row in [head, *rows]) + eol


@pytest.fixture
def table(tmp_path):
    (tmp_path / "masks").mkdir()
    for k in range(4):
        for name in (f"m{k}.tif", f"Größe{k}.tif", f"#{k}.tif"):
            tifffile.imwrite(tmp_path / "masks" / name, np.zeros((5, 6), np.uint8))

    def write(content):
        path = tmp_path / "regions.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def regions(path):
    return read_regions(path, "a", 0, Classes(), SplitRecipe()).regions


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("spilt", ["train", "train", "val", "test"]),
        ("Splits", ["1", "1", "2", "3"]),
        ("set", ["Training", "Training", "Validation", "Test"]),
        ("part", ["train", "", "", "test"]),
    ],
)
def test_parts_in_a_column_of_another_name_are_not_overlooked(table, column, values):
    """Squares that somebody kept for the test were trained on."""
    rows = [[*row[:4], value] for row, value in zip(ROWS, values, strict=True)]
    with pytest.raises(UserError, match=r"must stand in a column `split`, but .*; call it split"):
        regions(table(text(rows, [*HEAD[:4], column])))
    found = regions(table(text([[*row, "note"] for row in ROWS], [*HEAD, "remark"])))
    assert [region.split for region in found] == [row[4] for row in ROWS]


@pytest.mark.parametrize(
    ("columns", "values", "wrong"),
    [
        (["h", "w"], ["5", "6"], None),
        (["Width", "Height"], ["6.0", "5"], None),
        (["w"], [""], None),
        (["width", "height"], ["5.12", "6.4"], None),
        (["h", "w"], ["6", "5"], "h in line 2"),
        (["width", "height"], ["6", "10"], "height in line 2"),
    ],
)
def test_a_mask_is_as_large_as_its_line_says(table, columns, values, wrong):
    """Sides that a program wrote beside a square were not read; a scaled mask passed."""
    path = table(text([[*row, *values] for row in ROWS], [*HEAD, *columns]))
    if wrong is None:
        assert [region.box.shape for region in regions(path)] == [(1, 5, 6)] * len(ROWS)
        return
    with pytest.raises(UserError, match=f"as large as its line says, but {wrong}"):
        regions(path)


def renamed(name):
    return [[row[0].replace("m", name).replace(f"{name}asks", "masks"), *row[1:]] for row in ROWS]


@pytest.mark.parametrize(
    "content",
    [
        text(),
        text(eol="\r\n"),
        text(eol="\r"),
        codecs.BOM_UTF8 + text(eol="\r\n").encode(),
        text(sep=";"),
        text(sep="\t"),
        text(sep=", "),
        "sep=,\r\n" + text(eol="\r\n"),
        "sep=;\n" + text(sep=";"),
        text(renamed("Größe")),
        text(renamed("Größe")).encode("cp1252"),
        text(renamed("Größe"), sep="\t", eol="\r\n").encode("utf-16"),
        text(renamed("Größe")).encode("utf-16-be").join([codecs.BOM_UTF16_BE, b""]),
        text(renamed("#")),
        text() + ",,,,\r\n,,,,\n",
        text() + "\n \n\n",
        "\n" + text(),
        text([[*row, ""] for row in ROWS], [*HEAD, ""]),
        text([[*row, "", ""] for row in ROWS]),
        text([["0", *row] for row in ROWS], ["", *HEAD]),
        text([[row[0], *(f"{n}.0" for n in row[1:4]), row[4]] for row in ROWS]),
        text([[row[0], *(f"{n},00" for n in row[1:4]), row[4]] for row in ROWS], sep=";"),
        text([[row[0], f'"{row[1]},0"', *row[2:]] for row in ROWS]),
        text(head=["MASK", "Z", "Y", "X", "Split"]),
        text(head=[f"{name} " for name in HEAD]),
        text([[f"{cell} " for cell in row] for row in ROWS]),
        text([[row[0], f"{row[1]}\u00a0", *row[2:]] for row in ROWS]),
        text([[*row[:4], row[4].title()] for row in ROWS]),
        text([[row[0].replace("/", "\\"), *row[1:]] for row in ROWS]),
        text([[f'"{cell}"' for cell in row] for row in ROWS]),
        "# drawn by the lab, in May\n" + text(),
        text() + "# drawn by the lab\n",
        text([row[::-1] for row in ROWS], HEAD[::-1]),
        text([[*row[:4], "a remark", row[4]] for row in ROWS], [*HEAD[:4], "remark", "split"]),
    ],
)
def test_a_table_is_what_was_meant(table, content):
    found = regions(table(content))
    starts = [(k, 3 * k, 7) for k in range(4)]
    assert [region.box.start for region in found] == starts
    assert [region.box.shape for region in found] == [(1, 5, 6)] * 4
    assert [region.split for region in found] == ["train", "train", "val", "test"]


def changed(line, column, value):
    rows = [list(row) for row in ROWS]
    rows[line][column] = value
    return text(rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"must have the columns .*lacks mask, z, y, x; its header is ''"),
        ("x;y;z\n1;2;3\n", r"lacks mask; its header is 'x,y,z'"),
        (text(head=["mask", "z", "y", "x", "x"]), r"has x twice"),
        (changed(0, 1, "1_0"), r"column z, line 2 of .* whole number, but is '1_0'"),
        (changed(1, 2, "1.5"), r"column y, line 3 .* is '1.5'"),
        (changed(2, 3, ""), r"column x, line 4 .* is ''"),
        (changed(2, 3, "1e2"), r"is '1e2'"),
        (changed(2, 3, "true"), r"is 'true'"),
        (changed(2, 3, "9" * 5000), r"is '9{20}\.\.\.'"),
        (changed(2, 3, "9" * 30), r"is '9{20}\.\.\.'"),
        (changed(3, 4, "validation"), r"train, val, test, but line 5 of .* has 'validation'"),
        (changed(1, 4, ""), r"but line 3 of .* has ''"),
        (changed(1, 0, ""), r"column mask, line 3 of .* must name a picture, but '' is not"),
        (changed(1, 0, "masks/none.tif"), r"line 3 of .* 'masks/none.tif' is not there\.$"),
        (changed(1, 0, "masks/m1.png"), r"'masks/m1.png' is not there, while m1.tif is\.$"),
        (changed(1, 0, "labels/m1.tif"), r"'labels/m1.tif' is not there\.$"),
        (text() + "masks/m1.tif,1,3\n", r"5 values, but line 6 of .* has 3"),
        (text() + "masks/m1.tif,1,3,7,val,more\n", r"5 values, but line 6 of .* has 6"),
        (text([*ROWS, ROWS[1]]), r"listed once, but lines 3 and 6"),
        (text().encode() + b"\x00\x00\n", r"must be text, but line 6"),
        (text().encode("utf-16-le"), r"must be text, but line 1"),
        (text().encode() + b"\x81\x8d\n", r"must be UTF-8 text, but line 6"),
        (text() + '"masks/m0.tif,1,2,3,train\n', r"must be CSV, but line 6|line 7"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(table, content, message):
    with pytest.raises(UserError, match=message) as caught:
        regions(table(content))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_table_of_no_squares_has_none(table):
    assert regions(table("mask,z,y,x\n")) == ()


CELL = st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=8).map(str.strip)


@given(
    st.lists(st.lists(CELL, min_size=4, max_size=4), max_size=5),
    st.sampled_from(",;\t"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_was_quoted_comes_back(tmp_path_factory, cells, sep, encoding):
    path = tmp_path_factory.mktemp("t") / "regions.csv"
    cells = [["m", *row[1:]] if row[0].startswith(("#", "sep=")) else row for row in cells]
    cells = [row for row in cells if any(row)]
    quoted = [['"{}"'.format(cell.replace('"', '""')) for cell in row] for row in cells]
    path.write_text(text(quoted, HEAD[:4], sep), encoding)
    assert [list(row.values.values()) for row in read_rows(path)] == cells


def test_a_true_map_is_as_large_as_its_mask(table, tmp_path):
    """One of as many pixels in another shape was compared scrambled, and not a word was said."""
    tifffile.imwrite(tmp_path / "masks" / "t.tif", np.zeros((6, 5), np.uint8))
    rows = [[*row, f"masks/{'t' if k == 2 else 'm1'}.tif"] for k, row in enumerate(ROWS)]
    said = r"column truth, line 4 of .* as its mask, \[5, 6\] pixels, but .*t.tif has \[6, 5\]"
    with pytest.raises(UserError, match=said):
        regions(table(text(rows, [*HEAD, "truth"])))
