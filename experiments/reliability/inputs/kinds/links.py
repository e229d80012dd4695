"""What is listed and is no file: links that lead nowhere, pipes, devices, loops."""

import os

from films import PLAIN, film, folder, nothing, place


def inputs():
    for z in (0, 5, 11):
        for target in ("../.git/annex/objects/xx", PLAIN[z], "/nowhere"):
            path = folder()
            (path / PLAIN[z]).unlink()
            (path / PLAIN[z]).symlink_to(target)
            yield f"slice {z} -> {target}", nothing(path)
            yield f"slice {z} -> {target}, with gaps", film(path, lost=[z], gaps=True)
    for kind in ("pipe", "device"):
        path = folder()
        (path / PLAIN[5]).unlink()
        if kind == "pipe":
            os.mkfifo(path / PLAIN[5])
        else:
            (path / PLAIN[5]).symlink_to("/dev/zero")
        yield f"a {kind} among slices", nothing(path)
        yield f"a {kind} for a film", nothing(path / PLAIN[5])
    path = place()
    path.symlink_to(path.name)
    yield "a folder that leads to itself", nothing(path)
    path = folder()
    (path / "again.tif").symlink_to(f"../{path.name}")
    yield "a folder that holds itself", film(path)
