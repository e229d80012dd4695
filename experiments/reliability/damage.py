"""Our own files damaged: what does the command say that finds them.

Each file is emptied, halved, zeroed or has one bit flipped, and the same command is given again: it
is right where it returns the figures of before. It may refuse in one line, if overwrite=true works
then. It is wrong where it ends in a traceback or returns other figures.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from _verdicts import as_before, judged, write
from reuse import Bench

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--folder", type=Path, default=Path("outputs/damage"))
parser.add_argument("--json", type=Path, default=None)

#: Files to damage, by command, relative to its folder.
FILES = {
    "train": ["result.json", "run.json", "model.keras", "summary.json", "checkpoint.npz",
              "identity.json"],
    "sweep": ["study.db", "trials.json", "summary.json", "trials/0000/result.json",
              "trials/0000/run.json", "identity.json"],
    "evaluate": ["summary.json", "parent.json", "seed-0/scores.json", "seed-0/result.json",
                 "seed-0/model.keras", "square.npz", "identity.json"],
    "promote": ["trials.json", "parent.json", "chosen-challenger.json", "test.json", "scores.json",
                "lineage.json", "decision.json", "summary.json", "identity.json"],
    "segment": ["ledger.json", "summary.json", "labels.ome.zarr/zarr.json",
                "labels.ome.zarr/0/zarr.json", "labels.ome.zarr/0/c/5/0/0"],
}  # fmt: skip


def flipped(content: bytes) -> bytes:
    """Flip one bit in the middle."""
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 0x10
    return bytes(changed)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
    "one bit": flipped,
}


class Damages:
    """One finished result of every command, copied for each damage."""

    def __init__(self, bench: Bench, home: Path) -> None:
        self.bench, self.home = bench, home
        self.done: dict[str, dict[str, Any]] = {}
        self.film = home / "film"
        shutil.copytree(bench.film, self.film, dirs_exist_ok=True)

    def whole(self, command: str) -> dict[str, Any]:
        """Return the figures of an undamaged result."""
        if command == "promote":
            self.whole("sweep")
        if command not in self.done:
            self.done[command] = self.again(command, self.home / command)
        return self.done[command]

    def again(self, command: str, folder: Path, *more: str) -> dict[str, Any]:
        """Run the command in a folder and return its figures or message."""
        study = {"sweep": ("study=damaged",), "promote": ("study=damaged",)}.get(command, ())
        return self.bench.run(command, self.film, folder, (*study, *more))

    def judge(self, command: str, file: str, how: str) -> dict[str, Any]:
        """Damage a file of a copy, give the command again, and judge the outcome."""
        whole, copy = self.whole(command), self.home / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.home / command, copy)
        if file == "checkpoint.npz":  # else the checkpoint is not read
            (copy / "result.json").unlink()
        path = copy / file
        if not path.is_file():
            return {}
        path.write_bytes(DAMAGE[how](path.read_bytes()))
        with contextlib.redirect_stderr(io.StringIO()):
            again = self.again(command, copy)
        verdict, said = as_before(again, whole)
        if verdict == "refused":
            anew = self.again(command, copy, "overwrite=true")
            if set(anew) & {"refused", "failed"}:
                verdict, said = "wrong", f"{said} Then: {anew}"
        return {"what": f"{command}: {file}, {how}", "verdict": verdict, "said": said}


def main() -> None:
    """Judge the remaining cases."""
    args = parser.parse_args()
    bench = Bench(args.folder.resolve())
    bench.bundles()
    damages = Damages(bench, args.folder.resolve() / "home")
    found = judged(
        args.folder,
        (
            (f"{command}: {file}, {how}", partial(damages.judge, command, file, how))
            for command, files in FILES.items()
            for file in files
            for how in DAMAGE
        ),
    )
    write(found, args.folder, args.json)


if __name__ == "__main__":
    main()
