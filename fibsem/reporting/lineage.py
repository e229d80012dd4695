"""Lineage of a segmentation or promoted model, and the commands that reproduce it.

Everything is read from ``summary.json``, into which the lineage of the model is copied, so that no
MLflow store is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fibsem.analysis.porosity_told import by_slices_text, corrected_text
from fibsem.errors import UserError
from fibsem.reporting.again import UNKNOWN, CommandLine, checkout, command_of, data_of, hashed
from fibsem.reporting.results import ORIGINS
from fibsem.system.advice import LINEAGE, Command
from fibsem.system.files import read_json
from fibsem.system.records import Record, typed
from fibsem.system.summaries import PromotedModel, SegmentedFilm
from fibsem.system.summaries.lineage import Lineage

#: Remedy for a damaged record.
AGAIN = "the command that made it writes it again"
#: Summary types by kind of result.
READ: dict[str, type] = {"segmentation": SegmentedFilm, "promotion": PromotedModel}
#: Keys that identify each kind.
TOLD_BY = {"segmentation": {"labels", "slabs"}, "promotion": {"winner", "version"}}

#: Title of the steps that make a result.
STEPS = "to make it again"


@dataclass(frozen=True)
class NamedModel:
    """One model of a segmentation: its name as given, registered version, and lineage."""

    weights: str | None = None
    version: str | None = None
    lineage: Lineage = field(default_factory=Lineage)

    @property
    def registered(self) -> str | None:
        """Name and version in the registry, such as ``fibsem/3``; None if not registered."""
        if self.version is None or not (self.weights or "").startswith("models:/"):
            return None
        name = str(self.weights).removeprefix("models:/").partition("@")[0].partition("/")[0]
        return f"{name}/{self.version}"


@dataclass(frozen=True)
class LineageReport:
    """Lineage of a segmentation or of a promoted model.

    Attributes
    ----------
    folder, facts
        Folder of the result, and facts from its summary by name.
    sources
        Models of the segmentation, or the promoted one.
    code, last
        Code version and command of the segmentation; None for a promotion.
    aliases
        Current aliases of the registered versions that a store knows.
    """

    folder: str
    facts: Mapping[str, str]
    sources: tuple[NamedModel, ...]
    code: str | None = None
    last: CommandLine | None = None
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def registered(self) -> dict[str, str | None]:
        """Run ID of each registered version."""
        return {
            source.registered: source.lineage.promotion.run_id
            for source in self.sources
            if source.registered
        }

    @property
    def steps(self) -> list[CommandLine]:
        """Steps that reproduce the result, in order and without repeated commands."""
        done: list[CommandLine] = []
        code: str | None = None
        for wanted, step in self._all_steps():
            if step in done or (step.run and any(step.run == earlier.run for earlier in done)):
                continue
            if wanted != code or not done:
                done.append(checkout(wanted))
                code = wanted
            done.append(step)
        return done

    def _all_steps(self) -> Iterator[tuple[str | None, CommandLine]]:
        """Yield every step with the code version that it needs."""
        for source in self.sources:
            made = source.lineage
            first = made.trial.code or made.code
            yield first, data_of(made)
            if made.training is not None:
                yield made.code, command_of(made.training, "the training")
                continue
            for sweep in made.sweeps or [made.sweep]:
                title = f"the sweep {sweep.study or ''}".strip()
                yield sweep.code or first, command_of(sweep.command, title)
            title = "final training, post-processing, test, registration"
            yield made.code, command_of(made.promotion.command, title)
        if self.last is not None:
            yield self.code, self.last

    def record(self) -> Record:
        """Return the record for ``summary.json`` of a report."""
        return {
            "of": self.folder,
            **self.facts,
            "models": [
                {
                    "weights": source.weights,
                    "version": source.version,
                    "aliases": self._called(source),
                    **source.lineage.to_json(),
                }
                for source in self.sources
            ],
            "code": self.code,
            "steps": [asdict(step) for step in self.steps],
        }

    def _called(self, source: NamedModel) -> list[str] | None:
        called = self.aliases.get(source.registered or "")
        return None if called is None else list(called)

    def text(self) -> str:
        """Format facts, models and commands as text; the commands at the end are valid shell."""
        lines = [self.folder, *_rows(self.facts)]
        for k, source in enumerate(self.sources, start=1):
            title = "model" if len(self.sources) == 1 else f"model {k} of {len(self.sources)}"
            lines += ["", title, *_rows(self._facts(source))]
        lines += ["", STEPS]
        for step in self.steps:
            lines += [f"  # {step.note}"] if step.note else []
            lines += [f"  {step.run}"] if step.run else []
        return "\n".join(lines)

    def _facts(self, source: NamedModel) -> dict[str, str]:
        """Return the known facts on a model, by name."""
        made = source.lineage
        sweep, trial, promotion, seeds = (
            made.sweep,
            made.trial,
            made.promotion,
            made.promotion.seeds,
        )
        named = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
        return {
            "weights": source.weights or UNKNOWN,
            "version": self._version(source),
            **({} if made.training else {"sweep": _joined(sweep.study, _run(sweep.parent_run_id))}),
            "trial": _joined(trial.name, _run(trial.run_id)),
            "trial seed": _joined(trial.seed),
            **({"begun with": trial.init} if trial.init else {}),
            **({"taught by": trial.teacher} if trial.teacher else {}),
            **(
                {}
                if made.training
                else {"promotion": _joined(_run(promotion.run_id), named if seeds else None)}
            ),
            "data": _joined(made.dataset, hashed(made.data)),
            "code": _joined(made.code),
        }

    def _version(self, source: NamedModel) -> str:
        if source.version is None:
            return "none: a folder, not a registered version" if source.weights else UNKNOWN
        called = self._called(source)
        now = "" if called is None else f", {' and '.join(called) or 'without an alias'} now"
        return f"{source.version}{now}"


def read_lineage(source: Path) -> LineageReport:
    """Read the lineage from a folder of ``segment`` or ``promote``, or its ``summary.json``.

    Raises
    ------
    UserError
        If it is neither of them.
    """
    folder = source.parent if source.name == "summary.json" else source
    path = folder / "summary.json"
    record = read_json(path, _checked, remedy=AGAIN) if path.is_file() else {}
    match _kind(record):
        case "segmentation":
            return _report_of_segmentation(str(folder), typed(SegmentedFilm, record))
        case "promotion":
            return _report_of_promotion(folder, typed(PromotedModel, record))
    raise UserError(
        f"`{LINEAGE}` must be a folder that {Command('segment')} or {Command('promote')} made, but "
        f"{source} "
        f"{'is not one' if source.exists() else 'is not there'}."
    )


def _kind(record: Any) -> str | None:
    """Return the kind of result by the keys of its record, or None; covers older versions."""
    written = set(record) if isinstance(record, dict) else set()
    return next((kind for kind, keys in TOLD_BY.items() if keys <= written), None)


def _checked(record: Any) -> Any:
    """Validate the parts of a record that are read here; return it unchanged."""
    kind = _kind(record)
    for shapes in (READ, ORIGINS) if kind else ():
        typed(shapes[str(kind)], record)
    return record


def _report_of_segmentation(folder: str, film: SegmentedFilm) -> LineageReport:
    size = " x ".join(map(str, film.shape))
    facts = {
        "volume": f"{film.volume or UNKNOWN}, {size} voxels (z, y, x)",
        "volume hash": film.volume_hash or UNKNOWN,
        "porosity": f"{film.porosity:.4f} by the map{_over_slices(film)}",
        "porosity corrected": corrected_text(film),
        "members": f"{', '.join(film.members)} ({film.model or UNKNOWN})",
        "code": _joined(film.code),
    }
    if film.earlier_code:
        facts["earlier code"] = f"{', '.join(film.earlier_code)}, of a part of the slabs"
    sources: tuple[NamedModel, ...] = (NamedModel(),)
    if film.lineage is not None:
        unknown = (None,) * len(film.lineage)  # where a record lacks names or versions
        parts = zip(film.weights or unknown, film.versions or unknown, film.lineage, strict=True)
        sources = tuple(NamedModel(*entry) for entry in parts)
    last = command_of(film.command, "the segmentation")
    for source in sources:
        if source.registered and "@" in str(source.weights):
            moved = f"where {source.weights} has moved: models:/{source.registered}"
            last = replace(last, note=f"{last.note}; {moved}")
    return LineageReport(folder, facts, sources, film.code, last)


def _over_slices(film: SegmentedFilm) -> str:
    text = by_slices_text(film)
    return f" (were it true, its slices would say {text})" if text else ""


def _report_of_promotion(folder: Path, promoted: PromotedModel) -> LineageReport:
    gate, bundle = promoted.gate, folder / "bundle" / "bundle.json"
    lineage = promoted.lineage
    if lineage is None and bundle.is_file():
        lineage = read_json(bundle, Lineage.in_bundle, remedy=AGAIN)
    elif lineage is None:
        lineage = Lineage.of_bundle({"winner": promoted.winner})
    facts = {
        "promotion": f"version {promoted.version}, {'passed' if gate.passed else 'refused'}",
        "reason": gate.reason,
    }
    model = NamedModel(f"models:/fibsem/{promoted.version}", promoted.version, lineage)
    return LineageReport(str(folder), facts, (model,))


def _rows(facts: Mapping[str, str]) -> list[str]:
    return [f"  {name:12} {value}" for name, value in facts.items()]


def _joined(*parts: Any) -> str:
    return ", ".join(str(value) for value in parts if value is not None) or UNKNOWN


def _run(run_id: str | None) -> str | None:
    return run_id and f"run {run_id}"
