"""One table of all inputs that were tried, by kind, from the results of the scripts beside.

    .venv/bin/python experiments/reliability/table.py

Reads `results/*.json` and writes the first table of `README.md`; nothing is run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
#: Tolerance of the porosity of the clean film, in percentage points.
POINTS = 0.2

Counts = tuple[int, int, int]

#: Results of each kind of inputs: kinds of `inputs`, or other files.
KINDS = {
    "one output folder, two commands that differ": ["reuse"],
    "what is not material": ["material"],
    "folders and files of one film": ["names", "files", "links"],
    "what files declare: tones, sizes": ["tones", "voxel_sizes", "zarrs"],
    "names and paths": ["texts", "overrides", "samples", "addresses"],
    "what the system refuses, and settings of other programs": ["refusals", "tables", "settings"],
    "masks and manifests": ["masks", "manifests"],
    "what changes under a running command": ["under"],
    "no number from no number": ["impossible"],
    "slices that could not be read once": ["system"],
    "one decision on the champion": ["alias_moves"],
    "our own files, damaged": ["damage"],
    "passwords and cells": ["passwords", "cells"],
    "keys that nobody reads, numbers that are none": ["keys"],
    "results of one command under another one's": ["others"],
    "segmentations mended by hand": ["segmentations"],
    "one film listed twice, voxels of no size": ["twice"],
    "streams that are closed, broken or full": ["streams", "pipes"],
    "odd slices in a film": ["odd_slices"],
    "labels that lie elsewhere": ["placing"],
    "values of another type in our own records": ["records"],
    "fill in other shapes": ["rims"],
    "ends of a series that names tell of": ["ends"],
    "units, sizes of print, levels in any order": ["units"],
    "squares placed or labelled wrongly": ["squares"],
    "numbers in manifests, masks as pictures": ["numerals", "pictures"],
    "layouts of TIFF files, names that people give": ["layouts", "series"],
    "films that change while they are segmented": ["meanwhile"],
    "addresses where folders and stores are meant": ["stores"],
    "words for yes and no, seeds": ["switches"],
    "masks of what is material, archives": ["extents"],
    "films that were put together wrongly": ["arranged"],
    "axes and scales as they are named": ["axes"],
    "tables of thickness": ["thicknesses"],
    "films whose slices are rows, positions in names": ["lying", "positions"],
    "uneven numbers in names": ["uneven"],
    "films of few grey values, moved ones with clipped pores": ["narrow"],
    "dense films whose solid is white": ["dense"],
    "spellings of addresses, passwords of services": ["spellings"],
    "search spaces that people write": ["spaces"],
    "other bytes, folders and times of one name or place": ["taken"],
    "pixels that are there in part, what stands above an array": ["partial"],
    "burnt-in text, slipped lines, copied parts": ["lines"],
    "arrays of notebooks": ["arrays"],
    "labels as other programs save them, odd films and sizes, for `quantify`": ["measures"],
    "who owns a trial": ["owners"],
    "outages": ["outages"],
    "hangs": ["hangs"],
    "results that are compared, measured, reported, exported again": ["read again"],
}


def read(name: str) -> Any:
    """Read results by the name of their file; None if there are none."""
    path = HERE / "results" / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def counts(source: str, when: str) -> Counts | None:
    """Return the counts right, refused and wrong of a source; None if it was not tried.

    ``when`` is ``"_before"`` for the former version of the package, and ``""`` for the present one.
    """
    if source == "material":
        return material(when)
    found = read(f"{source}{when}")
    for file in ("inputs", "tested"):
        if found is None:
            found = (read(f"{file}{when}") or {}).get(source)
    if found is None:
        return None
    return found["right"], found.get("refused", 0), found["wrong"]


def material(when: str) -> Counts:
    """Count a film as right if it has the porosity of the visible part of the clean film."""
    films, key = read("material")["films"], "before" if when else "after"
    right = 0
    for film in films.values():  # without a clean film nothing may be left out
        wanted = film["before"] if film["clean"] is None else film["clean"]
        right += abs(film[key] - wanted) <= POINTS / 100
    return right, 0, len(films) - right


def total(sources: list[str], when: str) -> Counts | None:
    """Return the sum over sources; None if one was not tried."""
    found = [counts(source, when) for source in sources]
    if any(one is None for one in found):
        return None
    right, refused, wrong = (sum(one[k] for one in found if one) for k in range(3))
    return right, refused, wrong


def rows() -> list[str]:
    """Return the lines of the table."""
    lines = ["| kind | inputs | right / refused / wrong before | after |", "|---|---:|---:|---:|"]
    for kind, sources in KINDS.items():
        before, after = total(sources, "_before"), total(sources, "")
        if after is None:
            continue
        told = [" / ".join(map(str, one)) if one else "not run" for one in (before, after)]
        lines.append(f"| {kind} | {sum(after)} | {told[0]} | {told[1]} |")
    return lines


def main() -> None:
    """Replace the table in README.md."""
    page = HERE / "README.md"
    head, begin, rest = page.read_text().partition("| kind | inputs |")
    former, end, tail = (begin + rest).partition("\n\n")
    page.write_text(head + "\n".join(rows()) + end + tail)
    print(f"{len(former.splitlines())} lines replaced in {page}")


if __name__ == "__main__":
    main()
