"""Claim the folder of an evaluation: continue it, begin anew, or refuse another evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fibsem.config import Tree, defaults_of, settings_of
from fibsem.evaluation.names import FIGURES
from fibsem.system import identity
from fibsem.system.endings import FIGURE, each
from fibsem.system.files import known_json, read_json, remove, write_json
from fibsem.system.identity import Identity, kind_of
from fibsem.system.records import typed
from fibsem.system.summaries import EvaluationSummary
from fibsem.tracking.run_notes import RUN, TOKEN_FILE
from fibsem.tracking.runs import Tracking
from fibsem.training import folder as training
from fibsem.training.former import former_identity
from fibsem.training.results import TrialResult

#: File with the id of the parent run.
PARENT = "parent.json"
#: File that exists while tables and figures over all evaluations are made; an evaluation with it is
#: not finished.
TO_DO = "to_do.json"
#: Everything that an evaluation leaves in its folder.
OWN = (
    "summary.json", "square.npz", *each(FIGURES, FIGURE, "figures/"), "figures",
    "seed-*/scores.json",
    *(f"seed-*/{name}" for name in (*training.OWN, identity.FILE)), "seed-*", PARENT, TOKEN_FILE,
    TO_DO,
)  # fmt: skip


def settle(
    folder: Path, tree: Tree, data: Mapping[str, str], tracking: Tracking, *, overwrite: bool
) -> None:
    """Claim a folder for one evaluation, with any number of seeds.

    Parameters
    ----------
    folder, tree, data
        The folder, the configuration, and the digests of the dataset.
    tracking
        MLflow store, to look up evaluations of earlier versions and to end removed runs.
    overwrite
        Whether earlier results are removed.

    Raises
    ------
    UserError
        If the folder holds another evaluation; the message names what differs.
    """
    now = Identity("evaluation", settings_of("evaluate", tree), data)
    run_id = parent_of(folder)
    if overwrite:
        identity.tell_removed(folder, now)
        for begun in (*map(training.run_of, sorted(folder.glob("seed-*"))), run_id):
            if begun is not None:
                tracking.close(begun, "KILLED")

    def former() -> Identity | None:
        if run_id is None:
            return None
        return former_identity("evaluation", "evaluate", run_id, folder, tracking)

    identity.settle(
        folder, now, OWN, overwrite=overwrite, former=former,
        defaults=lambda: defaults_of("evaluate", now.settings),
    )  # fmt: skip


def parent_of(folder: Path) -> str | None:
    """Return the id of an evaluation's parent run, or None before it has begun."""
    return known_json(folder / PARENT, RUN)


def whole_epochs(folder: Path, seeds: Iterable[int]) -> list[int]:
    """Return the number of epochs of each seed's training that no time limit cut."""
    results = (folder / f"seed-{seed}" / "result.json" for seed in seeds)
    return [read_json(path, TrialResult.from_json).whole_epochs for path in results]


def scores_of(folder: Path, seed: int) -> Path:
    """Return the path of a seed's ``scores.json``."""
    return folder / f"seed-{seed}" / "scores.json"


def finished_in(folder: Path) -> EvaluationSummary | None:
    """Return the summary of a finished evaluation, or None if it is missing or damaged."""
    return known_json(folder / "summary.json", _evaluation)


def _evaluation(record: Any) -> EvaluationSummary | None:
    """Parse the summary of an evaluation; None for the record of another command."""
    return typed(EvaluationSummary, record) if kind_of(record) == "evaluation" else None


@contextmanager
def completing(folder: Path) -> Iterator[None]:
    """Mark the work after a summary as unfinished, so that an interrupted start repeats it."""
    write_json(folder / TO_DO, {})
    yield
    remove(folder / TO_DO)


def finished(folder: Path, seeds: Sequence[int]) -> EvaluationSummary | None:
    """Return the summary if it has exactly the requested seeds, with scores, else None."""
    if (folder / TO_DO).exists():
        return None
    summary = finished_in(folder)
    if summary is None or summary.seeds != tuple(seeds):
        return None
    if any(known_json(scores_of(folder, seed)) is None for seed in seeds):  # lost, or damaged
        return None
    return summary
