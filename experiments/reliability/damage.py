"""Our own files damaged, and data or models replaced under a command: what does the command say.

Each file is emptied, halved, zeroed or has one bit flipped, and the same command is given again: it
is right where it returns the figures of before. It may refuse in one line, if overwrite=true works
then. It is wrong where it ends in a traceback or returns other figures.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tifffile
from reuse import FILM, NETWORK, Bench

from fibsem.config import Configuration, compose
from fibsem.data.volumes import open_volume
from fibsem.errors import UserError
from fibsem.system import replace_file, write_json

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--folder", type=Path, default=Path("outputs/damage"))
parser.add_argument("--json", type=Path, default=None)

#: What a command left, by file below its folder.
FILES = {
    "train": ["result.json", "run.json", "model.keras", "summary.json", "checkpoint.npz",
              "identity.json"],
    "sweep": ["study.db", "trials.json", "summary.json", "trials/0000/result.json",
              "trials/0000/run.json", "identity.json"],
    "evaluate": ["summary.json", "parent.json", "seed-0/scores.json", "seed-0/result.json",
                 "seed-0/model.keras", "square.npz", "identity.json"],
    "promote": ["trials.json", "parent.json", "chosen-challenger.json", "test.json", "scores.json",
                "lineage.json", "crowned.json", "summary.json", "identity.json"],
    "segment": ["ledger.json", "summary.json", "labels.ome.zarr/zarr.json",
                "labels.ome.zarr/0/zarr.json", "labels.ome.zarr/0/c/5/0/0"],
}  # fmt: skip


def flipped(content: bytes) -> bytes:
    """One bit in the middle."""
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
        """The figures of a result that is not damaged."""
        if command == "promote":
            self.whole("sweep")
        if command not in self.done:
            self.done[command] = self.again(command, self.home / command)
        return self.done[command]

    def again(self, command: str, folder: Path, *more: str) -> dict[str, Any]:
        """The command in a folder."""
        study = {"sweep": ("study=damaged",), "promote": ("study=damaged",)}.get(command, ())
        return self.bench.run(command, self.film, folder, (*study, *more))

    def judge(self, command: str, file: str, how: str) -> dict[str, Any]:
        """Damage a file of a copy, and give the command again."""
        whole, copy = self.whole(command), self.home / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.home / command, copy)
        if file == "checkpoint.npz":  # without it nobody looks at the checkpoint
            (copy / "result.json").unlink()
        path = copy / file
        if not path.is_file():
            return {}
        path.write_bytes(DAMAGE[how](path.read_bytes()))
        with contextlib.redirect_stderr(io.StringIO()):
            again = self.again(command, copy)
        said = again.get("refused") or again.get("failed")
        verdict = "right" if again == whole else "refused" if "refused" in again else "wrong"
        if verdict == "refused":
            anew = self.again(command, copy, "overwrite=true")
            if set(anew) & {"refused", "failed"}:
                verdict, said = "wrong", f"{said} Then: {anew}"
        return {"what": f"{command}: {file}, {how}", "verdict": verdict, "said": said}


def replaced(film: Path, numbers: list[int]) -> None:
    """Other grey values in slices, with names, sizes and times as they were."""
    for z in numbers:
        file = film / "film" / "slices" / f"slice_{z:04d}.tif"
        before, image = file.stat(), tifffile.imread(file)
        tifffile.imwrite(file, image // 2)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def mend(film: Path, _: list[int]) -> None:
    """Other labels in one mask."""
    mask = sorted((film / "film" / "masks").glob("*.tif"))[0]
    tifffile.imwrite(mask, 255 - tifffile.imread(mask))


#: Name, what is replaced, slices, and after how many slices or epochs.
UNDER = [
    ("segment: slices ahead", replaced, [8, 9, 10], 2),
    ("segment: slices behind", replaced, [1], 9),
    ("segment: the first slice at the end", replaced, [0], 12),
    ("segment: the last slice at the end", replaced, [11], 12),
    ("segment: all slices in the middle", replaced, list(range(12)), 6),
    ("segment: nothing", replaced, [], 6),
    ("train: a slice in the first epoch", replaced, [7], 1),
    ("train: a slice in the last epoch", replaced, [3], 3),
    ("train: a label in the second epoch", mend, [], 2),
    ("train: all slices", replaced, list(range(12)), 1), ("train: nothing", replaced, [], 1),
]  # fmt: skip


def under(bench: Bench, home: Path, what: str, act: Any, numbers: list[int], at: int) -> Any:
    """Replace something while a command is at work; figures of half of two films are wrong."""
    from fibsem.inference import Options, segment_volume
    from fibsem.tracking import Tracking, load_bundle
    from fibsem.training import Job, Material, obtain, run_job

    shutil.rmtree(home, ignore_errors=True)
    film = shutil.copytree(bench.film, home / "film")

    def hook(_: Any, done: int = 0, total: int = 0) -> None:
        if done == at:
            act(film, numbers)

    try:
        if what.startswith("segment"):
            model = load_bundle(bench.folder / "bundle-1").segmenter
            volume = open_volume(film / "film" / "slices")
            options = Options(slab=2, previews=0)
            segment_volume(volume, model, home / "out", options, progress=hook, say=lambda _: None)
        else:
            keys = [f"data.path={film}", *NETWORK, f"tracking.uri=sqlite:///{home}/ml.db",
                    f"tracking.artifacts={home}/a"]  # fmt: skip
            tree = compose("train", keys)
            config = Configuration(tree).run
            dataset = obtain(config.data, config.split)
            assert dataset.hash
            job = Job(Configuration(tree), home / "out", "a training", {})
            tracking = Tracking.open(config.tracking, "damage")
            run_job(job, Material(dataset, config), tracking, lambda e: hook(e, e.epoch + 1))
    except UserError as error:
        verdict = "refused" if "nothing" not in what else "wrong"
        return {"what": f"under {what}", "verdict": verdict, "said": str(error)}
    verdict = "right" if "nothing" in what else "wrong"
    return {"what": f"under {what}", "verdict": verdict, "said": None}


def main() -> None:
    """Judge what is not judged yet."""
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    bench, path = Bench(args.folder.resolve()), args.folder / "verdicts.json"
    verdicts = json.loads(path.read_text()) if path.is_file() else {}
    bench.bundles()
    assert FILM.shape[0] == 12
    damages = Damages(bench, args.folder.resolve() / "home")
    todo = [(c, f, how) for c, files in FILES.items() for f in files for how in DAMAGE]
    for command, file, how in todo:
        name = f"{command}: {file}, {how}"
        if name not in verdicts:
            verdicts[name] = damages.judge(command, file, how)
            print(name, verdicts[name].get("verdict"), verdicts[name].get("said") or "", flush=True)
            write_json(path, verdicts)
    for what, act, numbers, at in UNDER:
        name = f"under {what}"
        if name not in verdicts:
            home = args.folder.resolve() / f"under-{len(verdicts)}"
            verdicts[name] = under(bench, home, what, act, numbers, at)
            print(name, verdicts[name]["verdict"], verdicts[name]["said"] or "", flush=True)
            write_json(path, verdicts)
    found = [verdict for verdict in verdicts.values() if verdict]
    rows = ["| what | verdict | what it says |", "|---|---|---|"]
    rows += [f"| {v['what']} | {v['verdict']} | {v['said'] or ''} |" for v in found]
    replace_file(args.folder / "verdicts.md", "\n".join(rows) + "\n")
    counts = {n: sum(v["verdict"] == n for v in found) for n in ("right", "refused", "wrong")}
    print(counts)
    if args.json:
        write_json(args.json, {**counts, "cases": found})


if __name__ == "__main__":
    main()
