"""Let workers take the trials of one study as fast as they can, and count what was taken twice.

    .venv/bin/python experiments/reliability/claims.py --json FILE

About ten minutes on 2 cores. Eight processes, started together, claim and complete 1 000 trials
without training, in studies of 100, in each storage: SQLite, a journal, PostgreSQL (if the Debian
package postgresql is installed) and Keras-Tuner's files. Every process records its claims.
Storages with figures of the same commit in the file are not tried again.

Trials are claimed as fast as the study provides them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[2]))

#: Number of trials of one study.
AT_ONCE = 100
STORAGES = ("sqlite", "journal", "postgres", "keras_tuner")

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, help="write the figures here")
parser.add_argument("--claims", type=int, default=1000, help="trials of each storage")
parser.add_argument("--workers", type=int, default=8, help="processes")
parser.add_argument("--storages", nargs="+", default=list(STORAGES), choices=STORAGES)


def studies_of(storage: str, folder: Path, claims: int) -> Iterator[Any]:
    """Yield studies of two axes that any number of processes may open.

    They are small, since a claim reads all waiting trials, and claiming is what shall take time.
    """
    from fibsem.config import SearchConfig
    from fibsem.search import Choice, Range, Space
    from fibsem.training import Objective

    if storage == "keras_tuner":
        from fibsem.search import TunerStudy as Study
    else:
        from fibsem.search import OptunaStudy as Study

    axes = {"model.blocks": Choice((1, 2, 3)), "train.learning_rate": Range(0.001, 0.1, log=True)}
    space = Space("claims", axes, ("model.blocks",), 2, lambda values: True)
    kind = {"backend": "keras_tuner"} if storage == "keras_tuner" else {"storage": storage}
    for first in range(0, claims, AT_ONCE):
        search = SearchConfig(
            objectives=("val/loss",), trials=min(AT_ONCE, claims - first), sampler="random", **kind
        )
        place = folder / f"from-{first}" if storage == "keras_tuner" else folder
        goals = [Objective.named(key) for key in search.objectives]
        yield Study(f"claims from {first}", place, search, space, goals)


def work(storage: str, folder: Path, trials: int) -> None:
    """Claim and complete trials until none is left, and record the claims in a file."""
    own = folder / f"ready-{os.getpid()}"
    own.touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    from fibsem.search import TrialRecord

    with (folder / f"claims-{os.getpid()}.txt").open("w") as claims:
        for study in studies_of(storage, folder, trials):
            while (attempt := study.claim()) is not None:
                claims.write(f"{study.name} {attempt.number} {attempt.slot}\n")
                study.complete(attempt, [attempt.values["train.learning_rate"]], TrialRecord())
            study.close()


def run(storage: str, folder: Path, trials: int, workers: int) -> dict[str, float]:
    """Run workers on the studies in one storage; return counts of claims and final states."""
    for study in studies_of(storage, folder, trials):
        study.open_slots()
        study.close()
    forked = multiprocessing.get_context("forkserver")  # imports are shared by all workers
    running = [forked.Process(target=work, args=(storage, folder, trials)) for _ in range(workers)]
    for process in running:
        process.start()
    while len(list(folder.glob("ready-*"))) < workers:
        if any(process.exitcode for process in running):
            raise SystemExit(f"a worker on {storage} died before it had begun")
        time.sleep(0.05)
    started = time.perf_counter()
    (folder / "go").touch()
    for process in running:
        process.join()
    seconds = time.perf_counter() - started
    lines = [line for file in folder.glob("claims-*") for line in file.read_text().splitlines()]
    states: Counter[str] = Counter()
    for study in studies_of(storage, folder, trials):
        states.update(attempt.state for attempt in study.attempts())
        study.close()
    return {
        "claims": len(lines),
        "twice": len(lines) - len(set(lines)),
        "complete": states["complete"],
        "left": sum(states.values()) - states["complete"],
        "died": sum(process.exitcode != 0 for process in running),
        "fewest_of_a_worker": min(len(f.read_text().splitlines()) for f in folder.glob("claims-*")),
        "seconds": seconds,
    }


@contextlib.contextmanager
def address(storage: str, folder: Path):
    """Yield the address of a storage, or None if it is missing; a server runs only meanwhile."""
    if storage == "postgres":
        from tests import servers

        if servers.postgres_binaries() is None:
            yield None
            return
        with servers.postgres(folder) as url:
            yield url
    else:
        files = {"sqlite": f"sqlite:///{folder}/study.db", "journal": f"journal:{folder}/study.log"}
        yield files.get(storage, storage)


def known(file: Path | None, how: dict[str, int]) -> dict[str, Any]:
    """Return the figures of earlier starts with the same options, or none."""
    if file is not None and file.is_file():
        figures = json.loads(file.read_text())
        if {key: figures[key] for key in how} == how:
            return figures
    return {**how, "storages": {}}


def main() -> None:
    args = parser.parse_args()
    multiprocessing.set_forkserver_preload(
        [f"fibsem.search.studies.{name}" for name in ("optuna_study", "tuner_study", "samplers")]
    )
    from _made import made

    figures = known(args.json, {"workers": args.workers, "requested": args.claims})
    for storage in args.storages:
        if figures["storages"].get(storage, {}).get("commit") == made()["commit"]:
            continue
        folder = Path(tempfile.mkdtemp(prefix=f"claims-{storage}-"))
        with address(storage, folder) as url:
            if url is None:
                print("postgres: not installed")
                continue
            counts = run(url, folder, args.claims, args.workers)
            figures["storages"][storage] = {**counts, **made()}
        print(storage, json.dumps(figures["storages"][storage]), flush=True)
        if args.json:
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
