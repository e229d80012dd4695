"""The one look at the test squares: all models that are to be compared on them, at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fibsem.data.dataset import Region
from fibsem.inference.model.segmenter import Segmenter
from fibsem.promotion.calibrating import Reliabilities, calibration_errors, errors_by_sample
from fibsem.promotion.choice import Chosen
from fibsem.promotion.examination import balanced, score_split, squares_with_scores
from fibsem.promotion.setting import Promotion
from fibsem.system.records import typed
from fibsem.tracking import champions, registry
from fibsem.tracking.bundle import Bundle, find_bundle
from fibsem.training.material import Material
from fibsem.training.results import Figures
from fibsem.training.squares import SquareCounts, square_counts


@dataclass(frozen=True)
class Examination:
    """What the test squares say of some models.

    Attributes
    ----------
    rows
        The squares by model, those of a ``champion`` of this dataset among them.
    balanced, calibration
        By model, without the champion: figures on the balanced sample, and the calibration error
        without and with the line of logits.
    calibration_by_sample
        The calibration errors of each sample, by model; none in records that are older.
    """

    rows: Mapping[str, tuple[SquareCounts, ...]]
    balanced: Mapping[str, Figures]
    calibration: Mapping[str, Figures]
    calibration_by_sample: Mapping[str, Mapping[str, Figures]] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """An examination, and whom the challenger was compared with.

    Attributes
    ----------
    examination
        What the test squares say.
    against, against_run
        Version of the champion and its run; None where there was none. The run tells it from
        another store's version of the same number.
    champion
        ``dataset`` and ``data`` (hash) that it was made with.
    when
        Of the look, UTC.
    """

    examination: Examination
    against: str | None
    champion: Mapping[str, str | None] | None
    against_run: str | None = None
    when: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        some = self.examination
        rows = {name: [row.to_json() for row in rows] for name, rows in some.rows.items()}
        record = asdict(replace(self, examination=None))  # type: ignore[arg-type]
        del record["examination"]
        return {
            "rows": rows,
            "balanced": some.balanced,
            "calibration": some.calibration,
            "calibration_by_sample": some.calibration_by_sample,
            **record,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Look:
        """Read what :meth:`to_json` made; older ones do not know the run of the champion."""
        return typed(cls, {**typed(dict[str, Any], record), "examination": record})


def test(work: Promotion, chosen: Mapping[str, Chosen], material: Material) -> Look:
    """Look at the test squares, once: a later start reads what was found."""
    return work.steps.once("test", Look, lambda: _look(work, chosen, material))


def _look(work: Promotion, chosen: Mapping[str, Chosen], material: Material) -> Look:
    version, uri = champions.champion_version(work.tracking.uri), work.tracking.uri
    champion, made_with = None, None
    if version is not None:
        champion = find_bundle(f"models:/{registry.REGISTERED}/{version}", uri)
        made_with = {key: champion.audit.get(key) for key in ("dataset", "data")}
    segmenters = {name: one.segmenter for name, one in chosen.items()}
    margin = chosen["challenger"].margin
    return Look(
        examine_on_test(segmenters, material, margin, champion),
        version,
        made_with,
        None if version is None else registry.run_of(version, uri),
        datetime.now(UTC).isoformat(timespec="seconds"),
    )


def examine_on_test(
    segmenters: Mapping[str, Segmenter],
    material: Material,
    margin: int,
    champion: Bundle | None,
) -> Examination:
    """Score the test squares, once, by all models that are to be compared on them."""
    theirs = None
    if champion is not None and champion.audit.get("dataset") == material.dataset.name:
        theirs = champion.segmenter
        # one for all: with less around a square, components at its border look smaller
        margin = max(margin, theirs.postprocessing.margin)
    rows: dict[str, tuple[SquareCounts, ...]] = {}
    calibration, by_sample = {}, {}
    for name, one in segmenters.items():
        rows[name], curves = _examined(one, material, margin)
        calibration[name] = calibration_errors([square for _, square in curves])
        by_sample[name] = errors_by_sample(curves)
    if theirs is not None:
        rows["champion"] = tuple(_champions(theirs, material, margin))
    figures = {name: balanced(one, material, "test") for name, one in segmenters.items()}
    return Examination(rows, figures, calibration, by_sample)


def _examined(
    segmenter: Segmenter, material: Material, margin: int
) -> tuple[tuple[SquareCounts, ...], list[tuple[Region, Reliabilities]]]:
    """What the test squares say of a model, one by one: the scores of all would be large."""
    rows, curves = [], []
    for region, square in squares_with_scores(segmenter, material, "test", margin):
        rows.append(square_counts(region, square, segmenter.postprocessing, segmenter.platt))
        curves.append((region, Reliabilities.of(square, segmenter.platt)))
    return tuple(rows), curves


def _champions(champion: Segmenter, material: Material, margin: int) -> list[SquareCounts]:
    """The test squares by a champion, which has its own network and preprocessing."""
    config = replace(material.config, preprocess=champion.recipe, spec=champion.members[0].spec)
    return score_split(champion, Material(material.dataset, config), "test", margin)
