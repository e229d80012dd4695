"""Compare two finished evaluations: ``python -m fibsem.evaluate compare=[A,B]``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fibsem.analysis.statistics import Paired
from fibsem.api.evaluating import EvaluateResult, checked
from fibsem.api.options import one_line_errors, tree_of
from fibsem.api.results import Result
from fibsem.config import Configuration, Tree, output_folder, read_path, require
from fibsem.errors import UserError
from fibsem.evaluation.differences import Comparison
from fibsem.system.files import write_json
from fibsem.system.identity import check_others
from fibsem.system.locks import at_work
from fibsem.system.records import as_record


@dataclass(frozen=True, repr=False)
class CompareResult(Result[Comparison]):
    """Difference of two evaluations in test mIoU, the first minus the second.

    Examples
    --------
    ```python
    difference = api.compare("outputs/evaluate/a", "outputs/evaluate/b")
    difference.squares.mean, difference.squares.p_value, difference.seeds.low
    ```
    """

    @property
    def squares(self) -> Paired:
        """Paired difference in test mIoU over the places that both evaluations scored."""
        return self.contents.squares

    @property
    def seeds(self) -> Paired:
        """Paired difference in test mIoU over the seeds that both evaluations have."""
        return self.contents.seeds

    @property
    def text(self) -> str:
        """The differences over squares and over seeds, with interval and test."""
        names = f"{self.contents.first} minus {self.contents.second}"
        lines = [f"test mIoU of {names}, 95 % interval:"]
        squares = self.contents.test_squares
        alone = squares == self.squares.pairs
        places = "squares" if alone else f"places of {squares} squares, some above each other"
        trained = f"{places}, of these trainings alone"
        for title, paired in ((trained, self.squares), ("seeds", self.seeds)):
            lines.append(f"  over {paired.pairs} {title}: {paired_text(paired)}")
        return "\n".join([*lines, f"{self.result_folder}/summary.json"])

    def pictures(self) -> Iterable[bytes]:
        """The differences over squares and over seeds with their intervals, as PNG."""
        from fibsem.analysis import figures

        both = {"squares": self.squares, "seeds": self.seeds}
        ends = {k: (p.mean, p.low, p.high) for k, p in both.items() if p.pairs}
        if ends:
            label = f"test mIoU, {self.contents.first} minus {self.contents.second}"
            yield figures.png(figures.differences(ends, label))


def paired_text(paired: Paired) -> str:
    """Return a difference with its interval and test, or the reason why there is none.

    >>> paired_text(Paired(6, 0.01, 0.002, 0.018, 0.031, "Wilcoxon signed-rank"))
    '+0.0100 [+0.0020, +0.0180], Wilcoxon signed-rank: p = 0.031'
    >>> paired_text(Paired(1, 0.01, float("nan"), float("nan"), None, "paired t"))
    '+0.0100, no interval and no test of a single pair'
    """
    if not paired.pairs:
        return "none that both have"
    if paired.pairs == 1:
        return f"{paired.mean:+.4f}, no interval and no test of a single pair"
    ends = f"{paired.mean:+.4f} [{paired.low:+.4f}, {paired.high:+.4f}]"
    if paired.p_value is not None:
        return f"{ends}, {paired.test}: p = {paired.p_value:.3g}"
    return f"{ends}, {'all equal' if paired.low == paired.high else 'too few for a test'}"


@one_line_errors
def compare(
    first: EvaluateResult | str | Path,
    second: EvaluateResult | str | Path,
    *,
    output: str | Path | None = None,
    **options: Any,
) -> CompareResult:
    """Compare two finished evaluations on the same test squares, and over the same seeds.

    Parameters
    ----------
    first, second
        Results of :func:`evaluate`, or their folders.
    output
        Output folder; None: the default of the command.
    options
        Other keys of ``python -m fibsem.evaluate`` do nothing here, and a line says so.

    Raises
    ------
    UserError
        If a folder holds no finished evaluation, or the two were not made on the same data.

    Examples
    --------
    ```python
    api.compare(api.evaluate("demo"), api.evaluate("demo", model="2dcnn")).squares.p_value
    ```
    """
    both = (first, second)
    for which, evaluation in zip(("first", "second"), both, strict=True):
        legal = isinstance(evaluation, EvaluateResult | str | Path)
        require(which, type(evaluation).__name__, legal, "of api.evaluate, or its folder")
    folders = [
        str(evaluation.folder_here if isinstance(evaluation, EvaluateResult) else evaluation)
        for evaluation in both
    ]
    typed = options.get("compare")
    require("compare", typed, typed is None, "left to `first` and `second`")
    tree = tree_of("evaluate", None, {**options, "compare": folders}, output=output)
    return run(tree)


def run(tree: Tree) -> CompareResult:
    """Compare the two evaluations that a configuration names."""
    checked(Configuration(tree))
    folders = tree["compare"]
    if not isinstance(folders, list) or len(folders) != 2:
        raise UserError(f"`compare` must name two folders, compare=[A,B], but got {folders}.")
    first, second = (read_path(folder, "compare") for folder in folders)
    for line in Configuration(tree).typed_for_nothing():
        print(line)

    from fibsem.evaluation.comparison import compare

    comparison = compare(first, second)
    folder = output_folder("evaluate", tree, "compare")
    with at_work(folder):
        check_others(folder, "comparison")
        write_json(folder / "summary.json", as_record(comparison))
    return CompareResult(comparison, folder)
