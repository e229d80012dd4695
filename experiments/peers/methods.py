"""The methods that are compared, and how a stage of one is run: in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
OURS, SKIMAGE, MONAI = "ours.py", "skimage_forest.py", "monai_unet.py"


@dataclass(frozen=True)
class Method:
    """A row of the tables: script that trains and scores, and its arguments."""

    name: str
    script: str
    what: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        return self.script == OURS

    def stage(
        self,
        name: str,
        material: Path,
        trained: Path,
        *,
        output: Path | None = None,
        seconds: float = 0,
        seed: int = 0,
        precision: str = "float32",
        data: tuple[str, ...] = (),
        monai_python: Path | None = None,
    ) -> None:
        """Run a stage in a process and wait for it."""
        python = monai_python if self.script == MONAI else sys.executable
        command = [
            python, HERE / self.script, name, "--material", material, "--trained", trained,
            "--seconds", seconds, "--precision", precision, "--seed", seed,
            *(["--output", output] if output else []),
            "--what", *self.what, *(data if self.is_ours else ()),
        ]  # fmt: skip
        subprocess.run([str(part) for part in command], check=True)


METHODS = [
    Method("unet", OURS),  # the default of budget=
    Method("unet, random weights", OURS, ("model=unet", "nbhd=33x33x3", "train.init=null")),
    Method("2dcnn(33,33,3)", OURS, ("model=2dcnn", "nbhd=33x33x3")),
    Method("2dcnn(81,81,3)", OURS, ("model=2dcnn", "nbhd=81x81x3", "model.blocks=4")),
    Method("forest", OURS, ("model=forest", "nbhd=33x33x3", "train.share=0.02")),
    Method("MONAI UNet, 0.1 M", MONAI, ("UNet",)),
    Method("MONAI UNet, 1.6 M", MONAI, ("UNet-large",)),
    Method("MONAI BasicUNet", MONAI, ("BasicUNet",)),
    Method("scikit-image forest", SKIMAGE),
]


def named(names: list[str]) -> list[Method]:
    """Return the methods of some names, in this order; all methods without names."""
    known = {method.name: method for method in METHODS}
    if unknown := set(names) - set(known):
        sys.exit(f"error: methods must be of {', '.join(known)}, but got {', '.join(unknown)}")
    return [known[name] for name in names] or METHODS
