"""A promotion, step by step: rank, train, choose, test, gate, publish.

Every step stores its result in the promotion's folder, so that the same command, started again,
continues after the last finished step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fibsem.promotion.choice import choose
from fibsem.promotion.figures import measure
from fibsem.promotion.final import train
from fibsem.promotion.folder import settle
from fibsem.promotion.gate import gate
from fibsem.promotion.publishing import publish
from fibsem.promotion.ranking import order_goal, order_of, rank
from fibsem.promotion.record import Challenger
from fibsem.promotion.release import lineage_of
from fibsem.promotion.setting import Promotion
from fibsem.promotion.starts import starts_of
from fibsem.promotion.symmetry import measure_views
from fibsem.promotion.testing import OnTestSquares, score_test_squares, to_beat
from fibsem.promotion.trials import Trial, ranked_by
from fibsem.system import metric_names
from fibsem.system.summaries import PromotionSummary
from fibsem.system.summaries.lineage import Lineage
from fibsem.tracking import names
from fibsem.tracking.run_notes import FileNotes, take_up


def promote(promotion: Promotion, trials: Sequence[Trial]) -> PromotionSummary:
    """Promote the best of the given trials.

    The test squares are scored only once, which a tag of the run records.
    """
    promotion = _begun(promotion, [trial.run_id for trial in trials])
    with promotion.tracking.cut_off(promotion.parent):
        if not promotion.finished.done("test"):
            to_beat(promotion)  # an error of the champion is raised before the ranking
        ranked_as = ranked_by(trials[0].goal, [trial.tree for trial in trials])
        promotion.say(order_of(len(trials), ranked_as))
        ranked = rank(promotion, trials, promotion.configuration.rank)
        goal = order_goal(ranked)
        for k, entry in enumerate(ranked, start=1):
            promotion.say(f"{k}. {entry.sentence(goal)}")
        finals = train(promotion, ranked, promotion.configuration.promotion)
        starts = starts_of(promotion, [final.material.config for final in finals])
        material, run_id = finals[0].material, finals[0].result.run_id
        chosen = choose(promotion, [final.member for final in finals], material)
        models = {name: candidate.segmenter for name, candidate in chosen.items()}
        tested = promotion.finished.once(
            "test", OnTestSquares, lambda: score_test_squares(promotion, models, material)
        )
        verdict = gate(promotion, run_id, tested, starts.test_squares)
        promotion.say(f"gate: {'passed' if verdict.passed else 'refused'}, {verdict.reason}")
        figures = measure(promotion, models, chosen["challenger"].choice, material, tested)
        views = measure_views(promotion, models["challenger"], material)
        lineage = promotion.finished.once(
            "lineage", Lineage, lambda: lineage_of(promotion, finals, trials)
        )
        challenger = Challenger(
            parent_run_id=promotion.parent,
            ranking=ranked,
            finals=finals,
            gate=verdict,
            test_squares_learned=starts.test_squares,
            figures=figures,
            symmetry=views,
            lineage=lineage,
        )
        return publish(promotion, tested, starts, chosen["challenger"], challenger)


def _begun(promotion: Promotion, run_ids: Sequence[str]) -> Promotion:
    """Claim the folder of a promotion, and begin or resume its run."""
    promotion.folder.mkdir(parents=True, exist_ok=True)
    settle(promotion.folder, promotion.tree, run_ids, promotion.dataset, promotion.tracking)
    return replace(promotion, parent=parent_run(promotion, len(run_ids)))


def parent_run(promotion: Promotion, trials: int) -> str:
    """Begin or resume the run of a promotion, the parent of its trainings."""
    notes = FileNotes(promotion.folder / "parent.json")
    run_id = notes.get("run_id")
    run = run_id and promotion.tracking.find(run_id)
    if run and metric_names.SIGMA in run.data.metrics:  # a finished run is not changed
        return str(run_id)
    return take_up(
        promotion.tracking, notes, f"promotion, {trials} trials", promotion.tree, promotion.dataset,
        tags={names.COMMAND: names.PROMOTE, names.DATA: promotion.dataset.hash},
    )  # fmt: skip
