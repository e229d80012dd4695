"""Tables and figures over finished evaluations, and the paired comparison of two of them."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem import models
from fibsem.analysis import encoding, figures, tables
from fibsem.analysis.metrics import Confusion, pooled
from fibsem.analysis.postprocessing import THRESHOLDS, at_an_end
from fibsem.analysis.statistics import paired_over_seeds, paired_over_squares
from fibsem.errors import UserError
from fibsem.evaluation.differences import Comparison
from fibsem.evaluation.folder import finished_in, scores_of
from fibsem.evaluation.names import FIGURES, FIGURES_OVER_ALL, TABLES_OVER_ALL
from fibsem.evaluation.scores import AGAIN, SeedScores, read_seeds
from fibsem.geometry import Triple
from fibsem.inference.model.predict import BlockScorer
from fibsem.models.describe import drawing, feature_maps
from fibsem.places import Spot, means_by_place
from fibsem.system.advice import COMPARE
from fibsem.system.endings import FIGURE, TABLE, each, remove_former
from fibsem.system.files import beside, remove_leftovers
from fibsem.system.identity import same_data
from fibsem.system.summaries import EvaluationSummary
from fibsem.system.summaries.evaluation import Run
from fibsem.training.material.material import Material
from fibsem.training.scoring.scoring import scored_squares

#: Summaries of finished evaluations by their folders.
Cells = Mapping[Path, EvaluationSummary]


def finished_cells(folder: Path, data: str) -> dict[Path, EvaluationSummary]:
    """Return the finished evaluations of a dataset, by sub-folder of ``folder``.

    Of an evaluation and its copies, the folder that was written last is returned.
    """
    folders = [path.parent for path in sorted(folder.glob("*/summary.json"))]
    finished = {path: finished_in(path) for path in folders}
    cells = {path: cell for path, cell in finished.items() if cell and same_data(cell.data, data)}
    latest: dict[str, Path] = {}
    for path, cell in cells.items():
        run = cell.run_id or str(path)
        if run not in latest or _written(path) > _written(latest[run]):
            latest[run] = path
    return {path: cell for path, cell in cells.items() if path in latest.values()}


def _written(folder: Path) -> float:
    """Return when the summary in a folder was written."""
    return (folder / "summary.json").stat().st_mtime


def ends_of(runs: Iterable[Run]) -> list[str]:
    """Return a warning for each seed whose best threshold is the smallest or largest tried."""
    ends = (
        (run.seed, at_an_end(run.threshold, THRESHOLDS.thresholds))
        for run in runs
        if run.threshold is not None
    )
    return [f"seed {seed}: {end}" for seed, end in ends if end]


def write_over_all(home: Path, data: str, folder: Path) -> tuple[list[Path], list[Path]]:
    """Write tables and figures over all evaluations of a dataset; returns both lists of files.

    Files of an earlier call that are not written again are removed, and what a killed one was
    writing. No other process may write into the folder.
    """
    remove_leftovers(folder, deep=False)
    cells = finished_cells(home, data)
    written, drawn = write_tables(cells, folder), draw_cells(cells, folder)
    remove_former(folder, each(TABLES_OVER_ALL, TABLE[:1]), _names(written), TABLE)
    remove_former(folder, each(FIGURES_OVER_ALL, FIGURE[:1]), _names(drawn), FIGURE)
    return written, drawn


def _names(files: Iterable[Path]) -> list[str]:
    return [file.name for file in files]


def write_tables(cells: Cells, folder: Path) -> list[Path]:
    """Write every table of the protocol as CSV, Markdown and LaTeX; returns the files.

    Evaluations are sorted by folder.
    """
    cells = dict(sorted(cells.items()))
    evaluations = list(cells.values())
    best_folder, best = max(cells.items(), key=lambda cell: cell[1].val.miou.mean)
    best_run = next(read_seeds(best_folder, best.seeds))
    standard = [evaluation for evaluation in evaluations if evaluation.model == "2dcnn"]
    others = [evaluation for evaluation in evaluations if evaluation.model != "2dcnn"]
    made = {
        "table-4.4-parameters": tables.parameters(evaluations),
        "table-4.5-training-2dcnn": tables.training(standard),
        "table-4.6-training-others": tables.training(others),
        "table-4.7-splits": tables.splits(evaluations),
        "table-4.10-labelled": tables.labelled(best, "all"),
        "table-4.12-labelled-chosen-threshold": tables.labelled(best, "chosen"),
        "table-5.1-comparison": tables.comparison(evaluations),
    }
    for split in ("train", "val"):
        counted = best_run.scores.balanced[split].confusion
        made[f"table-4.9-confusion-{split}"] = tables.confusion(counted.counts)
    filled = [name for name in TABLES_OVER_ALL if len(made[name])]
    return [file for name in filled for file in encoding.write(made[name], folder, name)]


def draw_cell(folder: Path, seeds: Iterable[int], material: Material) -> list[Path]:
    """Draw learning curves, network and feature maps of an evaluation; save one test square."""
    runs = list(read_seeds(folder, seeds))
    spec = material.config.spec
    pictures = folder / "figures"
    name = f"{spec.name} {spec.nbhd}"
    losses = [
        [[epoch.train_loss for epoch in run.history] for run in runs],
        [[epoch.val["loss"] for epoch in run.history] for run in runs],
    ]
    drawn = {"learning_curves": figures.learning_bands({name: (losses[0], losses[1])})}
    model = models.load(spec, folder / f"seed-{runs[0].seed}")
    if spec.is_network:
        drawn["network"] = figures.network(drawing(spec), f"{name}, padding {spec.padding}")
        window = material.val[0]
        more = 0 if spec.padding == "same" else 63
        height, width = (n + more for n in spec.window)
        image = window.around(0, 0, height, width, spec.halo[1:])[None]
        maps = feature_maps(model, np.ascontiguousarray(image))
        if maps:
            drawn["feature_maps"] = figures.feature_maps(maps)
    _save_square(folder / "square.npz", material, model, runs[0])
    made = [name for name in FIGURES if name in drawn]
    return [figures.save(drawn[name], pictures / f"{name}.png") for name in made]


def _save_square(path: Path, material: Material, model: models.Model, run: SeedScores) -> None:
    """Save the labels predicted for the first test square, for the figure of all models."""
    before = _square(path)
    if before is not None and before.run_id == run.run_id:
        return
    scorer = BlockScorer(material.config.spec, model)
    region, square = next(iter(scored_squares(material, scorer, "test")))
    grey = material.dataset.sample(region.sample).volume.read_unit(region.box)[0]
    solid = (square.scores[square.inner] >= run.scores.threshold).astype(np.uint8)
    with beside(path) as hidden:
        np.savez_compressed(
            hidden, grey=grey, labels=square.labels, found=solid, region=region.key,
            run_id=run.run_id,
        )  # fmt: skip


def draw_cells(cells: Cells, folder: Path) -> list[Path]:
    """Draw the figures over all evaluations of a dataset, sorted by folder."""
    cells = dict(sorted(cells.items()))
    by_line: dict[str, dict[int, tuple[float, float]]] = {}
    seeds: dict[str, list[float]] = {}
    squares: dict[str, _SavedSquare] = {}
    names = tables.names_of(list(cells.values()))
    for name, (path, evaluation) in zip(names, cells.items(), strict=True):
        line, n = _line_of(evaluation, name), evaluation.sides[0]
        if n in by_line.get(line, {}):  # same width, other height
            line = name
        spread = evaluation.val.miou
        by_line.setdefault(line, {})[n] = (spread.mean, spread.std)
        seeds[name] = [100 * run.val["miou"] for run in evaluation.runs]
        if (square := _square(path / "square.npz")) is not None:
            squares[name] = square
    drawn = {
        "miou_by_neighbourhood": figures.miou_by_neighbourhood(dict(sorted(by_line.items()))),
        "boxes": figures.boxes(seeds, "validation mIoU (%)"),
    }
    if squares:
        drawn["one_square"] = _one_square(squares)
    made = [name for name in FIGURES_OVER_ALL if name in drawn]
    return [figures.save(drawn[name], folder / f"{name}.png") for name in made]


def _line_of(evaluation: EvaluationSummary, name: str) -> str:
    """Return the name of a curve, shared by evaluations that differ only in n_x and n_y."""
    plain = "" if evaluation.model == "2dcnn" else f"{evaluation.model}, "
    loss = "" if evaluation.loss == "bce" else f" {evaluation.loss}"
    apart = name.removeprefix(tables.name_of(evaluation))  # distinguishes evaluations of one name
    return f"{plain}n_z = {evaluation.sides[2]}{loss}{apart}"


@dataclass(frozen=True)
class _SavedSquare:
    """Contents of a file by :func:`_save_square`; earlier versions did not store the run."""

    grey: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    predicted: npt.NDArray[np.uint8]
    region: str
    run_id: str | None = None


def _square(path: Path) -> _SavedSquare | None:
    """Read a saved square; None if the file does not exist or is damaged."""
    try:
        with np.load(io.BytesIO(path.read_bytes())) as arrays:
            run_id = str(arrays["run_id"]) if "run_id" in arrays else None
            return _SavedSquare(
                arrays["grey"], arrays["labels"], arrays["found"], str(arrays["region"]), run_id
            )
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None


def _one_square(squares: Mapping[str, _SavedSquare]) -> Any:
    """Draw the predictions of all models that were saved for the first model's square."""
    first = next(iter(squares.values()))
    by_model = {
        name: (square.predicted, Confusion.of(square.labels, square.predicted).miou)
        for name, square in squares.items()
        if square.region == first.region
    }
    return figures.one_square(first.grey, first.labels, by_model)


def compare(first: Path, second: Path) -> Comparison:
    """Compare two finished evaluations on the same test squares, and over the same seeds.

    The value of a square is its mIoU at the threshold chosen on validation, averaged over seeds.
    The value of a seed is its mIoU over the pixels of these squares: those that every seed of both
    evaluations has scored. Squares of one place are averaged and form one pair.

    Raises
    ------
    UserError
        If a folder holds no finished evaluation, the two have different data, or they are one.
    """
    both = [_finished(folder) for folder in (first, second)]
    if not same_data(both[0].data, both[1].data):
        raise UserError(
            f"`{COMPARE}` needs two evaluations of the same data, but {first} and {second} differ."
        )
    if {run.run_id for run in both[0].runs} & {run.run_id for run in both[1].runs}:
        raise UserError(
            f"`{COMPARE}` needs two evaluations, but {first} and {second} have runs in common, so "
            "they are one."
        )
    runs = [
        list(_runs_of(folder, evaluation))
        for folder, evaluation in zip((first, second), both, strict=True)
    ]
    squares = [[_test_squares(run) for run in of_seeds] for of_seeds in runs]
    common = _common(by_key for of_seeds in squares for by_key in of_seeds)
    spots = _spots(run for of_seeds in runs for run in of_seeds)
    over_squares = paired_over_squares(
        *(
            means_by_place((spots[key], _over_seeds(key, of_seeds)) for key in common)
            for of_seeds in squares
        )
    )
    by_seed = [
        {
            run.seed: pooled(by_key[key] for key in common).miou
            for run, by_key in zip(of_seeds, squares_of_seeds, strict=True)
        }
        for of_seeds, squares_of_seeds in zip(runs, squares, strict=True)
    ]
    seeds = sorted(set(by_seed[0]) & set(by_seed[1])) if common else []
    over_seeds = paired_over_seeds(
        [by_seed[0][seed] for seed in seeds], [by_seed[1][seed] for seed in seeds]
    )
    names = tables.names_of(both)
    return Comparison(names[0], names[1], over_squares, len(common), over_seeds)


def _finished(folder: Path) -> EvaluationSummary:
    evaluation = finished_in(folder)
    if evaluation is None:
        raise UserError(
            f"`{COMPARE}` must name two folders of finished evaluations, but {folder} is not one."
        )
    return evaluation


#: Key of a square: sample, name, and first voxel.
Key = tuple[str, str, Triple]


def _spots(runs: Iterable[SeedScores]) -> dict[Key, Spot]:
    """Return the position of every square, with its size if any run has it."""
    spots: dict[Key, Spot] = {}
    for square in (square for run in runs for square in run.scores.squares):
        if square.size or square.key not in spots:
            spots[square.key] = square.spot
    return spots


def _runs_of(folder: Path, evaluation: EvaluationSummary) -> Iterator[SeedScores]:
    """Yield the scores of every seed of an evaluation, which must be of the runs that it names."""
    for scores, run in zip(read_seeds(folder, evaluation.seeds), evaluation.runs, strict=True):
        if scores.run_id != run.run_id:
            raise UserError(
                f"an evaluation must have the scores of its own runs, but "
                f"{scores_of(folder, run.seed)} is of another run; remove it, and {AGAIN}."
            )
        yield scores


def _test_squares(run: SeedScores) -> dict[Key, Confusion]:
    """Return the confusion matrices of the test squares that one seed has scored."""
    return {
        square.key: square.chosen
        for square in run.scores.squares
        if square.is_of("test") and square.chosen.pixels
    }


def _common(squares: Iterable[Mapping[Key, Confusion]]) -> list[Key]:
    """Return the squares that all have, in the order of the first."""
    first, *others = squares
    return [key for key in first if all(key in by_key for by_key in others)]


def _over_seeds(key: Key, squares: Iterable[Mapping[Key, Confusion]]) -> float:
    """Average the mIoU of a square over seeds.

    Only classes that are labelled in the square count: see :attr:`Confusion.miou_of_labelled`.
    """
    return float(np.mean([by_key[key].miou_of_labelled for by_key in squares]))
