"""Lineage of a result: ``python -m fibsem.report lineage=DIR``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from fibsem.api.options import completes, one_line_errors, tree_of
from fibsem.api.results import Result
from fibsem.config import (
    Configuration,
    TrackingConfig,
    Tree,
    output_folder,
    read,
    read_path,
    require,
)
from fibsem.reporting.again import CommandLine
from fibsem.reporting.lineage import STEPS, LineageReport, read_lineage
from fibsem.system.files import write_json
from fibsem.system.identity import check_others
from fibsem.system.locks import at_work
from fibsem.system.notebooks import as_html
from fibsem.system.secrets import in_message
from fibsem.tracking.aliases import aliases_now


@dataclass(frozen=True, repr=False)
class LineageResult(Result[LineageReport]):
    """Lineage of a segmentation or of a promoted model.

    Examples
    --------
    ```python
    made = api.lineage("labels")
    made.text, [step.run for step in made.steps]
    ```
    """

    @property
    def summary(self) -> Mapping[str, Any]:
        """The record of ``summary.json``, by its keys."""
        return {"lineage": self.contents.record()}

    @property
    def steps(self) -> list[CommandLine]:
        """Commands that reproduce the result, in order."""
        return self.contents.steps

    @property
    def text(self) -> str:
        """Facts, models and commands."""
        return self.contents.text()

    def _repr_html_(self) -> str:
        """The facts, and the steps as a table."""
        facts, _, _ = self.text.partition(f"\n{STEPS}\n")
        rows = "".join(
            f"<tr><td>{escape(in_message(step.note))}</td>"
            f"<td><code>{escape(in_message(step.run or ''))}</code></td></tr>"
            for step in self.steps
        )
        return f"{as_html(in_message(facts))}<table><caption>{STEPS}</caption>{rows}</table>"


@completes("report", "tracking")
@one_line_errors
def lineage(
    result: Result[Any] | str | Path, *, output: str | Path | None = None, **options: Any
) -> LineageResult:
    """Tell which model, sweep, trial, data, code and commands a result comes from.

    Parameters
    ----------
    result
        A result of :func:`segment` or :func:`promote`, or its folder.
    output
        Output folder; None: the default of the command.
    options
        ``tracking={"uri": ...}``: the MLflow store, for the aliases that models have now.

    Raises
    ------
    UserError
        If it is no result of a segmentation or promotion.

    Examples
    --------
    ```python
    api.lineage("labels").steps
    ```
    """
    typed = options.get("lineage")
    require("lineage", typed, typed is None, "left to `result`, the first argument")
    path = result.place if isinstance(result, Result) else result
    legal = isinstance(path, str | Path)
    require("result", type(path).__name__, legal, "a result of api.segment or api.promote")
    return run(tree_of("report", None, options, lineage=str(path), output=output))


def run(tree: Tree) -> LineageResult:
    """Read and write the lineage of the result in a configuration."""
    store = read(TrackingConfig, tree["tracking"], "tracking")
    for line in Configuration(tree).typed_for_nothing():
        print(line)
    path = read_path(tree["lineage"], "lineage")
    made = read_lineage(path)
    made = replace(made, aliases=aliases_now(store.uri, made.registered))
    folder = output_folder("report", tree, f"lineage-{path.resolve().name}")
    result = LineageResult(made, folder)
    with at_work(folder):
        check_others(folder, "lineage")
        write_json(folder / "summary.json", result.summary)
    return result
