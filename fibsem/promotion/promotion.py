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


def promote(work: Promotion, trials: Sequence[Trial]) -> PromotionSummary:
    """Promote the best of the given trials.

    The test squares are scored only once, which a tag of the run records.
    """
    work = _begun(work, [trial.run_id for trial in trials])
    with work.tracking.cut_off(work.parent):
        if not work.finished.done("test"):
            to_beat(work)  # an error of the champion is raised before the ranking, not after it
        work.say(order_of(len(trials), ranked_by(trials[0].goal, [trial.tree for trial in trials])))
        ranked = rank(work, trials, work.given.rank)
        goal = order_goal(ranked)
        for place, entry in enumerate(ranked, start=1):
            work.say(f"{place}. {entry.sentence(goal)}")
        finals = train(work, ranked, work.given.promotion)
        starts = starts_of(work, [final.material.config for final in finals])
        material, run_id = finals[0].material, finals[0].result.run_id
        chosen = choose(work, [final.member for final in finals], material)
        models = {name: candidate.segmenter for name, candidate in chosen.items()}
        tested = work.finished.once(
            "test", OnTestSquares, lambda: score_test_squares(work, models, material)
        )
        verdict = gate(work, run_id, tested, starts.test_squares)
        work.say(f"gate: {'passed' if verdict.passed else 'refused'}, {verdict.reason}")
        figures = measure(work, models, chosen["challenger"].choice, material, tested)
        views = measure_views(work, models["challenger"], material)
        lineage = work.finished.once("lineage", Lineage, lambda: lineage_of(work, finals, trials))
        challenger = Challenger(
            parent_run_id=work.parent,
            ranking=ranked,
            finals=finals,
            gate=verdict,
            test_squares_learned=starts.test_squares,
            figures=figures,
            symmetry=views,
            lineage=lineage,
        )
        return publish(work, tested, starts, chosen["challenger"], challenger)


def _begun(work: Promotion, run_ids: Sequence[str]) -> Promotion:
    """Claim the folder of a promotion, and begin or resume its run."""
    work.folder.mkdir(parents=True, exist_ok=True)
    settle(work.folder, work.tree, run_ids, work.dataset, work.tracking)
    return replace(work, parent=parent_run(work, len(run_ids)))


def parent_run(work: Promotion, trials: int) -> str:
    """Begin or resume the run of a promotion, the parent of its trainings."""
    notes = FileNotes(work.folder / "parent.json")
    run_id = notes.get("run_id")
    run = run_id and work.tracking.find(run_id)
    if run and metric_names.SIGMA in run.data.metrics:  # a finished run is not changed
        return str(run_id)
    return take_up(
        work.tracking, notes, f"promotion, {trials} trials", work.tree, work.dataset,
        tags={names.COMMAND: names.PROMOTE, names.DATA: work.dataset.hash},
    )  # fmt: skip
