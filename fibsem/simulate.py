"""``python -m fibsem.simulate``: three porous films with known truth."""

from __future__ import annotations

import time

from fibsem.config import Tree, read_path, run_command
from fibsem.data.phantom import PhantomRecipe, simulate
from fibsem.data.phantom.simulation import lock_of
from fibsem.errors import UserError
from fibsem.system.files import write_json
from fibsem.system.locks import sole, taken
from fibsem.system.progress import Progress


def main(tree: Tree) -> None:
    """Simulate one phantom."""
    started = time.perf_counter()
    recipe = PhantomRecipe.from_mapping(tree["phantom"])
    if tree["layout"] not in ("manifest", "archive"):
        raise UserError(f"`layout` must be manifest or archive, but got {tree['layout']}.")
    folder = read_path(tree["output"] or "data/phantom", "output")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with sole(lock_of(folder), taken(folder)):
        with Progress("simulating") as progress:
            samples = simulate(
                recipe, folder, layout=tree["layout"], overwrite=tree["overwrite"],
                progress=progress,
            )  # fmt: skip
        seconds = time.perf_counter() - started
        write_json(folder / "summary.json", {"samples": samples, "seconds": seconds})
    for name, figures in samples.items():
        print(f"{name}: porosity {figures['porosity']:.4f}, grey {figures['mean']:.3f}")
    print(f"{folder} in {seconds:.0f} s; look at it: python -m fibsem.inspect data.path={folder}")


if __name__ == "__main__":
    run_command("simulate", main)
