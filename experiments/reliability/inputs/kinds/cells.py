"""Cells of tables that a spreadsheet takes for formulas, and numbers that it must not lose.

Tables are written directly, without the commands that produce them.
"""

import csv
import io

import pandas as pd

try:
    from fibsem.analysis import as_csv
except ImportError:  # a version that wrote cells unchanged

    def as_csv(table):
        return table.to_csv(index=False)


TEXTS = ["=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-a", "-1+2", "+49 (0) 1", "'=1", "=",
         "-", "@x", '=HYPERLINK("http://x","y")']  # fmt: skip
NUMBERS = ["-0.0123", "+0.5", "-3", "-1.5e-05", "-0.50 ± 0.10", "[-1.00, 2.00]", "0.3", "HPC22", ""]


def cell(text):
    written = as_csv(pd.DataFrame({"sample": [text], "n": [1]}))
    return list(csv.reader(io.StringIO(written)))[1][0]


def inputs():
    for text in TEXTS:
        yield f"text {text}", lambda text=text: cell(text)[0] not in "=+-@"
    for text in NUMBERS:
        yield f"as it is: {text}", lambda text=text: cell(text) == text
