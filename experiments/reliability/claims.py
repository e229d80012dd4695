"""Let workers take the trials of one study as fast as they can, and count what was taken twice.

    .venv/bin/python experiments/reliability/claims.py --json FILE

About half an hour on 2 cores. Eight processes, begun together, claim and complete the 1 000 trials
of a study without training, once in each storage: SQLite, a journal, PostgreSQL (where the Debian
package postgresql is installed) and Keras-Tuner's files. Every process writes down what it got.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[2]))

STORAGES = ("sqlite", "journal", "postgres", "keras_tuner")

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, help="write the figures here")
parser.add_argument("--claims", type=int, default=1000, help="trials of a study")
parser.add_argument("--workers", type=int, default=8, help="processes")
parser.add_argument("--storages", nargs="+", default=list(STORAGES), choices=STORAGES)
parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)


def study_of(storage: str, folder: Path, trials: int):
    """A study of two axes that any number of processes may open."""
    from fibsem.config import SearchConfig
    from fibsem.search.samplers import objectives
    from fibsem.search.space import Choice, Range, Space

    if storage == "keras_tuner":
        from fibsem.search.tuner_study import TunerStudy as Study
    else:
        from fibsem.search.optuna_study import OptunaStudy as Study

    axes = {"model.blocks": Choice((1, 2, 3)), "train.learning_rate": Range(0.001, 0.1, log=True)}
    space = Space("claims", axes, ("model.blocks",), 2, lambda values: True)
    kind = {"backend": "keras_tuner"} if storage == "keras_tuner" else {"storage": storage}
    search = SearchConfig(trials=trials, sampler="random", **kind)
    return Study("claims", folder, search, space, objectives(search))


def work(storage: str, folder: Path, trials: int) -> None:
    """Claim and complete until nothing is left; what was claimed goes to a file of its own."""
    study = study_of(storage, folder, trials)
    own = folder / f"ready-{os.getpid()}"
    own.touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    with (folder / f"claims-{os.getpid()}.txt").open("w") as claims:
        while (attempt := study.claim()) is not None:
            claims.write(f"{attempt.number} {attempt.slot}\n")
            study.complete(attempt, [attempt.values["train.learning_rate"]], {})
    study.close()


def run(storage: str, folder: Path, trials: int, workers: int) -> dict[str, float]:
    """One study: what its workers were given, and what it knows of it."""
    study = study_of(storage, folder, trials)
    study.open_slots()
    command = [
        sys.executable, __file__, "--claims", str(trials), "--worker", storage, str(folder), "-"
    ]  # fmt: skip
    running = [subprocess.Popen(command) for _ in range(workers)]
    while len(list(folder.glob("ready-*"))) < workers:
        if any(process.poll() for process in running):
            raise SystemExit(f"a worker on {storage} died before it had begun")
        time.sleep(0.05)
    started = time.perf_counter()
    (folder / "go").touch()
    codes = [process.wait() for process in running]
    seconds = time.perf_counter() - started
    lines = [line for file in folder.glob("claims-*") for line in file.read_text().splitlines()]
    states = Counter(attempt.state for attempt in study.attempts())
    study.close()
    return {
        "claims": len(lines),
        "twice": len(lines) - len(set(lines)),
        "complete": states["complete"],
        "left": sum(states.values()) - states["complete"],
        "died": sum(code != 0 for code in codes),
        "fewest_of_a_worker": min(len(f.read_text().splitlines()) for f in folder.glob("claims-*")),
        "seconds": seconds,
    }


@contextlib.contextmanager
def address(storage: str, folder: Path):
    """Where a study of this kind is kept; a server only for as long as it is needed."""
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


def main() -> None:
    args = parser.parse_args()
    if args.worker:
        work(args.worker[0], Path(args.worker[1]), args.claims)
        return
    figures: dict[str, object] = {"workers": args.workers, "requested": args.claims, "storages": {}}
    for storage in args.storages:
        folder = Path(tempfile.mkdtemp(prefix=f"claims-{storage}-"))
        with address(storage, folder) as url:
            if url is None:
                print("postgres: not installed")
                continue
            figures["storages"][storage] = run(url, folder, args.claims, args.workers)
        print(storage, json.dumps(figures["storages"][storage]), flush=True)
        if args.json:
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
