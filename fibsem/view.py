"""``python -m fibsem.view FOLDER``: a segmentation in napari, at its right scale."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from fibsem.config import Tree, read_path, require, run_command
from fibsem.errors import UserError

#: Environment variables that name a screen, or a platform plugin of Qt.
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
#: File name suffixes for screenshots: formats with a palette.
PICTURES = (".png", ".gif", ".bmp", ".tif", ".tiff")


def main(tree: Tree) -> None:
    """Show a segmentation in napari, or save a screenshot of it."""
    if tree["segmentation"] is None:
        raise UserError("`segmentation` must be given: python -m fibsem.view FOLDER.")
    folder = read_path(tree["segmentation"], "segmentation")
    paths = {
        key: None if tree[key] is None else read_path(tree[key], key)
        for key in ("volume", "quantified", "screenshot", "layers")
    }

    from fibsem.quantification.segmented import limits_of_labels, open_segmented
    from fibsem.reporting.labelled_film import check_film
    from fibsem.reporting.measured import check_maps, check_of

    segmented = open_segmented(folder)
    if paths["quantified"] is not None:  # its voxel size, the later one, holds for all layers
        segmented = open_segmented(folder, check_of(segmented, paths["quantified"]))
        check_maps(paths["quantified"])
    if paths["volume"] is not None:
        check_film(folder, segmented.summary, paths["volume"])
    last, z, screenshot = segmented.film.shape[0] - 1, tree["z"], paths["screenshot"]
    legal = z is None or (type(z) is int and 0 <= z <= last)
    require("z", z, legal, f"a slice from 0 to {last}")
    named = screenshot is None or screenshot.suffix.lower() in PICTURES
    require("screenshot", screenshot, named, f"a file {' or '.join(PICTURES)}")
    for limit in limits_of_labels(segmented.summary):
        print(f"{folder}: {limit}")
    _check_window()
    from fibsem.reporting.viewer import view

    view(segmented, **paths, z=z)


def _check_window() -> None:
    """Check that a window can be opened; Qt would abort the process otherwise.

    Raises
    ------
    UserError
        If napari is not installed, or, on Linux, no variable of ``SCREENS`` is set.
    """
    if find_spec("napari") is None:
        raise UserError(
            "napari must be installed to view, but is not; make install-view, or pip install "
            "'fibsem-sweep[view]'."
        )
    if sys.platform == "linux" and not any(map(os.environ.get, SCREENS)):
        raise UserError(
            f"a window must have a screen, but none of {', '.join(SCREENS)} names one; the choices "
            "are ssh -X, xvfb-run -a before a command with screenshot=FILE, and slices.html of "
            "python -m fibsem.report in a browser."
        )


def positional(arguments: list[str]) -> list[str]:
    """Return arguments with a bare folder written as ``segmentation=FOLDER``.

    An argument after one with a dash is taken as the value of that option.

    >>> positional(["outputs/segment/a=b", "z=4"]), positional(["OUT", "--help"])
    (['outputs/segment/a=b', 'z=4'], ['segmentation=OUT', '--help'])
    >>> positional(["--cfg", "job"])
    ['--cfg', 'job']
    """
    behind = zip(arguments, ["", *arguments], strict=False)
    return [
        word
        if "=" in word or word.startswith("-") or before.startswith("-")
        else f"segmentation={word}"
        for word, before in behind
    ]


if __name__ == "__main__":
    sys.argv[1:] = positional(sys.argv[1:])
    run_command("view", main)
