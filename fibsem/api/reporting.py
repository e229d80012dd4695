"""One page with all results of a dataset: ``python -m fibsem.report``."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fibsem.api.datasets import OpenDataset
from fibsem.api.options import completes, one_line_errors, some_dataset, tree_of
from fibsem.api.results import Result
from fibsem.config import (
    OUTPUTS,
    Configuration,
    DataConfig,
    TrackingConfig,
    Tree,
    output_folder,
    read,
    read_path,
    require,
)
from fibsem.data.dataset.split import SplitRecipe
from fibsem.errors import UserError
from fibsem.reporting.results import Opened, find_results
from fibsem.system.identity import check_others
from fibsem.system.locks import at_work
from fibsem.system.summaries import Report
from fibsem.tracking.aliases import history_now


@dataclass(frozen=True, repr=False)
class ReportResult(Result[Report]):
    """A page with its tables and figures.

    Examples
    --------
    ```python
    page = api.report("demo").page
    page.read_text(encoding="utf-8")
    ```
    """

    @property
    def page(self) -> Path:
        """Path of the HTML page; it needs no other file and no network."""
        return self.place / self.contents.page

    @property
    def tables(self) -> list[Path]:
        """Paths of the tables as CSV; each also exists as Markdown and LaTeX beside it."""
        return [self.place / name for name in self.contents.tables]

    @property
    def text(self) -> str:
        """Contents of the report, and what was left out."""
        report = self.contents
        text = (
            f"{sum(report.results.values())} results of {report.dataset}: "
            f"{len(report.tables)} tables and {len(report.figures)} figures; "
            f"{self.result_folder / report.page}"
        )
        from fibsem.reporting.folder import FORMER, elsewhere_text

        lines, others, elsewhere = [text], report.others, report.elsewhere
        if report.of_former_data:
            lines.append(f"warning: {FORMER}")
        if others:
            several = "s" * (others > 1)
            lines.append(f"left out: {others} result{several} on other data of this name")
        if elsewhere:
            lines.append(f"not shown: {elsewhere_text(elsewhere)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        try:
            page = html.escape(self.page.read_text(encoding="utf-8"))
        except (UserError, OSError) as error:  # a later report lies in its folder, or none
            return self._without_pictures(error)
        # in a frame, so that the styles of the page do not change those of the notebook
        return f'<iframe srcdoc="{page}" style="width:100%;height:60em;border:0"></iframe>'


@completes("report")
@one_line_errors
def report(
    dataset: str | Path | OpenDataset = "phantom",
    *,
    folders: Sequence[str | Path] | None = None,
    output: str | Path | None = None,
    **options: Any,
) -> ReportResult:
    """Put all results of a dataset on one page.

    Parameters
    ----------
    dataset
        A dataset from :func:`open_dataset`, or its name or path.
    folders
        Folders to search for results; None: ``outputs``.
    output
        Output folder; None: the default of the command.
    options
        Any other key of ``python -m fibsem.report``; ``lineage`` and ``repoint`` are functions of
        their own.

    Raises
    ------
    UserError
        If there are no results.

    Examples
    --------
    ```python
    api.report("demo").page
    ```
    """
    paths = [folders] if isinstance(folders, str | Path) else folders and list(folders)
    tree = tree_of("report", some_dataset(dataset), options, folders=paths, output=output)
    for key in ("lineage", "repoint"):
        require(key, tree[key], tree[key] is None, f"left to `api.{key}`")
    return run(tree)


def run(tree: Tree) -> ReportResult:
    """Report on a dataset."""
    store = read(TrackingConfig, tree["tracking"], "tracking")
    folders = tree["folders"] if tree["folders"] is not None else [str(OUTPUTS)]
    if not isinstance(folders, list) or not folders:
        raise UserError(f"`folders` must be a list of folders, folders=[A,B], but got {folders}.")
    for line in Configuration(tree).typed_for_nothing():
        print(line)
    dataset, opened = _opened(read(DataConfig, tree["data"], "data"), tree)
    results = find_results([read_path(folder, "folders") for folder in folders], dataset, opened)

    from fibsem.reporting.folder import write_report
    from fibsem.tracking.runs import code_version

    folder = output_folder("report", tree, dataset)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    footer = f"fibsem {code_version()}, {now}: {tree.get('command')}"
    with at_work(folder):
        check_others(folder, "report")
        return ReportResult(write_report(results, folder, history_now(store.uri), footer), folder)


def _opened(data: DataConfig, tree: Tree) -> tuple[str, Opened | None]:
    """Name of the dataset, and the opened dataset if it is given by its path.

    No dataset is simulated or downloaded for a report.
    """
    if data.path is None:
        return data.name, None

    from fibsem.data.dataset.manifest import load_dataset

    dataset = load_dataset(
        read_path(data.path, "data.path"), read(SplitRecipe, tree["split"], "split")
    )
    volumes = [sample.volume for sample in dataset.samples]
    films = frozenset(volume.path.resolve() for volume in volumes if volume.path.exists())
    return dataset.name, Opened(dataset.hash, films)
