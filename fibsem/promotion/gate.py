"""Decide whether a challenger replaces the champion that it was compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fibsem.analysis.statistics import Examined, judge
from fibsem.config import GateConfig
from fibsem.data.dataset.dataset import Dataset
from fibsem.promotion.decision import decided
from fibsem.promotion.setting import Promotion
from fibsem.promotion.testing import OnTestSquares
from fibsem.system.identity import same_data
from fibsem.system.summaries.promotion import Gate
from fibsem.tracking import champions
from fibsem.training.beginning.origin import EITHER, too_good


def gate(promotion: Promotion, run_id: str, tested: OnTestSquares, learned: int | None = 0) -> Gate:
    """Return the verdict on a challenger; a verdict that once made it the champion is kept.

    Refusals are not stored, so that the promotion may be started again with another gate.

    Parameters
    ----------
    promotion, run_id
        The promotion, and the run of its final training.
    tested
        Scores of challenger and champion on the test squares.
    learned
        Number of test squares that its starting models were trained on, or None if unknown.
    """
    config, uri = promotion.configuration.gate, promotion.tracking.uri
    former = decided(promotion.folder, run_id, uri)
    if former is not None:
        return former
    theirs = tested.examined("champion") if "champion" in tested.rows else None
    judged = verdict(
        tested.examined("challenger"), theirs, tested.champion, promotion.dataset, config
    )
    if doubt := too_good(learned, len(tested.rows["challenger"]), EITHER):
        judged = replace(judged, reason=f"{judged.reason}; {doubt}")
    now = champions.champion_version(uri)
    if now is None and tested.against is not None:
        judged = replace(judged, reason=f"{judged.reason}; {_vacant(tested.against)}")
    if now is not None and now not in tested.may_replace(run_id, uri):
        judged = replace(judged, passed=False, reason=_not_compared(now, tested.against))
    if config.force and not judged.passed:
        reason = f"forced by force=true; {judged.reason}"
        judged = replace(judged, passed=True, forced=True, reason=reason)
    return judged


def _vacant(against: str) -> str:
    return (
        f"there is no champion, for the last one was deleted: the comparison was with version "
        f"{against}, which rollback=true makes champion again"
    )


def _not_compared(now: str, against: str | None) -> str:
    compared = f"version {against}" if against else "none"
    return (
        f"the champion is version {now} now, but the comparison was with {compared}; force=true "
        "promotes regardless, another output compares anew"
    )


def verdict(
    ours: Examined,
    theirs: Examined | None,
    champion: Mapping[str, str | None] | None,
    dataset: Dataset,
    config: GateConfig,
) -> Gate:
    """Compare challenger and champion by their scores on the test squares.

    A champion of another dataset was not scored. A champion that was trained with other labels
    or another split may have learned from these test squares, which is added to the reason.

    Parameters
    ----------
    ours, theirs
        Scores of challenger and champion on the test squares; None if it was not scored.
    champion
        ``dataset`` and ``data`` (hash) that the champion was trained on, or None without one.
    """
    if champion is None:
        return Gate(True, "there is no champion yet", None, ours.porosity_error, None)
    if theirs is None:
        reason = (
            f"the champion was made for dataset {champion['dataset']} and cannot be compared; "
            "force=true promotes regardless"
        )
        return Gate(False, reason, None, ours.porosity_error, None)
    judged = judge(ours, theirs, alpha=config.alpha, most_growth=config.porosity_points / 100)
    if same_data(champion["data"], dataset.hash):
        return judged
    doubt = "the champion was made with other labels or another split"
    return replace(judged, reason=f"{judged.reason}; {doubt}")
