"""Draw the ways: a row for each folder, a dot for each stop, and arcs between folders.

    .venv/bin/python experiments/architecture/picture.py     # writes docs/pictures/ways.svg

It takes a second. Stops are those of ``ways.py``. An arc joins two folders if a stop in one names
a stop in the other; it is the thicker, the more there are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import chain

from ways import PACKAGE, ROOT, WAYS, Module, defined, mentioned, modules, reached, way

PICTURE = ROOT / "docs" / "pictures" / "ways.svg"
#: Packages from above to below, as imports point.
RANKS = ("", "api", "search", "evaluation", "promotion", "training", "tracking", "inference",
         "config", "data", "models", "analysis", "system")  # fmt: skip
INK, GREY, ARC, DOT, FILE = "#333333", "#777777", "#D55E00", "#2171b5", "#e3edf7"
#: Sizes in pixels: the picture, a row, the arcs, the names, and the distances of dots and files.
WIDTH, ROW, ARCS, NAMES, STEP, GAP = 720, 19, 120, 190, 10, 8


@dataclass(frozen=True)
class Way:
    """One way: names of stops by folder and file, and how often folders name stops of others."""

    name: str
    stops: int
    files: int
    folders: dict[str, dict[str, list[str]]]
    arcs: dict[tuple[str, str], int]


def way_of(parsed: dict[str, Module], name: str) -> Way:
    """Find the stops of a way, and where each hands on its value."""
    command, types = WAYS[name]
    counted = way(parsed, command, types)
    at = set(counted["at"])
    folders: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for stop in sorted(at):
        module = stop.split(":")[0]
        folders[folder_of(module)][module].append(stop)
    arcs = Counter(
        (folder_of(module.name), folder_of(other))
        for module, node in reached(parsed, command)
        if _is_stop(at, module.name, node.name)
        for other, called in _named(parsed, module, node)
        if _is_stop(at, other, called) and folder_of(other) != folder_of(module.name)
    )
    ordered = dict(sorted(folders.items(), key=lambda pair: (_rank(pair[0]), pair[0])))
    return Way(name, counted["stops"], counted["files"], ordered, dict(arcs))


def folder_of(module: str) -> str:
    """Return the folder of a module in the package.

    >>> folder_of("fibsem.search.budget.sizes"), folder_of("fibsem.sweep")
    ('search/budget', '')
    """
    return "/".join(module.split(".")[1:-1])


def _rank(folder: str) -> int:
    return RANKS.index(folder.split("/")[0])


def _is_stop(at: set[str], module: str, name: str) -> bool:
    """Whether a function is a stop, or a class or one of its methods."""
    own = f"{module}:{name}"
    return own in at or any(stop.startswith(f"{own}.") for stop in at)


def _named(parsed: dict[str, Module], module: Module, node: object) -> set[tuple[str, str]]:
    """Return the definitions of other modules that a definition names."""
    words = {(word, attribute) for word, attribute in mentioned(node) if word in module.imported}
    dotted = (
        f"{module.imported[word]}.{attribute}" if module.imported[word] in parsed
        else module.imported[word] for word, attribute in words
    )  # fmt: skip
    definitions = filter(None, (defined(parsed, name) for name in dotted))
    return {(other.name, name) for other, name in definitions}


def drawn(shown: Way, top: int) -> Iterator[str]:
    """Yield the elements of one way, whose title is at ``top``."""
    yield _text(
        10, top, f"{shown.name}: {shown.stops} stops in {shown.files} files", "bold", 13, INK
    )
    middle = {folder: top + 22 + k * ROW for k, folder in enumerate(shown.folders)}
    most = max(shown.arcs.values(), default=1)
    for (start, end), count in sorted(shown.arcs.items()):
        yield _arc(
            middle[start], middle[end], 0.8 + 2.7 * count / most, f"{start} to {end}: {count}"
        )
    for folder, files in shown.folders.items():
        yield _text(ARCS + 8, middle[folder] + 4, folder or "the command", "normal", 11, INK)
        yield from _dots(files, ARCS + NAMES, middle[folder])


def _dots(files: dict[str, list[str]], x: int, y: int) -> Iterator[str]:
    """Yield a box for each file and a dot for each of its stops, both named."""
    for stops in files.values():
        width = STEP * len(stops) + 2
        yield f'<rect x="{x}" y="{y - 6}" width="{width}" height="12" rx="4" fill="{FILE}"/>'
        for k, stop in enumerate(stops):
            yield (
                f'<circle cx="{x + 6 + STEP * k}" cy="{y}" r="3.4" fill="{DOT}">'
                f"<title>{escape(stop)}</title></circle>"
            )
        x += width + GAP


def _arc(start: int, end: int, width: float, title: str) -> str:
    """Return half an ellipse to the left, with its arrow at the end."""
    reach = ARCS - min(ARCS - 8, 10 + abs(end - start) * 0.36)
    return (
        f'<path d="M {ARCS} {start} C {reach} {start} {reach} {end} {ARCS} {end}" fill="none" '
        f'stroke="{ARC}" stroke-width="{width:.1f}" stroke-opacity="0.55" '
        f'marker-end="url(#end)"><title>{escape(title)}</title></path>'
    )


def _text(x: int, y: int, text: str, weight: str, size: int, fill: str) -> str:
    font = f'font-family="sans-serif" font-size="{size}" font-weight="{weight}"'
    return f'<text x="{x}" y="{y}" {font} fill="{fill}">{escape(text)}</text>'


def picture(ways: list[Way]) -> str:
    """Return the picture of all ways below each other."""
    parts, top = [], 24
    for shown in ways:
        parts.append(drawn(shown, top))
        top += 22 + ROW * len(shown.folders) + 26
    legend = "A dot is a stop, a box its file; arcs lead to folders whose stops are named."
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}">',
        f'<rect width="{WIDTH}" height="{top}" fill="white"/>',
        '<defs><marker id="end" viewBox="0 0 6 6" refX="5" refY="3" markerUnits="userSpaceOnUse" '
        f'markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L6 3 L0 6 z" fill="{ARC}"/>'
        "</marker></defs>",
        *chain.from_iterable(parts),
        _text(10, top - 10, legend, "normal", 11, GREY),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Draw the ways of the package."""
    parsed = modules(PACKAGE)
    PICTURE.write_text(picture([way_of(parsed, name) for name in WAYS]), encoding="utf-8")


if __name__ == "__main__":
    main()
