"""Tables of an inspection in Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from fibsem.analysis.encoding import cell
from fibsem.analysis.intervals import FEWEST_SQUARES
from fibsem.reporting.agreement import agreement_text
from fibsem.system.summaries import InspectionSummary
from fibsem.system.summaries.inspection import InspectedSample


def tables(summary: InspectionSummary) -> str:
    """Format Tables 3.1 (grey values) and 3.2 (labels and their porosity) in Markdown."""
    samples = summary.samples
    agreements = [f"{cell(name)}: {cell(agreement_text(s.agreement))}"
                  for name, s in samples.items() if s.agreement]  # fmt: skip
    lines = [
        "Grey values in [0, 1]",
        "",
        "| sample | (z, y, x) | dtype | mean | s.d. | median | slope per 1000 px |",
        "|---|---|---|---:|---:|---:|---:|",
        *(_greys(name, sample) for name, sample in samples.items()),
        "",
        "Labels, and their porosity with 95 % interval over places",
        "",
        "| sample | train | val | test | porosity % | 95 % interval |",
        "|---|---:|---:|---:|---:|---|",
        *(_labels(name, sample) for name, sample in samples.items()),
        *_few_tested({name: sample.test_places or 0 for name, sample in samples.items()}),
        *("" for _ in agreements[:1]),
        *agreements,
    ]
    return "\n".join(lines) + "\n"


def _greys(name: str, sample: InspectedSample) -> str:
    """Format a row of Table 3.1."""
    return (
        f"| {cell(name)} | {' x '.join(map(str, sample.shape))} | {sample.dtype} | "
        f"{sample.mean:.3f} | {sample.std:.3f} | {sample.median:.3f} | "
        f"{1000 * sample.gradient:+.4f} |"
    )


def _labels(name: str, sample: InspectedSample) -> str:
    """Format a row of Table 3.2."""
    counts = sample.regions
    share = "" if sample.porosity is None else f"{100 * sample.porosity:.2f}"
    low, high = sample.porosity_ci or (None, None)
    interval = "" if low is None or high is None else f"[{100 * low:.2f}, {100 * high:.2f}]"
    return (
        f"| {cell(name)} | {counts.train} | {counts.val} | {counts.test} | {share} | {interval} |"
    )


def _few_tested(places: Mapping[str, int]) -> list[str]:
    """Warn if there are too few test squares for a promotion, before hours of training.

    Parameters
    ----------
    places
        Number of places of test squares by film; squares above each other share one place.
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
