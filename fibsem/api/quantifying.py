"""Measure the structure of a segmented film: ``python -m fibsem.quantify``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem.api.options import completes, one_line_errors, tree_of
from fibsem.api.results import Result
from fibsem.api.segmenting import SegmentResult
from fibsem.config import Configuration, Tree, output_folder, read_path, require, voxel_nm_of
from fibsem.errors import UserError
from fibsem.quantification.options import QuantifyConfig
from fibsem.system.advice import Command
from fibsem.system.locks import at_work
from fibsem.system.progress import Progress
from fibsem.system.summaries import QuantificationSummary

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class QuantifyResult(Result[QuantificationSummary]):
    """Structure of pores and solid in a film, in nanometres if the voxel size is known.

    Examples
    --------
    ```python
    measured = api.quantify("labels")
    measured.porosity, measured.tables["pore_sizes"]
    ```
    """

    @property
    def porosity(self) -> float:
        """Share of pores in the material."""
        return self.contents.porosity

    @property
    def text(self) -> str:
        """Measures, and limits of their validity."""
        from fibsem.quantification.summary import in_words

        notes = [f"note: {limit}" for limit in self.contents.limits]
        return "\n".join([in_words(self.contents), *notes, str(self.result_folder)])

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Tables of pore sizes, correlation and so on, by file name."""
        from fibsem.analysis.encoding import read_table

        paths = [self.place / name for name in sorted(self.contents.tables or ())]
        return {path.stem: read_table(path) for path in paths if path.suffix == ".csv"}

    def pictures(self) -> Iterable[bytes]:
        """Pore volume by size, if sizes were measured."""
        from fibsem.analysis import figures

        sizes = self.tables.get("pore_sizes")
        if sizes is not None and len(sizes):
            columns = tuple(sizes[name].to_numpy(float) for name in sizes)
            yield figures.png(figures.pore_sizes({self.folder.name: columns}, self.contents.unit))


@completes("quantify")
@one_line_errors
def quantify(
    segmentation: SegmentResult | str | Path,
    *,
    output: str | Path | None = None,
    **options: Any,
) -> QuantifyResult:
    """Measure the structure of a segmented film.

    Parameters
    ----------
    segmentation
        A result of :func:`segment`, or its folder; for an array only if ``output=`` was given.
    output
        Output folder; None: the default of the command.
    options
        Any other key of ``python -m fibsem.quantify``.

    Raises
    ------
    UserError
        If an option or the segmentation is wrong.

    Examples
    --------
    ```python
    api.quantify(api.segment("my/stack")).summary["pore_size_nm"]
    ```
    """
    folder = segmentation
    legal = isinstance(segmentation, SegmentResult | str | Path)
    require("segmentation", type(segmentation).__name__, legal, "of api.segment, or its folder")
    if isinstance(segmentation, SegmentResult):
        folder = segmentation.folder_here
        if not folder.exists():
            raise UserError(
                "`segmentation` must lie in a folder, but its labels are in memory alone; "
                "api.segment(..., output=FOLDER) keeps them."
            )
    return run(tree_of("quantify", None, options, segmentation=folder, output=output))


def run(tree: Tree) -> QuantifyResult:
    """Measure one segmentation."""
    config, voxel_nm = QuantifyConfig.of(tree), voxel_nm_of(tree)
    if tree["segmentation"] is None:
        raise UserError(
            f"`segmentation` must be given: segmentation=FOLDER of {Command('segment').line}."
        )
    for line in Configuration(tree).typed_for_nothing():
        print(line)

    from fibsem.quantification.folder import check_free
    from fibsem.quantification.quantification import quantify
    from fibsem.quantification.segmented import open_segmented

    segmented = open_segmented(read_path(tree["segmentation"], "segmentation"), voxel_nm)
    # the folder's name contains a voxel size only if one is given, as in earlier versions
    named = {key: value for key, value in tree.items() if (key, value) != ("voxel_nm", None)}
    folder = output_folder("quantify", named, segmented.folder.resolve().name)
    check_free(folder)
    with at_work(folder), Progress("quantifying") as progress:
        return QuantifyResult(quantify(segmented, config, folder, progress), folder)
