r"""Change the code in 200 small ways, one at a time, and see whether its tests notice.

    .venv/bin/python -m pip install --target outputs/mutants/tools \
        --requirement experiments/reliability/requirements.txt
    .venv/bin/python experiments/reliability/mutants.py --json FILE

About two hours on one core. 50 mutants of each of `search`, `training`, `promotion` and
`analysis`, drawn with a seed; each is made in a copy of the committed tree, and those quick tests
of its mirrored folder that reach the changed lines run in a fresh process with at most 120 s of
processor time. Expected: all killed but those that README.md explains.

The mutants are those of mutmut. Its own runner forks after importing the tested code, which
TensorFlow does not support, so this file replaces it. Results are kept in `outputs/mutants`: the
same command continues with the commit that it began with. `--again` takes the newest commit and
tries surviving mutants again with the new tests; a mutant whose line no longer exists is `gone`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _drawing import PACKAGES, Mutant, draw

ROOT = Path(__file__).parents[2]

#: Seconds for one mutant: processor time, wall time, and time of its tests without a mutation.
CPU_S, WALL_S, TESTS_S = 120, 600, 90
#: Maximum size of a file that a test writes, in bytes.
MOST_BYTES = 2**30

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, help="write the figures here")
parser.add_argument("--seed", type=int, default=14)
parser.add_argument("--folder", type=Path, default=Path("outputs/mutants"), help="where it works")
parser.add_argument("--tools", type=Path, help="of mutmut and pytest-cov; default FOLDER/tools")
parser.add_argument("--again", action="store_true", help="try survivors again")
args = parser.parse_args()

folder = args.folder.resolve()
tools = (args.tools or folder / "tools").resolve()
tree = folder / "tree"
environment = {
    **os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{tools}", "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}  # fmt: skip
#: Otherwise every process would compile all tests, which takes longer than most of them.
environment.pop("PYTHONDONTWRITEBYTECODE", None)

#: Hypothesis with fixed examples, and without deadlines, which a busy machine would miss.
PYTEST = (
    sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=ci",
)  # fmt: skip
#: States of mutants that no test detected.
ALIVE = ("survived", "unreached")


# tests that reach a mutant


def reach(package: str) -> dict[str, Any]:
    """Run the quick tests of a package; return seconds by test, and tests by file and line."""
    data, report = folder / f"coverage-{package}", folder / f"tests-{package}.xml"
    command = [
        *PYTEST, f"tests/{package}", "-m", "not slow", f"--cov=fibsem/{package}",
        "--cov-context=test", "--cov-report=", f"--junitxml={report}",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tree, env={**environment, "COVERAGE_FILE": str(data)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"the tests of {package} fail without any mutant:\n{done.stdout[-3000:]}")

    from xml.etree import ElementTree

    from coverage import CoverageData

    seconds = {
        f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": float(
            case.get("time", 0)
        )
        for case in ElementTree.parse(report).iter("testcase")
    }
    found = CoverageData(str(data))
    found.read()
    lines = {
        str(Path(file).relative_to(tree)): found.contexts_by_lineno(file)
        for file in found.measured_files()
    }
    return {"seconds": seconds, "lines": lines}


def tests_for(mutant: Mutant, lines: range, known: dict[str, Any]) -> list[str]:
    """Return tests that reach these lines: those of the mutant's module first, then quick ones.

    Lines reached by a fixture count for all tests of its file, lines run on import for all tests.
    """
    seconds = known["seconds"]
    by_line = known["lines"].get(mutant["file"], {})
    contexts = {context for k in lines for context in by_line.get(str(k), [])}
    reaching = set()
    for context in contexts:
        test, _, phase = context.rpartition("|")
        if phase == "run":
            reaching.add(test)
        else:
            place = test.partition("::")[0]
            reaching |= {name for name in seconds if not place or name.startswith(f"{place}::")}
    own = f"/test_{Path(mutant['file']).stem}.py::"
    ordered = sorted(reaching & seconds.keys(), key=lambda t: (own not in t, seconds[t], t))
    chosen, total = [], 0.0
    for test in ordered:
        total += seconds[test]
        if chosen and total > TESTS_S:
            break
        chosen.append(test)
    return chosen


# results of the tests


def judge(mutant: Mutant, known: dict[str, Any]) -> dict[str, Any]:
    """Apply a mutant to the copied tree, run the tests that reach it, and revert it."""
    path = tree / mutant["file"]
    whole = path.read_text() if path.is_file() else ""
    at = place(whole.splitlines(), mutant)
    if at is None:
        return {"state": "gone"}
    first, last = (k + at + 1 - mutant["line"] for k in mutant["lines"])
    tests = tests_for(mutant, range(first, last + 1), known)
    if not tests:
        return {"state": "unreached"}
    try:
        path.write_text(mutated(whole.splitlines(), mutant, at))
        forget(path)
        return {**run(tests), "tests": len(tests)}
    finally:
        path.write_text(whole)
        forget(path)


def place(lines: list[str], mutant: Mutant) -> int | None:
    """Return the index of the first changed line, nearest to its former place; None if gone."""
    before = mutant["before"]
    places = [k for k in range(len(lines)) if lines[k : k + len(before)] == before]
    return min(places, key=lambda k: abs(k + 1 - mutant["line"]), default=None)


def mutated(lines: list[str], mutant: Mutant, at: int) -> str:
    """Return the source code with the mutant applied."""
    behind = lines[at + len(mutant["before"]) :]
    return "\n".join([*lines[:at], *mutant["after"], *behind]) + "\n"


def forget(path: Path) -> None:
    """Delete compiled files, which record the time of their source only in whole seconds."""
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()


def run(tests: list[str]) -> dict[str, Any]:
    """Run tests until the first failure, in a process group of their own."""
    command = [*PYTEST, "-x", *tests]
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, process_group=0,
        preexec_fn=limit,
    )  # fmt: skip
    state, said = "killed", ""
    try:
        said, _ = process.communicate(timeout=WALL_S)
    except subprocess.TimeoutExpired:
        state = "timeout"
    finally:
        end_group(process)
    if process.returncode == 0:
        state = "survived"
    elif process.returncode == -signal.SIGXCPU:
        state = "timeout"
    by = ""
    if state == "killed":
        failed = re.search(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
        by = failed[1] if failed else said[-200:]
    return {"state": state, "by": by, "seconds": round(time.monotonic() - started, 1)}


def limit() -> None:
    """Limit processor time and file sizes, against endless loops."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))


def end_group(process: subprocess.Popen[str]) -> None:
    """Kill the process group of the tests with all that they started, and wait for them."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


# the whole series, resumed where it stopped


def kept(name: str, make: Callable[[], Any]) -> Any:
    """Return the JSON of a step, from an earlier start if it exists."""
    path = folder / f"{name}.json"
    if not path.is_file():
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(make(), indent=1))
        beside.rename(path)
    return json.loads(path.read_text())


def copy_tree(commit: str) -> None:
    """Make a fresh clone of a commit, in which git takes the mutated files as unchanged."""
    shutil.rmtree(tree, ignore_errors=True)
    git("clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(tree))
    git("-C", str(tree), "checkout", "--quiet", "--detach", commit)
    files = git("-C", str(tree), "ls-files", "fibsem").split()
    git("-C", str(tree), "update-index", "--assume-unchanged", *files)


def git(*arguments: str) -> str:
    """Run git and return its output."""
    return subprocess.run(
        ["git", *arguments], stdout=subprocess.PIPE, check=True, text=True
    ).stdout.strip()


def newest() -> str:
    """Return the short hash of the commit that is checked out."""
    return git("-C", str(ROOT), "rev-parse", "--short", "HEAD")


def interleaved(mutants: list[Mutant]) -> list[Mutant]:
    """Return the mutants in random order, packages in turn, so that any part represents all."""
    rng = random.Random(args.seed)
    of_each = [[one for one in mutants if one["package"] == name] for name in PACKAGES]
    for some in of_each:
        rng.shuffle(some)
    return [one for some in zip(*of_each, strict=True) for one in some]


def main() -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sys.path.append(str(tools))
    if args.again:
        for old in [folder / "commit.json", *folder.glob("reach-*.json")]:
            old.unlink(missing_ok=True)
    commit = kept("commit", newest)
    copy_tree(commit)
    mutants = kept("mutants", lambda: draw(tree, args.seed))
    log = folder / "results.jsonl"
    lines = log.read_text().splitlines() if log.is_file() else []
    results = {record["id"]: record for record in map(json.loads, lines)}
    again = {k for k, r in results.items() if args.again and r["state"] in ALIVE}
    for mutant in interleaved(mutants):
        package = mutant["package"]
        if mutant["id"] in results and mutant["id"] not in again:
            continue
        known = kept(f"reach-{package}", lambda package=package: reach(package))
        record = {"id": mutant["id"], "commit": commit, **judge(mutant, known)}
        results[mutant["id"]] = record
        with log.open("a") as file:
            file.write(json.dumps(record) + "\n")
        print(f"{len(results)}/{len(mutants)} {mutant['file']}:{mutant['line']} {record['state']}",
              flush=True)  # fmt: skip
        write(mutants, results)
    write(mutants, results)


def write(mutants: list[Mutant], results: dict[int, dict[str, Any]]) -> None:
    """Write the counts, and one row for every mutant."""
    if args.json is None:
        return
    rows = [
        {
            "id": m["id"], "place": f"{m['file']}:{m['line']}", "kind": m["kind"],
            "before": " ".join(map(str.strip, m["before"])),
            "after": " ".join(map(str.strip, m["after"])),
            **{key: results[m["id"]].get(key, "") for key in ("state", "by", "commit")},
        }
        for m in mutants
        if m["id"] in results
    ]  # fmt: skip
    states = {
        package: Counter(results[m["id"]]["state"] for m in mutants
                         if m["package"] == package and m["id"] in results)
        for package in PACKAGES
    }  # fmt: skip
    record = {
        "seed": args.seed, "drawn": len(mutants), "run": len(rows), "states": states,
        "mutants": rows,
    }  # fmt: skip
    args.json.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
