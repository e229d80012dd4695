"""Score the test squares, once, with all models that are compared on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fibsem.analysis.metrics import Confusion, pooled, porosity_error
from fibsem.analysis.statistics import Examined
from fibsem.data.dataset.dataset import Dataset, check_depth
from fibsem.data.dataset.samples import Region
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Segmenter
from fibsem.places import places_of
from fibsem.promotion.calibrating import Reliabilities, calibration_errors, errors_by_sample
from fibsem.promotion.examination import balanced_figures, score_split, squares_with_scores
from fibsem.promotion.setting import Promotion
from fibsem.system.advice import Command
from fibsem.system.identity import same_data
from fibsem.system.records import Figures, Stored
from fibsem.tracking import champions, registry
from fibsem.tracking.bundle import Bundle, find_bundle
from fibsem.training.material.material import Material
from fibsem.training.scoring.squares import SquareCounts, square_counts


@dataclass(frozen=True)
class OnTestSquares(Stored):
    """Scores of models on the test squares, with the champion if there is one.

    Attributes
    ----------
    rows
        Confusion matrices of the squares by model, including ``champion`` if of this dataset.
    balanced, calibration
        Figures on the balanced sample, and calibration errors before and after calibration, by
        model without the champion.
    against, against_run
        Version of the champion and its run, or None without one. The run distinguishes it from
        the same version number in another store; records of earlier versions lack it.
    champion
        ``dataset`` and ``data`` (hash) that the champion was trained on.
    calibration_by_sample
        Calibration errors of each sample, by model; empty in records of earlier versions.
    when
        Time of the scoring, UTC.
    """

    rows: Mapping[str, tuple[SquareCounts, ...]]
    balanced: Mapping[str, Figures]
    calibration: Mapping[str, Figures]
    against: str | None
    champion: Mapping[str, str | None] | None
    calibration_by_sample: Mapping[str, Mapping[str, Figures]] = field(default_factory=dict)
    against_run: str | None = None
    when: str = ""

    def examined(self, model: str) -> Examined:
        """Collect a model's scores after post-processing, for the gate."""
        by_sample: dict[str, list[Confusion]] = {}
        for square in self.rows[model]:
            by_sample.setdefault(square.sample, []).append(square.chosen)
        labelled = [square for square in self.rows[model] if square.chosen.pixels]
        return Examined(
            tuple(square.chosen.miou_of_labelled for square in labelled),
            porosity_error([pooled(confusions) for confusions in by_sample.values()]),
            tuple(places_of(square.spot for square in labelled)),
        )

    def may_replace(self, run_id: str, uri: str) -> list[str]:
        """Return the versions that a run may replace as champion: the compared one and its own.

        The compared version is left out in another store, where its number is another version.
        """
        here = self.against is not None and self.against_run in (
            None, registry.run_of(self.against, uri),
        )  # fmt: skip
        registered = registry.version_of(run_id, uri)
        return [version for version in (self.against if here else None, registered) if version]


def to_beat(promotion: Promotion) -> Bundle | None:
    """Load the champion that a challenger is compared with, or return None without one.

    If the champion was deleted, the previous champion is loaded. Also None, with a warning, if
    ``force`` allows to skip a comparison that is impossible.

    Raises
    ------
    UserError
        If the champion cannot be read, or its field reaches across the gap between the splits,
        unless ``force`` allows a promotion without comparison.
    """
    uri = promotion.tracking.uri
    version = champions.version_to_beat(uri)
    if version is None:
        return None
    try:
        champion = find_bundle(f"models:/{registry.REGISTERED}/{version}", uri)
    except UserError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        _not_compared(
            promotion, f"version {version} cannot be read ({reason})",
            f"{Command('report').at('repoint', 'FOLDER')} where the store was moved", error,
        )  # fmt: skip
        return None
    if n_z := _too_deep(champion, promotion):
        _not_compared(
            promotion, f"version {version} sees {n_z} slices at once, across the gap of "
            f"{promotion.configuration.split.gap} between parts of dense labels (split.gap)",
            f"a sweep with split.gap={n_z - 1} or more",
        )  # fmt: skip
        return None
    return champion


def _not_compared(
    promotion: Promotion, why: str, else_: str, cause: Exception | None = None
) -> None:
    """Warn that ``force`` skips the comparison with the champion; raise an error without it."""
    if not promotion.configuration.gate.force:
        before = champions.version_before(promotion.tracking.uri)
        back = f"rollback=true, which makes version {before} the champion, " if before else ""
        raise UserError(
            f"a challenger must be compared with the champion, but {why}; the choices are "
            f"{back}{else_}, or force=true, which compares with none."
        ) from cause
    promotion.say(f"warning: {why}; force=true: compared with none")


def _is_of(champion: Bundle, dataset: Dataset) -> bool:
    """Whether a champion was made for a dataset, which may have had another name."""
    return champion.dataset == dataset.name or same_data(champion.data, dataset.hash)


def _too_deep(champion: Bundle, promotion: Promotion) -> int | None:
    """Return the slices of a champion's field if it spans the gap between splits, else None."""
    if not _is_of(champion, promotion.dataset):
        return None
    n_z = max(member.spec.nbhd.z for member in champion.segmenter.members)
    try:
        check_depth(promotion.dataset, n_z, promotion.configuration.split)
    except UserError:
        return n_z
    return None


def score_test_squares(
    promotion: Promotion, segmenters: Mapping[str, Segmenter], material: Material
) -> OnTestSquares:
    """Score the test squares with the given models and the champion.

    See :func:`to_beat` for the champion.
    """
    uri, margin = promotion.tracking.uri, promotion.configuration.postprocessing.grid.margin
    champion = to_beat(promotion)
    examined = examine_on_test(segmenters, material, margin, champion)
    if champion is not None and champion.version is not None:
        examined = replace(
            examined, against=champion.version,
            champion={"dataset": champion.dataset, "data": champion.data},
            against_run=registry.run_of(champion.version, uri),
        )  # fmt: skip
    return replace(examined, when=datetime.now(UTC).isoformat(timespec="seconds"))


def examine_on_test(
    segmenters: Mapping[str, Segmenter],
    material: Material,
    margin: int,
    champion: Bundle | None,
) -> OnTestSquares:
    """Score the test squares with all models that are compared on them."""
    theirs = None
    if champion is not None and _is_of(champion, material.dataset):
        theirs = champion.segmenter
        # one margin for all models: with less of it, components at a square's border look smaller
        margin = max(margin, theirs.postprocessing.margin)
    rows: dict[str, tuple[SquareCounts, ...]] = {}
    calibration, by_sample = {}, {}
    for name, segmenter in segmenters.items():
        rows[name], curves = _examined(segmenter, material, margin)
        calibration[name] = calibration_errors([square for _, square in curves])
        by_sample[name] = errors_by_sample(curves)
    if theirs is not None:
        rows["champion"] = tuple(_champions(theirs, material, margin))
    figures = {
        name: balanced_figures(segmenter, material, "test")
        for name, segmenter in segmenters.items()
    }
    return OnTestSquares(rows, figures, calibration, None, None, by_sample)


def _examined(
    segmenter: Segmenter, material: Material, margin: int
) -> tuple[tuple[SquareCounts, ...], list[tuple[Region, Reliabilities]]]:
    """Score the test squares with a model, square by square to save memory."""
    rows, curves = [], []
    for region, square in squares_with_scores(segmenter, material, "test", margin):
        rows.append(square_counts(region, square, segmenter.postprocessing, segmenter.platt))
        curves.append((region, Reliabilities.of(square, segmenter.platt)))
    return tuple(rows), curves


def _champions(champion: Segmenter, material: Material, margin: int) -> list[SquareCounts]:
    """Score the test squares with the champion, which has its own networks and preprocessing."""
    config = replace(material.config, preprocess=champion.recipe, spec=champion.members[0].spec)
    return score_split(champion, Material(material.dataset, config), "test", margin)
