"""Whether a challenger may replace the champion: only one that it was compared with, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fibsem.analysis.metrics import porosity_error
from fibsem.analysis.statistics import Examined, Gate, judge
from fibsem.config import GateConfig
from fibsem.data.dataset import Dataset
from fibsem.promotion.decision import decided
from fibsem.promotion.examination import by_sample
from fibsem.promotion.testing import Look
from fibsem.system.identity import same_data
from fibsem.tracking import champions, registry
from fibsem.training.squares import SquareCounts


@dataclass(frozen=True)
class Challenger:
    """A tested model that may become the champion.

    Attributes
    ----------
    config, dataset, folder
        What its promotion asks of it, on which data, and where.
    uri
        Of the store with the champion.
    run_id
        Of its final training.
    tested
        What the test squares say of it and of the champion.
    """

    config: GateConfig
    dataset: Dataset
    folder: Path
    uri: str
    run_id: str
    tested: Look

    @property
    def may_replace(self) -> list[str]:
        """Versions whose place it may take: of the one it was compared with, and its own.

        Another store has another version of the same number.
        """
        against, run_id = self.tested.against, self.tested.against_run
        here = against is not None and run_id in (None, registry.run_of(against, self.uri))
        own = registry.version_of(self.run_id, self.uri)
        return [version for version in (against if here else None, own) if version]


def gate(challenger: Challenger) -> Gate:
    """The verdict on a challenger; where it has been the champion, that by which it became it.

    It is not kept: a promotion that was refused may be given again with another gate.
    """
    former = decided(challenger.folder, challenger.run_id, challenger.uri)
    if former is not None:
        return former
    config, tested = challenger.config, challenger.tested
    judged = verdict(tested.examination.rows, tested.champion, challenger.dataset, config)
    now = champions.champion_version(challenger.uri)
    if now is not None and now not in challenger.may_replace:
        judged = replace(judged, passed=False, reason=_not_compared(now, tested.against))
    if config.force and not judged.passed:
        reason = f"forced by force=true; {judged.reason}"
        judged = replace(judged, passed=True, forced=True, reason=reason)
    return judged


def _not_compared(now: str, against: str | None) -> str:
    compared = f"version {against}" if against else "none"
    return (
        f"the champion is version {now} now, but the comparison was with {compared}; force=true "
        "promotes regardless, another output compares anew"
    )


def verdict(
    rows: Mapping[str, Sequence[SquareCounts]],
    champion: Mapping[str, str | None] | None,
    dataset: Dataset,
    config: GateConfig,
) -> Gate:
    """Challenger against champion, from what was found on the test squares.

    A champion of another dataset cannot be compared; one that was made with other labels or
    another split may have learnt from these squares, which the reason says.

    Parameters
    ----------
    rows
        Of :class:`~fibsem.promotion.testing.Examination`.
    champion
        ``dataset`` and ``data`` (hash) that the champion was made with; None where there was none.
    """
    ours = examined(rows["challenger"])
    if champion is None:
        return Gate(True, "there is no champion yet", None, ours.porosity_error, None)
    if champion["dataset"] != dataset.name:
        reason = (
            f"the champion was made for dataset {champion['dataset']} and cannot be compared; "
            "force=true promotes regardless"
        )
        return Gate(False, reason, None, ours.porosity_error, None)
    theirs = examined(rows["champion"])
    judged = judge(ours, theirs, alpha=config.alpha, most_growth=config.porosity_points / 100)
    notes = [judged.reason, *_doubts(rows["challenger"], champion, dataset)]
    return replace(judged, reason="; ".join(notes))


def _doubts(
    rows: Sequence[SquareCounts], champion: Mapping[str, str | None], dataset: Dataset
) -> list[str]:
    """What makes a comparison say less than its p-value."""
    doubts = []
    places = {(row.sample, *row.at[1:]) for row in rows}
    if len(places) < len(rows):
        doubts.append(
            f"the squares lie in {len(places)} places of neighbouring slices, which are not "
            "independent: p says more than they know"
        )
    if not same_data(champion["data"], dataset.hash):
        doubts.append("the champion was made with other labels or another split")
    return doubts


def examined(rows: Sequence[SquareCounts]) -> Examined:
    """What the gate wants to know of the test squares of one model."""
    mious = tuple(row.chosen.miou for row in rows)
    return Examined(mious, porosity_error(by_sample(rows).values()))
