"""The time of a hard budget in a promotion: what a slow machine costs, and what it leaves."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from fibsem.config import Configuration, RankConfig, compose
from fibsem.promotion import final, ranking
from fibsem.promotion.finished import Finished
from fibsem.promotion.planning.pace import TimeLeft
from fibsem.promotion.repetition import Repetition
from fibsem.promotion.setting import Promotion
from fibsem.promotion.trials import Trial
from fibsem.system.files import write_json
from fibsem.training.planning.plan import Plan

#: Two trainings of 50 s, 90 s of ranking before, 30 s of scores behind.
PLAN = Plan(240.0, "abc", 2, 4, 90, 0.1, 2.25, 5.0, ranking_s=90.0, scoring_s=30.0)


@pytest.fixture
def work(small, material, tmp_path):
    """Function (seconds worked) -> a promotion with a hard budget; it says nothing."""
    given = Configuration(compose("promote", small[:2]))
    whole = Promotion(given, material().dataset, tmp_path, SimpleNamespace(), say=lambda line: None)
    return lambda worked_s: replace(whole, pace=TimeLeft(PLAN, lambda: worked_s))


@pytest.fixture
def trials(small):
    trees = [compose("train", [*small, f"model.filters={filters}"]) for filters in (4, 8)]
    return [
        Trial(f"run-{k}", f"{k}", f"{k}", 0.5, 9.0, "s", "p", "c", tree)
        for k, tree in enumerate(trees)
    ]


def test_it_fills_its_budget_by_the_plan():
    assert PLAN.ranking_s + PLAN.seconds + PLAN.scoring_s == pytest.approx(220.0)


@pytest.mark.parametrize(
    ("worked_s", "seeds"), [(0.0, 3), (50.0, 3), (94.0, 3), (96.0, 1), (500.0, 1)]
)
def test_what_a_slow_machine_has_no_time_for_is_not_run_again(
    work, trials, monkeypatch, worked_s, seeds
):
    """Another 30 s need half of them at least beside what the final trainings need.

    A later start has less time, and the same seeds.
    """
    made = []

    def repeat(work, trial, given, *others):
        def make():
            made.append((trial.run_id, given.run.seed))
            return Repetition(given.run.seed, None, {"miou": 0.7})

        folder = work.folder / "rank" / trial.run_id[:8] / f"seed-{given.run.seed}"
        return Finished(folder, work.dataset).once("again", Repetition, make)

    monkeypatch.setattr(ranking, "repeat", repeat)
    said = []
    for seconds in (worked_s, 1000.0):
        late = replace(work(seconds), say=said.append)
        ranked = ranking.rank(late, trials, RankConfig(k=2, seeds=3))
        assert [len(one.repetitions) for one in ranked] == [seeds, seeds]
        assert len(made) == 2 * seeds
    line = "budget_is=hard: the time is kept for the final training, and trials are ordered by 1 of"
    assert [one.startswith(line) for one in said] == ([True, True] if seeds == 1 else [])


@pytest.mark.parametrize(
    ("worked_s", "finished", "limit_s"),
    [(110.0, 0, 45.0), (160.0, 1, 45.0), (150.0, 0, 25.0), (180.0, 1, 25.0), (999.0, 0, 1.0)],
)
def test_final_trainings_share_what_is_left(
    work, trials, monkeypatch, tmp_path, worked_s, finished, limit_s
):
    """Less 30 s of scores, and 5 s in which each begins; a later start keeps the limit."""
    found, left = [], []

    def run_job(job, *others):
        found.append(job.config.train.max_seconds)
        left.append(job.left_s())
        return None, None

    monkeypatch.setattr(final, "run_job", run_job)
    for k in range(finished):
        write_json(tmp_path / "final" / f"other-seed-{k}" / "result.json", {})
    for seconds in (worked_s, worked_s + 7):
        final.final_training(work(seconds), trials[0], 3, "final training")
    assert found == [pytest.approx(limit_s)] * 2
    assert left[0] == pytest.approx(limit_s)  # a later start ends in time nevertheless
    assert left[1] == pytest.approx(max(1.0, limit_s - 7 / (2 - finished)))


def test_without_a_hard_budget_nothing_is_limited(work, trials, monkeypatch):
    found = []
    monkeypatch.setattr(final, "run_job", lambda job, *_: (found.append(job), None))
    final.final_training(replace(work(0), pace=TimeLeft()), trials[0], 3, "final training")
    assert found[0].config.train.max_seconds is None
    assert found[0].left_s() is None
    assert TimeLeft().repeats(3)
