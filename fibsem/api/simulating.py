"""Simulate porous films with known truth: ``python -m fibsem.simulate``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fibsem.api.datasets import OpenDataset, open_dataset
from fibsem.api.options import completes, one_line_errors, tree_of
from fibsem.api.results import Result
from fibsem.config import Tree, read_path, require
from fibsem.data.dataset.archive import VOXEL_NM
from fibsem.data.phantom import PhantomRecipe
from fibsem.data.phantom import simulate as simulate_films
from fibsem.data.phantom.simulation import lock_of
from fibsem.system.files import write_json
from fibsem.system.locks import sole, taken
from fibsem.system.progress import Progress
from fibsem.system.records import as_record
from fibsem.system.summaries.simulation import SimulatedFilm, SimulationSummary

#: Folder of a phantom without `output`, in which `data=phantom` finds it.
FOLDER = "data/phantom"


@dataclass(frozen=True, repr=False)
class SimulateResult(Result[SimulationSummary]):
    """Simulated films with annotated squares, and their exact porosities.

    Examples
    --------
    ```python
    films = api.simulate("demo", output="films/demo")
    films.porosities, films.dataset.squares("train")
    ```
    """

    @property
    def porosities(self) -> dict[str, float]:
        """Exact porosity of every film, by name."""
        return {name: film.porosity for name, film in self.contents.samples.items()}

    @property
    def dataset(self) -> OpenDataset:
        """The opened dataset, for all other functions; only with ``layout="manifest"``."""
        return open_dataset(self.place)

    @property
    def text(self) -> str:
        """Porosity and grey values of every film, and the folder."""
        films = (
            f"{name}: porosity {film.porosity:.4f}, grey {film.mean:.3f}"
            for name, film in self.contents.samples.items()
        )
        return "\n".join(
            [
                *films,
                f"{self.result_folder} in {self.contents.seconds:.0f} s; look at it: "
                f"python -m fibsem.inspect data.path={self.result_folder}",
            ]
        )

    def pictures(self) -> Iterable[bytes]:
        """Some squares of the simulated films with their labels, as PNG."""
        return self.dataset.pictures() if (self.place / "dataset.yaml").is_file() else ()


@completes("simulate")
@one_line_errors
def simulate(
    phantom: str | Mapping[str, Any] | None = None,
    *,
    output: str | Path | None = None,
    **options: Any,
) -> SimulateResult:
    """Simulate porous films with known truth and annotated squares.

    Parameters
    ----------
    phantom
        ``default``, ``demo`` (a small one) or ``full``; or keys of ``conf/phantom`` that differ
        from the default.
    output
        Output folder, created only when all files are written; None: the default of the command.
    options
        Any other key of ``python -m fibsem.simulate``, ``**{"phantom.seed": 3}``.

    Raises
    ------
    UserError
        If the folder is not empty, or the recipe is wrong.

    Examples
    --------
    ```python
    film = api.simulate("demo", output="my/film").dataset
    api.train(film, nbhd="33x33x3")
    ```
    """
    return run(tree_of("simulate", None, options, phantom=phantom, output=output))


def run(tree: Tree) -> SimulateResult:
    """Simulate one phantom."""
    began = time.perf_counter()
    recipe, layout = PhantomRecipe.from_mapping(tree["phantom"]), tree["layout"]
    require("layout", layout, layout in ("manifest", "archive"), "manifest or archive")
    if layout == "archive":  # which cannot store a voxel size
        nm, legal = recipe.voxel_nm, tuple(recipe.voxel_nm) == VOXEL_NM
        require("phantom.voxel_nm", list(nm), legal, f"{list(VOXEL_NM)} with layout=archive")
    folder = read_path(tree["output"] or FOLDER, "output")
    lock = lock_of(folder)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with sole(lock, taken(folder)):
        with Progress("simulating") as progress:
            truth = simulate_films(
                recipe, folder, layout=layout, overwrite=tree["overwrite"], progress=progress
            )
        films = {name: SimulatedFilm(**film) for name, film in truth.items()}
        summary = SimulationSummary(films, time.perf_counter() - began)
        write_json(folder / "summary.json", as_record(summary))
    return SimulateResult(summary, folder)
