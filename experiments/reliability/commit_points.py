"""Kill commands beside everything that makes a change last, and compare what they end with.

    .venv/bin/python experiments/reliability/commit_points.py --json FILE

Some hours on one core; kills are recorded in `--folder`, and the same command continues. Every
command runs once on small data and lists its commit points: renames, commits of databases, calls
of MLflow. Then it is killed (SIGKILL) before and after each of them, and at random moments until
`--random` kills hit, except for kills that `collect_kills.py` has of earlier sittings. After each
kill the same command is given again, and its results are compared with those of the undisturbed
command: summary, names and contents of files, voxels, weights, runs with their metrics, steps and
artifacts, versions and aliases of models; no run may be left RUNNING.

Sweep, evaluation and promotion use a model without epochs, so that there are few points. They run
once more on a small network, and are killed where only a network comes by: its checkpoints, weights
and final training.

Processes are forked from one that has imported everything and used nothing.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import pkgutil
import runpy
import shutil
import signal
import sys
import time
import traceback
from collections import ChainMap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

for _key, _value in {
    "TF_CPP_MIN_LOG_LEVEL": "3", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true",
    "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1",
}.items():  # fmt: skip
    os.environ.setdefault(_key, _value)
sys.path.insert(0, str(Path(__file__).parents[2]))

NETWORK = ["nbhd=11x11x3", "model.blocks=1", "model.filters=4", "train.epochs=3", "train.steps=4",
           "train.share=0.02", "train.patience=null"]  # fmt: skip
THRESHOLD = ["model=threshold", "nbhd=11x11x1", "train.share=0.02"]
#: Overrides of every command; those after the second one need results of the first ones.
COMMANDS = {
    "train": NETWORK,
    "sweep": [*THRESHOLD, "space=threshold", "search.trials=3", "search.heartbeat_s=80"],
    "evaluate": [*THRESHOLD, "seeds=2", "train.val_all=true"],
    "promote": ["rank.k=2", "rank.seeds=2", "candidates=1", "postprocessing.sigma=[0,1]",
                "postprocessing.threshold_steps=5", "segmentation.slab=3"],
    "segment": ["weights=models:/fibsem@champion", "slab=2", "probabilities=true"],
    "report": ["folders=[sweep,promote]"],
    "sweep_network": [*NETWORK, "space=smoke", "space.axes.model.blocks=[1]", "search.trials=2",
                      "search.heartbeat_s=80"],
    "evaluate_network": [*NETWORK, "seeds=2"],
    "promote_network": ["rank.k=2", "rank.seeds=1", "candidates=1", "final.epochs=3",
                        "final.share=0.02", "postprocessing.sigma=[0,1]",
                        "postprocessing.threshold_steps=5", "segment=false"],
}  # fmt: skip
#: Commands that must run before a command.
BEFORE = {"promote": ("sweep",), "segment": ("sweep", "promote"), "report": ("sweep", "promote"),
          "promote_network": ("sweep_network",)}  # fmt: skip


def part(text: str) -> tuple[int, int]:
    """Parse index and number of the processes that share the kills: ``1/3`` is ``(0, 3)``."""
    place, _, processes = text.partition("/")
    if not 1 <= int(place) <= int(processes):
        raise argparse.ArgumentTypeError(f"{text}: expected K/N with 1 <= K <= N")
    return int(place) - 1, int(processes)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, help="write the table here")
parser.add_argument("--folder", type=Path, default=Path("outputs/commit_points"))
parser.add_argument("--commands", nargs="+", default=list(COMMANDS), choices=list(COMMANDS))
parser.add_argument("--random", type=int, default=200, help="kills at random moments that hit")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--minutes", type=float, default=1e9, help="of kills, at most")
parser.add_argument("--beside", choices=["all", "first", "none"], default="all",
                    help="commit points: all, the first of each call site, none")  # fmt: skip
parser.add_argument("--part", type=part, default=(0, 1), metavar="K/N",
                    help="of N processes, each with its own folder, this is the Kth")  # fmt: skip
parser.add_argument("--anew", action="store_true", help="try what earlier sittings have, too")
parser.add_argument("--again", action="store_true", help="try once more what differed")


class Bench:
    """A folder in which commands are run, killed and judged, one after another."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder, folder / "work"
        self.film = folder / "film"

    def begin(self, command: str) -> None:
        """Restore the folder to its state before a command."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.template(command), self.work)

    def template(self, command: str) -> Path:
        return self.folder / "before" / "-".join(BEFORE.get(command, ("nothing",)))

    def forked(self, log: str, do: Callable[[], None]) -> int:
        """Call a function in a forked process in the folder; return the process id."""
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            os.chdir(self.work)
            file = os.open(self.folder / log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(file, 1)
            os.dup2(file, 2)
            do()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def command(self, name: str, before: Callable[[], None] = lambda: None,
                after: Callable[[], None] = lambda: None) -> int:  # fmt: skip
        """Run a command in a forked process; return the process id."""
        store = [f"tracking.uri=sqlite:///{self.work / 'ml.db'}",
                 f"tracking.artifacts={self.work / 'artifacts'}"]  # fmt: skip
        module = name.removesuffix("_network")
        volume = [f"volume={self.film / 'HPC45' / 'slices'}"] if name == "segment" else []
        line = [f"data.path={self.film}", f"output={self.work / name}", *store, *volume]

        def run() -> None:
            before()
            sys.argv[:] = [name, *line, *COMMANDS[name]]
            runpy.run_module(f"fibsem.{module}", run_name="__main__", alter_sys=True)
            after()

        return self.forked(f"{name}.log", run)

    def outcome(self, name: str) -> dict[str, Any]:
        """Return the results of a command, read in a forked process that leaves nothing open."""
        file = self.folder / "outcome.json"
        file.unlink(missing_ok=True)

        def read() -> None:
            from _outcomes import outcome

            file.write_text(json.dumps(outcome(self.work, name)))

        wait(self.forked("outcome.log", read))
        return json.loads(file.read_text()) if file.is_file() else {"outcome": "unreadable"}


def wait(pid: int) -> int:
    """Wait for a process and return its exit code, negative if a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def prepare(bench: Bench, commands: list[str]) -> None:
    """Make a film, an empty store, and the results that the commands need."""
    from fibsem.data.phantom import simulate
    from tests.conftest import TINY

    if not bench.film.exists():
        simulate(TINY, bench.film)
    needed = {name for command in commands for name in BEFORE.get(command, ())}
    steps = [("nothing", None), ("sweep", "sweep"), ("sweep-promote", "promote"),
             ("sweep_network", "sweep_network")]  # fmt: skip
    for name, command in steps:
        place = bench.folder / "before" / name
        if place.exists() or not (command is None or command in needed):
            continue
        if command is None:
            shutil.rmtree(bench.work, ignore_errors=True)
            bench.work.mkdir(parents=True)
            if wait(bench.forked("store.log", lambda: lay_out(bench.work))):
                raise SystemExit("no store could be laid out")
        else:
            bench.begin(command)
            if wait(bench.command(command)):
                raise SystemExit(f"{command} failed, see {bench.folder}/{command}.log")
        place.parent.mkdir(exist_ok=True)
        shutil.copytree(bench.work, place)


def lay_out(work: Path) -> None:
    import mlflow

    mlflow.MlflowClient(f"sqlite:///{work / 'ml.db'}").search_experiments()


def listed(bench: Bench, command: str) -> dict[str, Any]:
    """Run a command undisturbed; return its commit points, results and duration."""
    from _commits import Points

    points, file = Points(bench.work), bench.folder / "points.json"
    bench.begin(command)
    started = time.perf_counter()
    code = wait(
        bench.command(
            command, points.install, lambda: file.write_text(json.dumps(points.reached)) and None
        )
    )
    if code:
        raise SystemExit(f"{command} failed, see {bench.folder}/{command}.log")
    seconds = time.perf_counter() - started
    return {
        "points": json.loads(file.read_text()),
        "outcome": bench.outcome(command),
        "seconds": seconds,
    }


def killed_at(bench: Bench, command: str, kill: tuple[str, int, str]) -> bool:
    """Kill a command at a commit point; return False if it does not reach the point."""
    from _commits import Points

    bench.begin(command)
    return wait(bench.command(command, Points(bench.work, kill).install)) == -signal.SIGKILL


def killed_after(bench: Bench, command: str, seconds: float) -> bool:
    """Kill a command after some seconds; return False if it had ended before."""
    bench.begin(command)
    pid = bench.command(command)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return wait(pid) == -signal.SIGKILL


def verdict(bench: Bench, command: str, wanted: dict[str, Any]) -> str:
    """Give the same command again and return the first difference, or an empty string if none."""
    from _outcomes import difference

    code = wait(bench.command(command))
    if code:
        return f"exit code {code}"
    found = bench.outcome(command)
    if "outcome" in found:
        return f"results are {found['outcome']}"
    return difference(wanted, found)


def state_of(file: Path) -> dict[str, Any]:
    """Return what was listed and tried in a folder, which must be of the present commit."""
    from _made import made

    if not file.is_file():
        return {**made(), "known": {}, "tried": {}}
    state = json.loads(file.read_text())
    if state["commit"] != made()["commit"]:
        raise SystemExit(f"{file} must be of {made()['commit']}, but is of {state['commit']}")
    return state


def earlier(command: str, known: dict[str, Any]) -> Iterator[str]:
    """Yield the keys of kills after which the results were equal in earlier sittings."""
    from _sittings import by_key, read

    kills = read(Path(__file__).parent / "results" / "kills" / f"{command}.json")
    keys = by_key(known["points"]) | {key: key for key in kills if key.startswith("random|")}
    for here, lasts in keys.items():
        if lasts in kills and not kills[lasts].said:
            yield f"{command}|{here}"


def main() -> None:
    args = parser.parse_args()
    for module in pkgutil.walk_packages(importlib.import_module("fibsem").__path__, "fibsem."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("mlflow.store.tracking.sqlalchemy_store", "_commits", "_outcomes"):
        importlib.import_module(name)
    gc.freeze()  # processes do not look for garbage among all that was imported
    from _kills import MISSED, ON_NETWORK, Plan, table, tries

    sharing = tuple(name for name in COMMANDS if not name.endswith(ON_NETWORK))
    plan = Plan(sharing, tuple(args.commands), args.beside, args.random, args.seed, args.part)
    args.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(args.folder.resolve())
    prepare(bench, args.commands)
    file = bench.folder / "tried.json"
    state = state_of(file)
    known, tried = state["known"], state["tried"]
    for command in args.commands:
        if command not in known:
            known[command] = listed(bench, command)
            known[command]["outcome_again"] = listed(bench, command)["outcome"]
            file.write_text(json.dumps(state))
        from _outcomes import difference

        changes = difference(known[command]["outcome"], known[command]["outcome_again"])
        if changes:
            raise SystemExit(f"two whole runs of {command} differ: {changes}")
        print(command, len(known[command]["points"]), "points,",
              f"{known[command]['seconds']:.1f} s", flush=True)  # fmt: skip
    before: dict[str, str] = {}
    if not args.anew:
        keys = (key for command in args.commands for key in earlier(command, known[command]))
        before = dict.fromkeys(keys, "")
    until = time.monotonic() + 60 * args.minutes
    for key, command, kill in tries(known, ChainMap(tried, before), plan):
        if time.monotonic() > until:
            break
        if key in before:
            continue
        if key in tried and not (args.again and tried[key] not in ("", MISSED)):
            continue
        kill_it = killed_at if isinstance(kill, tuple) else killed_after
        hit = kill_it(bench, command, kill)
        said = verdict(bench, command, known[command]["outcome"])
        tried[key] = said or ("" if hit else MISSED)
        if said:
            print(f"{key}: {said}", flush=True)
        file.write_text(json.dumps(state))
    rows = table(known, tried, plan)
    print(json.dumps(rows, indent=1))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        figures = {"commits": {state["commit"]: state["date"]}, "commands": rows}
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
