"""What is made of a promotion for others: tables, pictures, bundle, registered version, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fibsem.analysis.statistics import Gate
from fibsem.promotion.begun import Begun
from fibsem.promotion.choice import Chosen
from fibsem.promotion.decision import decide, decided
from fibsem.promotion.final import Final
from fibsem.promotion.release import registry_tags, segment_samples, write_bundle
from fibsem.promotion.report import draw, write_tables
from fibsem.promotion.setting import Promotion
from fibsem.promotion.steps import PROMOTION
from fibsem.promotion.testing import Look
from fibsem.tracking import champions, names, registry
from fibsem.tracking.packaging import example_of
from fibsem.training.datasets import check_unchanged


def publish(
    work: Promotion, tested: Look, gate: Gate, finals: Sequence[Final], begun: Begun,
    chosen: Chosen, record: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Report, register and log a challenger, and segment its data with it.

    Returns
    -------
    dict
        The record of ``summary.json``: ``record`` with what is known of the version and of the
        volumes.

    Raises
    ------
    UserError
        If data were changed under it: nothing is registered then, or a film not segmented.
    """
    figures, tables = draw(work, finals, chosen), write_tables(record, work.folder / "tables")
    bundle, run_id, uri = work.folder / "bundle", record["run_id"], work.tracking.uri
    write_bundle(bundle, chosen.segmenter, finals, begun, record)
    check_unchanged(work.dataset, PROMOTION)
    code, miou = record["lineage"]["code"], record["test_all"]["miou"]
    tags = registry_tags(work.dataset, gate, code, miou)
    version = register(work, run_id, bundle, gate, tags, tested.may_replace(run_id, uri))
    champion = champions.champion_version(uri) == version
    record = {**record, "bundle": str(bundle), "version": version, "champion": champion}
    log_record(work, record, {"tables": tables, "figures": figures}, finals[0].result.epochs)
    wanted = work.tree["segment"]
    samples = segment_samples(work, bundle, version, run_id) if wanted else {}
    return {**record, "samples": samples}


def register(
    work: Promotion, run_id: str, bundle: Path, gate: Gate, tags: Mapping[str, object],
    may_replace: Sequence[str],
) -> str:  # fmt: skip
    """Register the bundle once, and make it the champion if the gate passed; returns its version.

    Raises
    ------
    UserError
        If meanwhile another champion was made than those that it ``may_replace``.
    """
    uri, version = work.tracking.uri, registry.version_of(run_id, work.tracking.uri)
    if version is None:
        example = example_of(work.dataset.samples[0].volume)
        version = registry.register(bundle, run_id, uri, tags, example=example)
    registry.note_verdict(version, uri, tags, bundle)  # another gate may have said otherwise
    # once: repeated after a rollback, the command does not make it the champion again
    if gate.passed and decided(work.folder, run_id, uri) is None:
        champions.make_champion(
            version, uri, gate.reason, "forced" if gate.forced else "promoted",
            instead_of=None if gate.forced else may_replace,
        )  # fmt: skip
        decide(work.folder, version, gate)
    return version


def log_record(
    work: Promotion, record: dict[str, Any], files: Mapping[str, Sequence[Path]], epochs: int
) -> None:
    """Files by folder, and metrics, once, on the run of the final training and the promotion's.

    That of the training has its own curve of ``val``, on which an ensemble's would lie. Where both
    have a figure it is the promotion's that is shown: it is logged behind the last of ``epochs``.
    """
    run_id, tracking = record["run_id"], work.tracking
    if not tracking.logged_steps(run_id, names.SIGMA):
        for folder, paths in files.items():
            for path in paths:
                tracking.log_file(run_id, path, folder)
    own = names.grouped("val", record["val"])
    for run, metrics in ((run_id, _metrics(record)), (work.parent, _metrics(record) | own)):
        if not tracking.logged_steps(run, names.SIGMA):
            tracking.tag(run, {names.TEST: names.SCORED})
            tracking.log_metrics(run, metrics, step=epochs if run == run_id else 0)
        tracking.close(run)  # a kill may have come between its figures and its end


def _metrics(record: dict[str, Any]) -> dict[str, float]:
    metrics = {key: float(value) for key, value in record["postprocessing"].items()}
    metrics = names.grouped("postprocessing", metrics)
    for group in ("test", "train_all", "val_all", "test_all"):
        metrics |= names.grouped(group, record[group])
    return metrics
