"""Publish a promotion: tables, figures, bundle, registered version, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fibsem.promotion.choice import Chosen
from fibsem.promotion.decision import decide, decided
from fibsem.promotion.figures import ChallengerFigures
from fibsem.promotion.finished import PROMOTION
from fibsem.promotion.record import Challenger
from fibsem.promotion.release import registry_tags, segment_samples, write_bundle
from fibsem.promotion.report import draw, write_tables
from fibsem.promotion.setting import Promotion
from fibsem.promotion.starts import Starts
from fibsem.promotion.testing import OnTestSquares
from fibsem.system import metric_names
from fibsem.system.summaries.promotion import Gate, PromotionSummary
from fibsem.tracking import champions, names, registry
from fibsem.tracking.packaging import example_of
from fibsem.training.material.datasets import check_unchanged


def publish(
    promotion: Promotion,
    tested: OnTestSquares,
    starts: Starts,
    chosen: Chosen,
    challenger: Challenger,
) -> PromotionSummary:
    """Write reports of a challenger, register it, log its metrics, and segment its dataset.

    Raises
    ------
    UserError
        If data have changed meanwhile: nothing is registered, or a film's results are not logged.
    """
    finals, gate = challenger.finals, challenger.gate
    figures = draw(promotion, chosen, challenger)
    tables = write_tables(challenger, promotion.folder / "tables")
    bundle, run_id, uri = promotion.folder / "bundle", challenger.run_id, promotion.tracking.uri
    write_bundle(bundle, chosen.segmenter, starts, challenger)
    check_unchanged(promotion.dataset, PROMOTION)
    code = challenger.lineage.code
    tags = registry_tags(promotion.dataset, gate, code, challenger.test_all["miou"])
    version = register(promotion, run_id, bundle, gate, tags, tested.may_replace(run_id, uri))
    champion = champions.champion_version(uri) == version
    epochs = finals[0].result.epochs
    log_figures(
        promotion, run_id, challenger.figures, {"tables": tables, "figures": figures}, epochs
    )
    films = (
        segment_samples(promotion, bundle, version, run_id)
        if promotion.configuration.promotion.segment
        else {}
    )
    return challenger.summary(bundle, version, champion, films)


def register(
    promotion: Promotion, run_id: str, bundle: Path, gate: Gate, tags: Mapping[str, object],
    may_replace: Sequence[str],
) -> str:  # fmt: skip
    """Register the bundle once, make it the champion if the gate passed, and return its version.

    Raises
    ------
    UserError
        If the current champion is not among the versions that it ``may_replace``.
    """
    uri, version = promotion.tracking.uri, registry.version_of(run_id, promotion.tracking.uri)
    if version is None:
        example = example_of(promotion.dataset.samples[0].volume)
        version = registry.register(bundle, run_id, uri, tags, example=example)
    registry.note_verdict(version, uri, tags, bundle)  # an earlier start may have had another gate
    # only once: after a rollback the same command must not make it the champion again
    if gate.passed and decided(promotion.folder, run_id, uri) is None:
        champions.make_champion(
            version, uri, gate.reason, "forced" if gate.forced else "promoted",
            instead_of=None if gate.forced else may_replace,
        )  # fmt: skip
        decide(promotion.folder, version, gate)
    return version


def log_figures(
    promotion: Promotion, run_id: str, figures: ChallengerFigures,
    files: Mapping[str, Sequence[Path]], epochs: int,
) -> None:  # fmt: skip
    """Log files and metrics on the run of the final training and on the run of the promotion.

    The run of the training has curves of ``val`` by epoch. Figures of the promotion with the same
    names are logged after the last of ``epochs``, so that MLflow shows them as the latest.
    """
    tracking = promotion.tracking
    if not tracking.logged_steps(run_id, metric_names.SIGMA):
        for folder, paths in files.items():
            for path in paths:
                tracking.log_file(run_id, path, folder)
    val = metric_names.grouped("val", figures.val)
    for run, metrics in ((run_id, figures.metrics), (promotion.parent, figures.metrics | val)):
        if not tracking.logged_steps(run, metric_names.SIGMA):
            tracking.tag(run, {names.TEST: names.SCORED})
            tracking.log_metrics(run, metrics, step=epochs if run == run_id else 0)
        tracking.close(run)  # a kill may have come between logging and ending
