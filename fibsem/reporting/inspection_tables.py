"""The tables of an inspection, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fibsem.analysis.encoding import cell
from fibsem.analysis.intervals import FEWEST_SQUARES
from fibsem.data.dataset.split import SPLITS
from fibsem.reporting.agreement import agreement_text
from fibsem.system.records import typed
from fibsem.system.summaries.figures import Agreement


def tables(record: dict[str, Any]) -> str:
    """Tables 3.1 (grey values) and 3.2 (labels and their porosity) as Markdown."""
    samples = record["samples"].items()
    lines = [
        "Grey values in [0, 1]",
        "",
        "| sample | (z, y, x) | dtype | mean | s.d. | median | slope per 1000 px |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {cell(name)} | {' x '.join(map(str, s['shape']))} | {s['dtype']} | {s['mean']:.3f} | "
        f"{s['std']:.3f} | {s['median']:.3f} | {1000 * s['gradient']:+.4f} |"
        for name, s in samples
    ]
    lines += [
        "",
        "Labels, and their porosity with 95 % interval over places",
        "",
        "| sample | train | val | test | porosity % | 95 % interval |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for name, s in samples:
        counts = " | ".join(str(s["regions"][split]) for split in SPLITS)
        share, interval = "", ""
        if s["porosity"] is not None:
            share = f"{100 * s['porosity']:.2f}"
        if s["porosity_ci"] is not None:
            interval = "[{:.2f}, {:.2f}]".format(*(100 * value for value in s["porosity_ci"]))
        lines.append(f"| {cell(name)} | {counts} | {share} | {interval} |")
    lines += _few_tested({name: s["test_places"] for name, s in samples if "test_places" in s})
    agreements = [(name, typed(Agreement, s["agreement"])) for name, s in samples if s["agreement"]]
    lines += ["" for _ in agreements[:1]]
    lines += [f"{cell(name)}: {cell(agreement_text(some))}" for name, some in agreements]
    return "\n".join(lines) + "\n"


def _few_tested(places: Mapping[str, int]) -> list[str]:
    """What a promotion cannot decide with so few: better known before the hours than after them.

    Parameters
    ----------
    places
        Those of the test squares of each film: squares above each other are one.
    """
    few = {name: count for name, count in places.items() if count < FEWEST_SQUARES}
    every = sum(places.values())
    if not every or not few:
        return []
    named = ", ".join(f"{cell(name)} {count}" for name, count in few.items())
    champion = ", and a champion is replaced only by force=true" if every < FEWEST_SQUARES else ""
    return [
        "",
        f"Places of test squares: {named}. Below {FEWEST_SQUARES} no porosity of a film is "
        f"corrected{champion}.",
    ]
