"""One output folder given to two commands that differ, and which figures the second one returns.

Every pair of commands runs in this process, on a film of its own. The second one is right where it
returns what it returns in a new folder, refused where it says what differs and changes nothing, and
wrong where it returns the figures of the first.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from _verdicts import judged, write

from fibsem.config import compose
from fibsem.data.phantom import PhantomRecipe, simulate
from fibsem.errors import UserError

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--folder", type=Path, default=Path("outputs/reuse"))
parser.add_argument("--only", default="", help="cases whose name begins so")
parser.add_argument("--json", type=Path, default=None)

FILM = replace(
    PhantomRecipe(),
    shape=(12, 160, 176),
    squares=10,
    square_px=48,
    samples={"film": PhantomRecipe().samples["HPC45"]},
)
NETWORK = [
    "nbhd=11x11x3", "model.blocks=1", "model.filters=4", "train.share=0.02", "train.epochs=3",
    "train.steps=4",
]  # fmt: skip
SPACE = [
    "space=smoke", "space.axes.model.blocks=[1]", "space.axes.model.filters=[2,4]",
    "search.trials=2",
]  # fmt: skip
PROMOTE = [
    "postprocessing.sigma=[0,1]", "postprocessing.threshold_steps=9", "rank.k=2", "rank.seeds=1",
    "final.epochs=3", "final.share=0.02", "segment=false",
]  # fmt: skip

Change = Callable[[Path], None]


def nothing(film: Path) -> None:
    """Leave the data as they are."""


def mend_label(film: Path) -> None:
    """Invert the first 24 rows of one mask."""
    mask = sorted((film / "film" / "masks").glob("*.tif"))[0]
    image = tifffile.imread(mask)
    image[:24] = 255 - image[:24]
    tifffile.imwrite(mask, image)


def brighten(z: int) -> Change:
    """Return a change of the grey values in one slice."""

    def change(film: Path) -> None:
        file = film / "film" / "slices" / f"slice_{z:04d}.tif"
        tifffile.imwrite(file, tifffile.imread(file) // 2 + 9)

    return change


def swap_as_copied(film: Path) -> None:
    """Replace the film by another of the same names, sizes and times, as rsync or cp -p may do."""
    import os

    for file in sorted((film / "film" / "slices").glob("*.tif")):
        before, image = file.stat(), tifffile.imread(file)
        file.unlink()
        tifffile.imwrite(file, np.ascontiguousarray(image[::-1]) // 2)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap_parts(film: Path) -> None:
    """Swap the splits of a training square and a validation square."""
    table = film / "film" / "regions.csv"
    rows = table.read_text().splitlines()
    train = next(k for k, row in enumerate(rows) if ",train," in row)
    val = next(k for k, row in enumerate(rows) if ",val," in row)
    rows[train] = rows[train].replace(",train,", ",val,")
    rows[val] = rows[val].replace(",val,", ",train,")
    table.write_text("\n".join(rows) + "\n")


def copy_elsewhere(film: Path) -> None:
    """Write the same files again, with other times."""
    for file in film.rglob("*.tif"):
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)


@dataclass(frozen=True)
class Case:
    """A pair of commands: the second has further overrides, or follows a change of the data."""

    command: str
    name: str
    overrides: tuple[str, ...] = ()
    change: Change = nothing
    same: bool = False
    second: str | None = None
    before: tuple[str, ...] = ()


def cases() -> list[Case]:
    """Return all pairs of commands."""
    settings = {
        "other model": ("model=threshold",), "other padding": ("model.padding=same",),
        "other filters": ("model.filters=6",), "other rate": ("train.learning_rate=0.05",),
        "other momentum": ("train.momentum=0.5",), "other optimiser": ("train.optimizer=adam",),
        "other seed": ("seed=1",), "other sampling seed": ("sampling.seed=4",),
        "other neighbourhood": ("nbhd=13x13x3",), "other depth": ("nbhd=11x11x1",),
        "other scaling": ("preprocess.scaling=none",), "other gradient": ("preprocess.gradient=y",),
        "fewer epochs": ("train.epochs=2",), "more steps": ("train.steps=6",),
        "patch mode": ("train.mode=patch",), "other loss": ("train.loss=bce_iou",),
        "test as well": ("train.test=true",), "keeps by mIoU": ("train.keep=miou",),
    }  # fmt: skip
    data: dict[str, Change] = {
        "label mended": mend_label,
        "slice 1 replaced": brighten(1), "slice 7 replaced": brighten(7),
        "first slice replaced": brighten(0), "other film, same names, sizes, times": swap_as_copied,
        "squares change parts": swap_parts,
    }  # fmt: skip
    found = [Case("train", name, how) for name, how in settings.items()]
    found += [Case("train", name, change=change) for name, change in data.items()]
    found += [
        Case("train", "the same again", same=True),
        Case("train", "the same data copied", change=copy_elsewhere, same=True),
        Case(
            "train",
            "other workers, tracking, search",
            ("search.workers=3", "search.seed=5", "tracking.experiment=x"),
            same=True,
        ),
        Case("sweep", "other filters in the space", ("space.axes.model.filters=[4,6]",)),
        Case("sweep", "other steps", ("train.steps=6",)),
        Case("sweep", "other sampler", ("search.sampler=random",)),
        Case("sweep", "other search seed", ("search.seed=3",)),
        Case("sweep", "other backend", ("search.backend=keras_tuner", "search.sampler=random")),
        Case("sweep", "other study", ("study=other", "train.momentum=0.5")),
        Case("sweep", "label mended", change=mend_label),
        Case("sweep", "slice 7 replaced", change=brighten(7)),
        Case("sweep", "more trials", ("search.trials=3",), same=True),
        Case("sweep", "given to train", second="train"),
        Case("train", "given to sweep", second="sweep"),
        Case("evaluate", "other model", ("model=threshold",)),
        Case("evaluate", "other seed", ("seed=4",)),
        Case("evaluate", "other rate", ("train.learning_rate=0.05",)),
        Case("evaluate", "label mended", change=mend_label),
        Case("evaluate", "slice 1 replaced", change=brighten(1)),
        Case("evaluate", "more seeds", ("seeds=2",), same=True),
        Case("evaluate", "fewer seeds", ("seeds=1",), before=("seeds=2",), same=True),
        Case("promote", "other final epochs", ("final.epochs=2",)),
        Case("promote", "other seed", ("seed=5",)),
        Case("promote", "other post-processing", ("postprocessing.sigma=[2]",)),
        Case("promote", "label mended", change=mend_label),
        Case("promote", "slice 7 replaced", change=brighten(7)),
        Case("segment", "other model", ("weights=WEIGHTS2",)),
        Case("segment", "other format", ("format=tiff",)),
        Case("segment", "slice 7 replaced", change=brighten(7)),
        Case("segment", "other film, same names, sizes, times", change=swap_as_copied),
        Case("segment", "other range", ("range=[0,50000]",)),
        Case("segment", "the same film copied", change=copy_elsewhere, same=True),
    ]
    return found


class Bench:
    """A folder with a film for each case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.film = folder / "film"
        if not (self.film / "dataset.yaml").is_file():
            simulate(FILM, self.film)

    def run(self, command: str, film: Path, output: Path, how: tuple[str, ...]) -> dict[str, Any]:
        """Run a command; return the figures of its summary, or its error message."""
        how = tuple(key.replace("WEIGHTS2", str(self.folder / "bundle-2")) for key in how)
        store = self.folder / "store"
        common = [
            f"output={output}", f"tracking.uri=sqlite:///{store}/ml.db",
            f"tracking.artifacts={store}/artifacts", "tracking.experiment=reuse",
        ]  # fmt: skip
        if command == "segment":
            common += [f"volume={film}/film/slices", f"weights={self.folder}/bundle-1",
                       "previews=0"]  # fmt: skip
        else:
            common += [f"data.path={film}"]
        if command in ("train", "sweep", "evaluate"):
            common += (
                NETWORK
                if not any(key == "model=threshold" for key in how)
                else [key for key in NETWORK if not key.startswith("model.")]
            )
        common += {"sweep": SPACE, "evaluate": ["seeds=1"], "promote": PROMOTE}.get(command, [])
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                import_module(f"fibsem.{command}").main(compose(command, [*common, *how]))
        except UserError as error:
            return {"refused": str(error)}
        except Exception as error:
            return {"failed": f"{type(error).__name__}: {str(error).splitlines()[:1]}"}
        return figures(json.loads((output / "summary.json").read_text()))

    def bundles(self) -> None:
        """Save two small models for segmentations."""
        import keras

        from fibsem.analysis.postprocessing import PostProcessing
        from fibsem.data import Recipe
        from fibsem.geometry import Nbhd
        from fibsem.inference import Segmenter
        from fibsem.models import build, resolve
        from fibsem.tracking import Bundle

        for seed in (1, 2):
            keras.utils.set_random_seed(seed)
            spec = resolve("2dcnn", Nbhd(1, 11, 11), "valid", {"blocks": 1, "filters": 4})
            segmenter = Segmenter.of(spec, build(spec), Recipe(), PostProcessing(1.0, 0.5), "")
            Bundle(segmenter, (50.0, 10.0, 10.0)).save(self.folder / f"bundle-{seed}")


def figures(record: dict[str, Any]) -> dict[str, Any]:
    """Return the figures in a summary that do not depend on time or place."""
    kept = {key: record.get(key) for key in ("val", "val_all", "test", "porosity", "epochs")}
    if "trials" in record:
        kept |= {"best": record["best"]["value"], "params": record["best"]["params"]}
    if "winner" in record:
        kept |= {key: record[key] for key in ("postprocessing", "test_all", "val_all")}
    if "runs" in record:
        kept["seeds"] = [run["seed"] for run in record["runs"]]
    return kept


def judge(bench: Bench, case: Case, number: int) -> dict[str, Any]:
    """Run both commands of a case, the second one also in a new folder, and judge the outcome."""
    home = bench.folder / f"{number:02d}"
    shutil.rmtree(home, ignore_errors=True)
    film = home / "film"
    shutil.copytree(bench.film, film)
    if case.command == "promote":
        bench.run("sweep", film, home / "sweep", (f"study=study-{number}",))
    study = (f"study=study-{number}",) if case.command == "promote" else ()
    output, second = home / "output", case.second or case.command
    first = bench.run(case.command, film, output, (*study, *case.before))
    case.change(film)
    if case.command == "promote" and case.change is not nothing:  # trials on the changed data
        bench.run("sweep", film, home / "sweep-2", (f"study=study-{number}",))
    again = bench.run(second, film, output, (*study, *case.overrides))
    fresh = bench.run(second, film, home / "fresh", (*study, *case.overrides))
    shutil.rmtree(home)
    told = again.get("refused") or again.get("failed")
    if "failed" in again:
        verdict = "wrong"
    elif "refused" in again:
        verdict = "wrong" if case.same else "refused"
    else:
        verdict = "right" if again == fresh else "wrong"
    return {
        "command": case.command, "case": case.name, "verdict": verdict, "said": told,
        "differs": first != fresh,
    }  # fmt: skip


def main() -> None:
    """Judge the remaining cases and write the table."""
    args = parser.parse_args()
    bench = Bench(args.folder.resolve())
    bench.bundles()
    found = judged(
        args.folder,
        (
            (title, partial(judge, bench, case, number))
            for number, case in enumerate(cases())
            if (title := f"{case.command}: {case.name}").startswith(args.only)
        ),
    )
    write(found, args.folder, args.json)


if __name__ == "__main__":
    main()
