"""Data, labels, manifests and models that change under a running command, and what becomes of it.

    .venv/bin/python experiments/reliability/under.py --json FILE

Some minutes. Each command runs once undisturbed, then with a change at the moment when it puts one
of its files in place. It is right if it ends with the figures of the undisturbed command, whose
data it had read, and refused if it reports what changed. Other figures or a traceback are wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tifffile
from _verdicts import as_before, judged, write
from reuse import Bench, mend_label, nothing, swap_parts

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--folder", type=Path, default=Path("outputs/under"))
parser.add_argument("--only", default="", help="cases whose name begins so")
parser.add_argument("--json", type=Path)

#: Function that changes the folder of a case, which contains `film` and `bundle`.
Change = Callable[[Path], None]


def regrey(home: Path, *, numbers: tuple[int, ...]) -> None:
    """Change the grey values of some slices, but keep names, sizes and times."""
    for z in numbers:
        file = home / "film" / "film" / "slices" / f"slice_{z:04d}.tif"
        before, image = file.stat(), tifffile.imread(file)
        tifffile.imwrite(file, image // 2)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def lose(home: Path, *, z: int) -> None:
    """Delete a slice."""
    (home / "film" / "film" / "slices" / f"slice_{z:04d}.tif").unlink()


def append(home: Path) -> None:
    """Add a slice at the end of the film."""
    slices = home / "film" / "film" / "slices"
    shutil.copy(slices / "slice_0003.tif", slices / "slice_0012.tif")


def lose_mask(home: Path) -> None:
    """Delete a mask."""
    sorted((home / "film" / "film" / "masks").glob("*.tif"))[0].unlink()


def lose_table(home: Path) -> None:
    """Delete the table of the squares."""
    (home / "film" / "film" / "regions.csv").unlink()


def resize(home: Path) -> None:
    """Change the voxel size."""
    manifest = home / "film" / "dataset.yaml"
    manifest.write_text(manifest.read_text().replace("10", "20"))


def other_model(home: Path) -> None:
    """Replace the model by another one."""
    shutil.rmtree(home / "bundle")
    shutil.copytree(home / "bundle-2", home / "bundle")


def of_film(change: Callable[[Path], None]) -> Change:
    """Return a change of a case's folder from a change of its film."""
    return lambda home: change(home / "film")


@dataclass(frozen=True)
class Case:
    """A command, a change, and the file before whose n-th writing the change is made."""

    command: str
    name: str
    change: Change
    file: str
    nth: int = 1


def greys(*numbers: int) -> Change:
    """Return a change of the grey values of some slices."""
    return partial(regrey, numbers=numbers)


def cases() -> Iterator[Case]:
    """Yield all cases."""
    for name, change, nth in (
        ("slices ahead", greys(8, 9, 10), 2),
        ("slices behind", greys(1), 5),
        ("the last slice", greys(11), 2),
        ("all slices", greys(*range(12)), 3),
        ("a slice is lost", partial(lose, z=9), 2),
        ("a slice is lost behind", partial(lose, z=1), 5),
        ("a slice more", append, 2),
        ("another model", other_model, 2),
        ("nothing", of_film(nothing), 2),
    ):
        yield Case("segment", name, change, "ledger.json", nth)
    of_training = [
        ("a slice", greys(7)), ("all slices", greys(*range(12))), ("a label", of_film(mend_label)),
        ("parts change", of_film(swap_parts)), ("a mask is lost", lose_mask),
        ("the table is lost", lose_table), ("voxels of another size", resize),
        ("a slice is lost", partial(lose, z=7)), ("nothing", of_film(nothing)),
    ]  # fmt: skip
    places = {
        "train": ("checkpoint.npz", 1), "sweep": ("result.json", 1), "evaluate": ("result.json", 1),
        "promote": ("chosen-challenger.json", 1),
    }  # fmt: skip
    for command, (file, nth) in places.items():
        for name, change in of_training:
            yield Case(command, name, change, file, nth)


@contextlib.contextmanager
def meanwhile(case: Case, home: Path) -> Iterator[list[str]]:
    """Make the change before the n-th writing of the file; yield a list, one item per writing."""
    reached: list[str] = []
    replace = os.replace

    def hooked(source: Any, target: Any, **options: Any) -> None:
        if Path(os.fsdecode(target)).name == case.file:
            reached.append(case.file)
            if len(reached) == case.nth:
                case.change(home)
        replace(source, target, **options)

    os.replace = hooked
    try:
        yield reached
    finally:
        os.replace = replace


def run(bench: Bench, home: Path, case: Case, output: str) -> dict[str, Any]:
    """Run the command in the folder of a case; return its figures or message."""
    options = {
        "segment": (f"weights={home}/bundle", "slab=2"), "evaluate": ("seeds=2",),
        "sweep": (f"study={home.name}",), "promote": (f"study={home.name}",),
    }  # fmt: skip
    with contextlib.redirect_stderr(io.StringIO()):
        how = options.get(case.command, ())
        return bench.run(case.command, home / "film", home / output, how)


def judge(bench: Bench, case: Case, home: Path) -> dict[str, Any]:
    """Run the command undisturbed and with the change, and judge the outcome."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(bench.film, home / "film")
    for source, target in (("bundle-1", "bundle"), ("bundle-2", "bundle-2")):
        shutil.copytree(bench.folder / source, home / target)
    if case.command == "promote":
        run(bench, home, Case("sweep", "", nothing, ""), "sweep")
    whole = run(bench, home, case, "whole")
    if set(whole) & {"refused", "failed"}:
        raise SystemExit(f"{case.command} fails undisturbed: {whole}")
    with meanwhile(case, home) as reached:
        found = run(bench, home, case, "output")
    if len(reached) < case.nth:
        raise SystemExit(f"{case.command} writes {case.file} {len(reached)} times only")
    shutil.rmtree(home)
    verdict, said = as_before(found, whole)
    if case.name == "nothing" and verdict == "refused":
        verdict = "wrong"
    return {"what": f"{case.command}: {case.name}", "verdict": verdict, "said": said}


def main() -> None:
    """Judge the remaining cases."""
    args = parser.parse_args()
    bench = Bench(args.folder.resolve())
    bench.bundles()
    found = judged(
        args.folder,
        (
            (name, partial(judge, bench, case, args.folder.resolve() / f"under{number:02d}"))
            for number, case in enumerate(cases())
            if (name := f"{case.command}: {case.name}").startswith(args.only)
        ),
    )
    write(found, args.folder, args.json)


if __name__ == "__main__":
    main()
