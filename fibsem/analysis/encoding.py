"""Tables as CSV, Markdown and LaTeX, with the special characters of each format escaped.

Cells hold user-given names: a film may be called ``=1+1``, ``a|b`` or ``50%_HPC``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from fibsem.errors import UserError
from fibsem.system.endings import TABLE
from fibsem.system.files import replace_file

#: A cell with a number, perhaps with its spread, or with an interval.
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?( ± [\d.]+)?$|\[[-+\d.]+, [-+\d.]+\]$")
#: A number alone; digits with a leading zero are a name.
PLAIN = re.compile(r"[-+]?inf|(?=.*\d)[-+]?(0|[1-9]\d*)?(\.\d+)?(e[-+]?\d+)?")
#: Start of a cell that a spreadsheet takes for a formula, after any leading apostrophes.
FORMULA = re.compile("'*[=+\\-@\t\r]")
#: Characters that are illegal in XML and HTML.
ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Special characters of LaTeX, and those that a text font without ``fontenc`` shows wrongly.
LATEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "±": r"$\pm$",
    }
)
#: Positions between characters that LaTeX joins into another one: ``--`` becomes a dash.
LIGATURE = re.compile("(?<=-)(?=-)|(?<=,)(?=,)|(?<=')(?=')|(?<=[`?!])(?=`)")


def write(table: pd.DataFrame, folder: Path, name: str) -> list[Path]:
    """Write a table as CSV, Markdown and LaTeX; return the files."""
    files = [folder / f"{name}.{ending}" for ending in TABLE]
    made = as_csv(table), markdown(table) + "\n", latex(table) + "\n"
    for file, text in zip(files, made, strict=True):
        replace_file(file, text)
    return files


def as_csv(table: pd.DataFrame) -> str:
    """Format a table as CSV without cells that a spreadsheet would run as formulas.

    A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers do not.
    :func:`read_csv` gives the texts back without it.

    Examples
    --------
    >>> print(as_csv(pd.DataFrame({"sample": ["=1+1"], "difference": ["-0.0123"]})), end="")
    sample,difference
    '=1+1,-0.0123
    """
    plain = table.map(lambda value: _no_formula(value) if isinstance(value, str) else value)
    return plain.to_csv(index=False, header=[_no_formula(str(name)) for name in table])


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table that :func:`as_csv` wrote, with every cell as text.

    Raises
    ------
    UserError
        If the file is damaged: empty, ragged, or saved in another encoding by a spreadsheet.
    """
    with naming(path):
        read = pd.read_csv(path, dtype=str, keep_default_na=False).map(_with_formula)
    return read.rename(columns=_with_formula)


def read_table(path: Path) -> pd.DataFrame:
    """Read a table that :func:`as_csv` wrote, with columns of numbers converted.

    Empty cells of such columns, and empty columns, become nan.

    Raises
    ------
    UserError
        As :func:`read_csv`.
    """
    return read_csv(path).apply(_as_numbers)


def _as_numbers(column: pd.Series) -> pd.Series:
    """Convert a column of texts to numbers if all are numbers; leading zeros mark names."""
    filled = column[column != ""]
    if not filled.map(lambda text: bool(PLAIN.fullmatch(text))).all():
        return column
    return pd.to_numeric(column.mask(column == ""))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Convert errors of reading a table to a ``UserError`` with the path and the reason."""
    try:
        yield
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"a table must be whole, but {path} is damaged ({reason}).") from error


def _no_formula(text: str) -> str:
    return f"'{text}" if FORMULA.match(text) and not NUMBER.match(text) else text


def _with_formula(text: str) -> str:
    return text[1:] if text[:1] == "'" and FORMULA.match(text) else text


def markdown(table: pd.DataFrame) -> str:
    """Format a table in Markdown, with numeric columns aligned to the right.

    Examples
    --------
    >>> print(markdown(pd.DataFrame({"model": ["a"], "n": [1]})))
    | model | n |
    |---|--:|
    | a | 1 |
    """
    numeric = [pd.api.types.is_numeric_dtype(table[column]) for column in table]
    lines = [[cell(text) for text in row] for row in _rows(table)]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    text.insert(1, "|" + "|".join("--:" if right else "---" for right in numeric) + "|")
    return "\n".join(text)


def cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table, so that it cannot end the cell or open a tag.

    >>> cell("a|b") == "a" + chr(92) + "|b"
    True
    """
    return one_line(text).replace("|", r"\|").replace("<", r"\<")


def one_line(text: str) -> str:
    r"""Join the lines of a text, and replace characters that are illegal in XML and HTML.

    >>> one_line("HPC30\nfilm 2")
    'HPC30 film 2'
    """
    return ILLEGAL.sub("\ufffd", " ".join(text.splitlines()))


def latex(table: pd.DataFrame) -> str:
    r"""Format a table in LaTeX, to ``\input`` into a ``table``; it needs ``booktabs``.

    >>> print(latex(pd.DataFrame({"film": ["HPC_22"], "difference": ["-1.50 ± 0.20"]})))
    % \usepackage{booktabs}
    \begin{tabular}{lr}
    \toprule
    film & difference \\
    \midrule
    HPC\_22 & $-$1.50 $\pm$ 0.20 \\
    \bottomrule
    \end{tabular}
    """
    head, *body = _rows(table)
    columns = zip(*body, strict=True) if body else [()] * len(head)
    sides = ["r" if is_number(column) else "l" for column in columns]
    head, *body = ([latex_text(text) for text in row] for row in (head, *body))
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            rf"\begin{{tabular}}{{{''.join(sides)}}}",
            r"\toprule",
            _latex_row(head),
            r"\midrule",
            *map(_latex_row, body),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _latex_row(cells: list[str]) -> str:
    """Format a row; a leading [ or * is protected, as it would be an option of the line break."""
    row = " & ".join(cells)
    return rf"{'{}' if row.startswith(('[', '*')) else ''}{row} \\"


def latex_text(text: str) -> str:
    r"""Escape a text for LaTeX; numbers get a minus sign of math mode.

    >>> print(latex_text("50% of a_1 & {b}"), latex_text("-3"))
    50\% of a\_1 \& \{b\} $-$3
    """
    plain = one_line(text)
    if NUMBER.match(plain):
        return plain.translate(LATEX).replace("-", "$-$")
    return LIGATURE.sub("{}", plain.translate(LATEX))


def is_number(column: tuple[str, ...]) -> bool:
    """Return whether all non-empty cells are numbers, and there is at least one."""
    filled = [text for text in column if text]
    return bool(filled) and all(NUMBER.match(text) for text in filled)


def _rows(table: pd.DataFrame) -> Iterator[list[str]]:
    """Yield the column names, then every row, as texts."""
    yield [str(name) for name in table.columns]
    cells = table.astype(object).where(table.notna(), "")
    for row in cells.itertuples(index=False):
        yield [_figure(value) for value in row]


def _figure(value: Any) -> str:
    """Format a float with six significant digits, without decimals if whole or large.

    >>> _figure(9 * 11.4), _figure(0.7780371460468893), _figure(1234567.8), _figure("0.50")
    ('102.6', '0.778037', '1234568', '0.50')
    """
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value.is_integer() or abs(value) >= 1e6 else f"{value:.6g}"
