"""Check a dataset: ``python -m fibsem.inspect``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem.api.datasets import OpenDataset
from fibsem.api.options import completes, one_line_errors, some_dataset, tree_of
from fibsem.api.results import Result, files
from fibsem.config import Configuration, DataConfig, Tree, output_folder, read
from fibsem.data.dataset.digests import digest_of
from fibsem.data.dataset.split import SplitRecipe
from fibsem.data.preprocessing import Recipe
from fibsem.system.endings import FIGURE, remove_former
from fibsem.system.files import replace_file, write_json
from fibsem.system.identity import check_others
from fibsem.system.locks import at_work
from fibsem.system.records import as_record
from fibsem.system.summaries import InspectionSummary

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class InspectResult(Result[InspectionSummary]):
    """Tables, warnings and figures of a dataset; all labels were read and are valid.

    Attributes
    ----------
    figures
        Paths of PNG files: histograms, grey values along an axis, classes, and squares of every
        sample.

    Examples
    --------
    ```python
    inspected = api.inspect("my/film")
    inspected.warnings, inspected.samples["median"]
    ```
    """

    figures: tuple[Path, ...]

    @property
    def warnings(self) -> list[str]:
        """Properties of the dataset that are legal but may be mistakes."""
        return list(self.contents.warnings)

    @property
    def samples(self) -> pd.DataFrame:
        """Grey values, squares and porosity of every sample, one a row."""
        import pandas as pd

        rows = [{"sample": name, **as_record(row)} for name, row in self.contents.samples.items()]
        return pd.json_normalize(rows, sep="/").set_index("sample")

    @property
    def text(self) -> str:
        """Tables and warnings."""
        from fibsem.reporting.inspection_tables import tables

        summary = self.contents
        return "\n".join(
            [
                f"{summary.dataset}, hash {summary.data}: every label was read and is in order\n",
                tables(summary),
                *(f"look at this: {warning}" for warning in summary.warnings),
                *_undrawn(summary),
                f"figures: {', '.join(map(str, self.figures))}",
            ]
        )

    def pictures(self) -> Iterable[bytes]:
        """Histograms, gradient, classes and squares, as PNG."""
        folder = self.place
        return files(folder / figure.name for figure in self.figures)


def _undrawn(summary: InspectionSummary) -> Iterator[str]:
    """Yield a line for every sample with squares that are not drawn."""
    for name, sample in summary.samples.items():
        drawn, labelled = sample.squares_drawn, sample.squares_labelled
        if drawn < labelled:
            yield f"drawn: {drawn} of {labelled} squares of {name}, spread over all of them"


@completes("inspect")
@one_line_errors
def inspect(
    dataset: str | Path | OpenDataset = "phantom",
    *,
    output: str | Path | None = None,
    **options: Any,
) -> InspectResult:
    """Check a dataset: tables of grey values, labels and porosity, and figures.

    Parameters
    ----------
    dataset
        A dataset from :func:`open_dataset`, or its name or path.
    output
        Output folder; None: the default of the command.
    options
        Any other key of ``python -m fibsem.inspect``, ``preprocess={"gradient": "y"}``.

    Raises
    ------
    UserError
        If the dataset does not exist, or something in it is wrong.

    Examples
    --------
    ```python
    inspected = api.inspect("my/film")
    inspected.warnings, inspected.samples["porosity"]
    ```
    """
    return run(tree_of("inspect", some_dataset(dataset), options, output=output))


def run(tree: Tree) -> InspectResult:
    """Inspect one dataset."""
    data, split = read(DataConfig, tree["data"], "data"), read(SplitRecipe, tree["split"], "split")
    recipe = read(Recipe, tree["preprocess"], "preprocess")
    for line in Configuration(tree).typed_for_nothing():
        print(line)

    from fibsem.data.doubts.idle_split import idle_split
    from fibsem.reporting.inspection import Inspection, drawn_in
    from fibsem.reporting.inspection_tables import tables
    from fibsem.training.material.datasets import check_unchanged, obtain

    dataset = obtain(data, split)
    for line in idle_split(dataset, Configuration(tree).typed):
        print(line)
    folder = output_folder("inspect", tree, dataset.name)
    with at_work(folder):
        check_others(folder, "inspection")
        inspection = Inspection.of(dataset, recipe)
        summary = inspection.summary()
        pictures = inspection.figures(folder)
        drawn, text = tuple(picture.name for picture in pictures), tables(summary)
        check_unchanged(dataset, "this inspection")
        remove_former(folder, drawn_in(folder), drawn, FIGURE)
        shows = digest_of([dataset.hash, text], 12)
        summary = replace(summary, figures=drawn, shows=shows)
        replace_file(folder / "tables.md", text)
        write_json(folder / "summary.json", as_record(summary))
    return InspectResult(summary, folder, tuple(pictures))
