"""Inputs as microscopes and people leave them, by kind: what is made of each.

    .venv/bin/python experiments/reliability/inputs/run.py --json FILE

Half a minute. Every input is made from a film and labels of known values. It counts as right if
these values are read (or the film with its lost slices named), as refused if a `UserError` of one
line is raised, and as wrong otherwise: other values, another error, no answer within 5 s. Some
inputs are ambiguous, so that reading anything is wrong. Run against another version of the package
(PYTHONPATH), the script reports how that version handles the inputs. A kind is a file in `kinds/`,
whose `inputs()` returns names and functions that return whether an input is handled right.
"""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from _made import made

from fibsem.errors import UserError

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--json", type=Path, help="write the figures here")
parser.add_argument(
    "--kind", help="one kind alone, its row in the file anew, and what comes of each of its inputs"
)
args = parser.parse_args()


class NoAnswerError(Exception):
    """Raised if an input takes too long."""


def late(*_: object) -> None:
    raise NoAnswerError


def outcome(right: Callable[[], bool]) -> str:
    signal.alarm(5)
    try:
        return "right" if right() else "wrong"
    except UserError as error:
        return "wrong" if "\n" in str(error) else "refused"
    except TypeError as error:  # an option that an older version lacks
        return "refused" if "unexpected keyword" in str(error) else "wrong"
    except Exception:
        return "wrong"
    finally:
        signal.alarm(0)


signal.signal(signal.SIGALRM, late)
kinds = sorted(file.stem for file in (HERE / "kinds").glob("*.py"))
known = json.loads(args.json.read_text()) if args.kind and args.json else {}
summary = dict(known)
for kind in [args.kind] if args.kind else kinds:
    counts = Counter({"right": 0, "refused": 0, "wrong": 0})
    for name, right in importlib.import_module(f"kinds.{kind}").inputs():
        found = outcome(right)
        counts[found] += 1
        if args.kind:
            print(f"{found:8s} {name}")
    summary[kind] = {"inputs": counts.total(), **counts, **made()}
    print(f"| {kind} | {counts.total()} | {' | '.join(map(str, counts.values()))} |", flush=True)
if args.json:
    args.json.write_text(json.dumps(summary, indent=2) + "\n")
