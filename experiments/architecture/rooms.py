"""Count files and lines of every folder before and after the package was divided by ideas.

    .venv/bin/python experiments/architecture/rooms.py > experiments/architecture/results/rooms.md

Takes a second. Both versions are read from git: the last commit before files were moved, and the
one that left nothing in ``learning``, of the package or of the tests.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePath

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("fibsem", "tests")
BEFORE, AFTER = "a9864bca", "b1c2bb07"


@dataclass
class Sizes:
    """Number of Python files and of their lines, by folder."""

    files: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)

    def cells(self, folder: str) -> str:
        """Return the two cells of a folder in a table; empty if it does not exist."""
        if not self.files[folder]:
            return " | "
        return f"{self.files[folder]} | {self.lines[folder]}"


def sizes(commit: str) -> Sizes:
    """Return the sizes of the folders at a commit, and of each tree as a whole."""
    line = ["git", "archive", commit, *FOLDERS]
    packed = subprocess.run(line, cwd=ROOT, check=True, capture_output=True).stdout
    found = Sizes()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            path = PurePath(member.name)
            if path.suffix == ".py" and (content := archive.extractfile(member)):
                lines = content.read().count(b"\n")
                for place in (str(path.parent), f"all of {path.parts[0]}"):
                    found.files[place] += 1
                    found.lines[place] += lines
    return found


def main() -> None:
    """Print a table in Markdown."""
    before, after = sizes(BEFORE), sizes(AFTER)
    print(f"Python files and their lines, at {BEFORE} (before) and {AFTER} (after).\n")
    print("| folder | files before | lines before | files after | lines after |")
    print("|---|--:|--:|--:|--:|")
    for folder in sorted({*before.files, *after.files}):
        print(f"| `{folder}` | {before.cells(folder)} | {after.cells(folder)} |")


if __name__ == "__main__":
    main()
