"""Report files: the page, tables as CSV, Markdown and LaTeX, figures as PNG and SVG."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from fibsem.analysis import encoding, tables
from fibsem.analysis.porosity_told import porosity_text
from fibsem.data.dataset.digests import digest_of
from fibsem.reporting import sections as result_sections
from fibsem.reporting import volumes
from fibsem.reporting.browser import BROWSER, browser
from fibsem.reporting.films import films_of
from fibsem.reporting.page import Picture, Section, Table, page
from fibsem.reporting.results import KINDS, Results
from fibsem.reporting.structure import connected_text, latest_of, quantifications
from fibsem.system.endings import FIGURE, TABLE, remove_former
from fibsem.system.file_names import file_name
from fibsem.system.files import known_json, replace_file, write_json
from fibsem.system.records import as_record, typed
from fibsem.system.summaries import (
    SHAPES,
    EvaluationSummary,
    InspectionSummary,
    PromotionSummary,
    QuantificationSummary,
    Report,
    SegmentationSummary,
    SweepSummary,
)

#: File endings of a table and of a figure; the first one is named in ``summary.json``.
BESIDE = {"tables": TABLE, "figures": FIGURE}

#: Largest number of segmentations of other films that are named.
MOST_NAMED = 8
#: Note if the data have changed since the results were made.
FORMER = (
    "labels, split or films were changed since: all figures are of the data as they were; the same "
    "commands make them anew"
)


def write_report(
    results: Results, folder: Path, history: pd.DataFrame | None, footer: str
) -> Report:
    """Write the report of a dataset; return the contents of ``summary.json``.

    Parameters
    ----------
    results
        Results of the dataset; not empty.
    folder
        Output folder for ``index.html``, ``slices.html``, ``tables/``, ``figures/`` and
        ``summary.json``. Files of a previous report that this one does not have are removed.
    history
        Registered versions with their aliases (``alias``), or None without a model registry.
    footer
        Last line of the page.
    """
    results = results.whole()
    slices = _write_browser(results, folder)
    sections = list(_sections(results, folder, history, slices))
    text = page(f"Report on {results.dataset}", _facts(results, history), sections, footer)
    made: dict[str, list[str]] = {"tables": [], "figures": []}
    for item, stem in _named(_items(sections)):
        if isinstance(item, Table):
            made["tables"].append(f"tables/{stem}.csv")
            encoding.write(item.frame, folder / "tables", stem)
        else:
            made["figures"].append(f"figures/{stem}.png")
            replace_file(folder / f"figures/{stem}.png", item.png)
            if item.svg is not None:
                replace_file(folder / f"figures/{stem}.svg", item.svg)
    replace_file(folder / "index.html", text)
    _remove_former(folder, made)
    report = Report(
        page="index.html",
        browser=slices,
        tables=tuple(made["tables"]),
        figures=tuple(made["figures"]),
        dataset=results.dataset,
        data=results.data,
        results={kind: len(results.of(SHAPES[kind])) for kind in KINDS},
        others=results.others,
        data_now=results.now,
        of_former_data=results.of_former_data,
        elsewhere=tuple(map(str, results.elsewhere)),
        shows=digest_of(text.rpartition("<footer>")[0], 12),  # the footer has the time
    )
    write_json(folder / "summary.json", as_record(report))
    return report


def _write_browser(results: Results, folder: Path) -> str | None:
    """Write the slice browser and return its name, or None if no labels can be read."""
    films = volumes.slices_of(results)
    page = browser(films, f"Slices of {results.dataset}") if films else None
    if page is None:
        (folder / BROWSER).unlink(missing_ok=True)
        return None
    replace_file(folder / BROWSER, page)
    return BROWSER


def _sections(
    results: Results, folder: Path, history: pd.DataFrame | None, slices: str | None
) -> Iterator[Section]:
    """Yield a section for every kind of result that exists."""
    if inspections := results.of(InspectionSummary):
        yield result_sections.inspection(inspections[-1])
    if results.of(EvaluationSummary):
        yield result_sections.evaluations(results, folder)
    if results.of(SweepSummary):
        yield result_sections.sweeps(results)
    if results.of(PromotionSummary):
        yield result_sections.promotions(results)
    if history is not None and len(history):
        yield result_sections.champions(history)
    if results.of(SegmentationSummary):
        yield volumes.segmentations(results, folder, slices)
    if results.of(QuantificationSummary):
        yield quantifications(results, folder)


def _facts(results: Results, history: pd.DataFrame | None) -> dict[str, str]:
    """Return the key facts at the top of the page, by name."""
    facts = {"Dataset": f"{results.dataset}, data hash {results.data or 'not recorded'}"}
    if results.of_former_data:
        facts["Former data"] = FORMER
    if evaluations := results.of(EvaluationSummary):
        best = max(
            (evaluation.summary for evaluation in evaluations),
            key=lambda evaluation: evaluation.val.miou.mean,
        )
        facts["Best evaluation"] = (
            f"{tables.name_of(best)}: mIoU {tables.plus_minus(best.val.miou, 2, 100)} % on "
            f"validation, {tables.plus_minus(best.test.miou, 2, 100)} % on test "
            f"(balanced pixels; {len(evaluations)} evaluated)"
        )
    if sweeps := results.of(SweepSummary):
        trials = sum(sweep.summary.trials.complete for sweep in sweeps)
        facts["Search"] = f"{_count(trials, 'complete trial')} in {_count(len(sweeps), 'sweep')}"
    for version in () if history is None else history.itertuples():
        if "champion" in version.alias.split(", "):
            facts["Champion"] = f"version {version.version} of fibsem"
    if promotions := results.of(PromotionSummary):
        last = promotions[-1].summary
        facts["Latest promotion"] = (
            f"version {last.version}, {'passed' if last.gate.passed else 'refused'}: "
            f"mIoU {100 * last.test_all.miou:.2f} % on every labelled test pixel"
        )
    for name, film in films_of(results).items():
        facts[f"Porosity of {name}"] = porosity_text(film)
    measured = latest_of(results)
    for name, result in measured.items():
        facts[f"Structure of {name}"] = connected_text(result.summary)
    if results.of(SegmentationSummary) and not measured:
        facts["Structure"] = "not measured; python -m fibsem.quantify segmentation=FOLDER does"
    facts |= _odd(results)
    if results.others:
        facts["Left out"] = f"{_count(results.others, 'result')} on other data of this name"
    if results.elsewhere:
        facts["Not shown"] = elsewhere_text(results.elsewhere)
    return facts


def elsewhere_text(folders: Sequence[str | Path]) -> str:
    """Describe segmentations that belong to no known dataset, by their folders.

    >>> elsewhere_text(["out/a"])
    '1 segmentation of films that are not known to be of this dataset: out/a'
    """
    named = ", ".join(map(str, folders[:MOST_NAMED]))
    more = " and more" if len(folders) > MOST_NAMED else ""
    many = _count(len(folders), "segmentation")
    return f"{many} of films that are not known to be of this dataset: {named}{more}"


def _odd(results: Results) -> dict[str, str]:
    """Return the warnings of inspection and segmentations, or {} if there are no such results."""
    films = [result.summary.warnings for result in results.of(SegmentationSummary)]
    looked = [*(result.summary.warnings for result in results.of(InspectionSummary)[-1:]), *films]
    odd = dict.fromkeys(text for warnings in looked for text in warnings)
    return {"Look at this": "; ".join(odd) or "no warnings"} if looked else {}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _items(sections: Iterable[Section]) -> Iterator[Table | Picture]:
    """Yield every table and figure, in the order of the page."""
    for section in sections:
        yield from section.items
        yield from _items(section.parts)


def _named(items: Iterable[Table | Picture]) -> Iterator[tuple[Table | Picture, str]]:
    """Yield every item with a unique file name, as two stores may both have a version 1."""
    taken: set[str] = set()
    for item in items:
        stem = first = file_name(re.sub(r"[^\w.+=-]+", "-", item.name))
        number = 2
        while stem in taken:
            stem, number = f"{first}-{number}", number + 1
        taken.add(stem)
        yield item, stem


def _remove_former(folder: Path, current: dict[str, list[str]]) -> None:
    """Remove files of the previous report in this folder that the new one does not have."""
    path = folder / "summary.json"
    former = known_json(path, partial(typed, Report))
    written = {} if former is None else {"tables": former.tables, "figures": former.figures}
    for kind, names in current.items():
        ours = {name for name in written.get(kind, ()) if Path(name).parts[:-1] == (kind,)}
        remove_former(folder, ours, names, BESIDE[kind])
