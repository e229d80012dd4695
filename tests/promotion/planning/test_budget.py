"""A budget of a promotion: what it goes over, and what its plan sets of the final training."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from fibsem.config import (
    Configuration,
    RankConfig,
    command_line,
    compose,
    read,
)
from fibsem.data.dataset.manifest import load_dataset
from fibsem.errors import UserError
from fibsem.promotion.candidates import Candidate, Candidates
from fibsem.promotion.final import final_configuration
from fibsem.promotion.folder import settle
from fibsem.promotion.planning import budget
from fibsem.promotion.planning.budget import (
    cut_of,
    plan_promotion,
    shorter,
    trained_anew,
    values,
)
from fibsem.system.files import write_json
from fibsem.system.summaries.budget import CutOff
from fibsem.training.planning.plan import Plan, RankingPlan
from fibsem.training.planning.plan_file import PlanFile
from fibsem.training.planning.planned import planned as plan_kept
from fibsem.training.planning.probing import Probe
from fibsem.training.planning.sentence import sentence
from fibsem.training.results import Epoch, TrialResult

PLAN = Plan(600.0, "abc", 2, 7, 30, 0.1, 0.2, 5.0)

#: Seconds of an epoch and of all; an older version told none of an epoch, a store may lose both.
TOOK = {"gone": (0.0, 0.0), "old": (0.0, 10.0), "quick": (1.0, 20.0), "slow": (3.0, 30.0),
        "forest": (9.0, 9.0)}  # fmt: skip


def trees_of(names, small):
    """What the trials of these names were trained with."""
    how = {"forest": [*small[:2], "model=forest", "train.share=0.02", "train.min_steps=0"]}
    return {name: compose("train", how.get(name, small)) for name in names}


def test_the_quick_promotion_trains_no_trial_anew():
    """Else a budget as long as the sweep's would not pay for its ranking."""
    tree = compose("promote", ["experiment=quick"])
    assert tree["budget"] == "10min"
    assert read(RankConfig, tree["rank"], "rank").k == 1


@pytest.mark.parametrize("limit", [None, 99.0])
def test_a_plan_sets_the_final_training(small, limit):
    tree = compose("train", [*small, "train.schedule=step"])
    promotion = Configuration(compose("promote", small[:2]))
    planned = promotion.with_values(values(PLAN, limit))
    how = final_configuration(tree, planned.tree, seed=3).run.train
    assert (how.epochs, how.steps, how.schedule, how.max_seconds) == (7, 30, "cosine", limit)
    plain = final_configuration(tree, promotion.tree, seed=3).run.train
    assert (plain.epochs, plain.steps, plain.schedule) == (60, 4, "step")


@pytest.fixture
def planned(material, small, monkeypatch):
    """Function (trials, *overrides) -> the plan of a promotion, and the seeds of what was timed."""
    timed = []

    def probe(material, _):
        timed.append(material.config.seed)
        return Probe(0.75, 0.2, 5.0, 1e-6)  # as long as in the slow trial, of four steps an epoch

    monkeypatch.setattr(budget, "probe", probe)
    monkeypatch.setattr(budget, "search_s", lambda *_: 40.0)

    def plan(names, *given, typed=(), trained=()):
        line = [*small[:2], *given, *typed]
        tree = {**compose("promote", line), "command": command_line("promote", typed)}
        promotion = Configuration(tree)
        candidates = of_trials(names, promotion, [*small, *trained])
        spent_s = 60 - budget.PUBLISHED_S - (budget.OPENED_S if promotion.tree["segment"] else 0)
        begun, dataset = time.perf_counter() - spent_s, material().dataset
        return plan_promotion(promotion, candidates, dataset, begun, 900.0), timed

    return plan


def test_a_budget_is_planned_by_the_slowest_that_may_be_trained(planned):
    """Its epochs take the longest; the first trial may be a smaller network."""
    assert planned(["gone", "old", "quick", "slow"])[1] == [3]
    assert planned(["slow", "gone"])[1] == [3, 0]


def test_a_budget_is_planned_by_networks_whoever_is_first(planned):
    """A forest is fitted at once, however long that takes."""
    for names in (["forest", "quick"], ["quick", "forest"]):
        plan, timed = planned(names, "rank.seeds=1")
        assert timed[-1] == names.index("quick")
        assert plan.steps > 0


def test_forests_alone_have_no_plan(small):
    promotion = Configuration(compose("promote", small[:2])).with_values(values(PLAN, 9.0))
    assert of_trials(["forest"], promotion, small).slowest is None


def test_what_ranks_takes_as_long_as_it_took_in_the_sweep(planned):
    """None is trained again where there is only the best."""
    for trials, ranking_s in ((["gone", "old", "quick", "slow"], 2 * 60 + 8 * 5), (["slow"], 0)):
        plan, _ = planned(trials, "rank.seeds=2", "candidates=1")
        left_s = 900 - 60 - 40 - ranking_s
        assert 0.98 * left_s < plan.seconds < left_s
        assert plan.ranking_s == pytest.approx(ranking_s, abs=0.5)
        assert plan.scoring_s == pytest.approx(40 + budget.PUBLISHED_S + budget.OPENED_S, abs=0.5)
        anew = "4 trials anew with 2 seeds 3 min, scores and" in sentence(plan)
        assert anew == bool(ranking_s)
        assert ("no trial is trained anew" in sentence(plan)) != anew


@pytest.mark.parametrize(("step_s", "times"), [(0.75, 1), (1.5, 2), (0.25, 1 / 3)])
def test_what_ranks_is_as_slow_as_the_machine_is_now(planned, monkeypatch, step_s, times):
    """Four steps an epoch; tracing is in the seconds of the sweep, and is not counted again."""
    monkeypatch.setattr(budget, "probe", lambda *_: Probe(step_s, 0.2, 5.0, 1e-6, traced_s=3.0))
    plan, _ = planned(["quick", "slow"], "rank.seeds=2")
    assert plan.ranking_s == pytest.approx(2 * (times * (20 + 30) + 2 * 2.0), abs=0.5)
    assert plan.seconds < 900 - 60 - plan.ranking_s - 40


@pytest.mark.parametrize(
    ("given", "trainings"),
    [((), 2), (("candidates=1", "ensemble=3"), 3), (("candidates=9",), 2),
     (("ensemble=3", "ensemble_of=architectures"), 3)],
)  # fmt: skip
def test_what_is_left_is_shared_by_the_final_trainings(planned, given, trainings):
    plan, _ = planned(["quick", "slow"], "rank.seeds=2", *given)
    assert plan.trials == trainings
    left_s = 900 - 60 - 40 - 2 * (20 + 30 + 2 * 5)
    assert 0.9 * left_s < plan.seconds < left_s


def test_an_ensemble_leaves_less_of_a_budget_to_its_trainings(planned, monkeypatch):
    """Where a pixel takes its time: five members and eight views go over the volumes."""
    monkeypatch.setattr(budget, "probe", lambda *_: Probe(0.1, 0.2, 5.0, 1e-4))
    how = "candidates=1", "ensemble=2", "segmentation.symmetry=8", "segment="
    (without, _), (whole, _) = (planned(["slow"], *how[:3], how[3] + x) for x in ("false", "true"))
    pixels_s = budget.WRITTEN * 1e-4 * 16 * 6 * 160 * 176
    assert without.seconds - whole.seconds == pytest.approx(pixels_s, rel=0.05)
    assert without.seconds < 900 - 60 - 2 * 40  # the search is made for the first member, too


def test_another_budget_leaves_the_plan_that_a_promotion_goes_on_by(tiny, small, tmp_path):
    """Both have the same folder by default; in the order in which `promote` calls."""
    dataset, tracking = load_dataset(tiny), SimpleNamespace()

    def begin(seconds):
        given = Configuration(compose("promote", [*small[:2], f"budget={seconds:g}s"]))
        made = replace(PLAN, data=dataset.hash, budget_s=seconds)
        given, plan = plan_kept(
            given, PlanFile(tmp_path, dataset.hash), lambda _: made, values=values
        )
        settle(tmp_path, given.tree, ["t1"], dataset, tracking)
        return plan

    plan, kept = begin(600), (tmp_path / "plan.json").read_bytes()
    with pytest.raises(UserError, match=r"`budget` must be that of the results in .*, 600s, but"):
        begin(1200)
    assert (tmp_path / "plan.json").read_bytes() == kept
    assert begin(600) == plan


def test_what_a_hard_budget_cut_off_of_final_trainings_is_said(tmp_path, capsys):
    for name, epochs in (("a-seed-0", 7), ("b-seed-0", 3)):
        history = tuple(Epoch(k, 0.1, 0.4, {"loss": 0.4}, 1.0, 0.1, {}) for k in range(epochs))
        result = TrialResult(name, {"loss": 0.4}, history, 0, 1.5, 20, 9, {})
        write_json(tmp_path / "final" / name / "result.json", result.to_json())
    write_json(tmp_path / "rank" / "a" / "seed-1000" / "again.json", {"seed": 1000})
    assert cut_of(PLAN, tmp_path, 6) == CutOff(not_begun=0, ended_early=1, not_repeated=5)
    said = "budget_is=hard cut off what was late: 1 of 2 ended after 3 of 7 epochs\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("typed", ["segment=true", "segment=false", "force=true"])
def test_a_budget_too_short_says_that_volumes_can_wait_where_they_do_not(
    planned, monkeypatch, typed
):
    """168 960 pixels of volume, 0.13 s each, and 25 920 labelled ones, 0.1 s."""
    monkeypatch.setattr(budget, "probe", lambda *_: Probe(0.1, 0.2, 5.0, 0.1))
    with pytest.raises(
        UserError, match=r"`budget` must be at least .* or a smaller net"
    ) as refused:
        planned(["slow"], typed=[typed])
    said = "segment=false (leaves 6.1 h of whole volumes for later)"
    assert (said in str(refused.value)) == (typed == "segment=true")


@pytest.mark.parametrize(
    ("pixel_s", "epochs", "typed", "wait"),
    [
        (2.7e-3, 500, [], True),  # ten minutes of volumes leave 75 s to trainings
        (2.7e-3, 500, ["segment=true"], False),
        (2.7e-3, 1, [], False),  # which is as long as in the sweep
        (2.7e-4, 500, [], False),  # a minute of them
        (4e-3, 500, [], True),  # nothing would be left
    ],
    ids=["long", "typed", "short trials", "quick", "too long"],
)
def test_volumes_wait_where_they_would_take_the_time_of_trainings(
    planned, monkeypatch, capsys, pixel_s, epochs, typed, wait
):
    probed = []

    def probe(*_):
        probed.append(pixel_s)
        return Probe(0.75, 0.2, 5.0, pixel_s)

    monkeypatch.setattr(budget, "probe", probe)
    trained = [f"train.epochs={epochs}", "train.steps=4"]
    plan, _ = planned(["slow"], typed=typed, trained=trained)
    said = capsys.readouterr().out
    assert len(probed) == 1  # whichever way it is shared out
    volumes_s = budget.OPENED_S + budget.WRITTEN * pixel_s * 6 * 160 * 176
    assert plan.waiting_s == pytest.approx(volumes_s if wait else 0.0)
    assert values(plan, None).get("segment", True) is not wait
    assert "segment" not in values(plan, None, typed=["segment"])
    assert ("; whole volumes, about" in sentence(plan)) == wait
    assert ("segment=false" in said) == (not wait and epochs == 500)
    assert Plan.from_json(plan.to_json()) == plan
    if wait:
        alone, _ = planned(["slow"], typed=["segment=false"], trained=trained)
        assert plan.steps * plan.epochs == pytest.approx(alone.steps * alone.epochs, rel=0.02)
        assert plan.seconds + plan.scoring_s < 900 - 40


def test_a_plan_of_a_version_before_segments_its_volumes():
    before = PLAN.to_json()
    del before["waiting_s"]
    assert "segment" not in values(Plan.from_json(before), None)


def small_training(small, epochs, steps):
    """A training of so many steps."""
    tree = compose("train", [*small, f"train.epochs={epochs}", f"train.steps={steps}"])
    return Configuration(tree).run.train


@pytest.mark.parametrize(("epochs", "said"), [(18, True), (1, False)])
def test_a_final_training_that_is_shorter_than_its_trial_is_said(planned, small, epochs, said):
    """The volumes of large films leave seconds to it, and a first model is champion anyway."""
    plan, _ = planned(["slow"])
    trained = small_training(small, epochs=epochs * plan.epochs, steps=plan.steps)
    line = shorter(plan, [trained], None, ["segment=false (leaves 9 min)"])
    steps = plan.epochs * plan.steps
    told = f"warning: final training: {steps} steps, and up to {18 * steps} in the sweep; a longer "
    assert line == (f"{told}budget, segment=false (leaves 9 min)" if said else None)


@pytest.mark.parametrize(
    ("seconds", "given", "trials", "seeds"),
    [
        (900, (), 3, 3),
        (60, (), 3, 2),  # as many trainings as there is time for: of 5, 10 and 15 s each
        (50, (), 2, 3),
        (30, (), 2, 2),
        (15, (), 2, 1),
        (14, (), 1, 1),  # the best one is taken as it is
        (14, ("rank.k=3",), 3, 1),
        (14, ("rank.seeds=3",), 1, 3),
        (14, ("rank.k=3", "rank.seeds=3"), 3, 3),  # what was typed stays, and is refused elsewhere
        (20, ("ensemble=3", "ensemble_of=architectures"), 3, 1),
    ],
)
def test_what_ranks_takes_no_more_than_there_is_time_for(small, seconds, given, trials, seeds):
    promotion = typed_promotion(small, *given)
    found = trained_anew(promotion, 1, [5.0, 10.0, 15.0], seconds)
    assert found == RankingPlan(trials, seeds)


@pytest.mark.parametrize(
    ("names", "given", "trials"),
    [(["forest", "quick", "slow"], (), 2), (["quick", "slow", "gone"], ("candidates=2",), 2),
     (["quick", "slow", "gone"], ("candidates=9",), 3)],
)  # fmt: skip
def test_a_ranking_keeps_a_network_and_as_many_trials_as_candidates_were_typed(
    small, names, given, trials
):
    promotion = typed_promotion(small, *given)
    fewest = of_trials(names, promotion, small).fewest
    assert trained_anew(promotion, fewest, [5.0, 10.0, 15.0], 1.0) == RankingPlan(trials, 1)


def typed_promotion(small, *given):
    line = [*small[:2], *given]
    return Configuration({**compose("promote", line), "command": command_line("promote", line)})


def of_trials(names, promotion, small):
    """Candidates of these names, each with its number as the seed of its final training."""
    made, trees = [], trees_of(names, small)
    for k, name in enumerate(names):
        final = final_configuration(trees[name], promotion.tree, k).run
        made.append(Candidate(name, Configuration(trees[name]).run.train, final, *TOOK[name]))
    return Candidates(made)


def test_a_ranking_takes_half_of_what_is_left_and_finals_follow_its_trials(planned, monkeypatch):
    """Three times as slow, a ranking left nine tenths of a minute to the networks that are used."""
    monkeypatch.setattr(budget, "probe", lambda *_: Probe(7.5, 0.2, 5.0, 1e-6))
    plan, _ = planned(["quick", "slow"])
    assert plan.ranked == RankingPlan(1, 1)
    assert (plan.ranking_s, plan.trials) == (0.0, 1)
    assert "; no trial is trained anew" in sentence(plan)
    assert Plan.from_json(plan.to_json()) == plan
    assert values(plan, None).items() > {"rank.k": 1, "rank.seeds": 1}.items()
    assert "rank.k" not in values(plan, None, mixed=True)  # the best of each architecture is there


def test_a_plan_is_of_the_slowest_network_that_is_trained(planned, monkeypatch):
    """The best one had a tenth of the steps that fit, where the third was ten times as slow."""
    timed = []

    def probe(material, _):
        timed.append(material.config.seed)
        return Probe(7.5 if material.config.seed == 1 else 0.2, 0.2, 5.0, 1e-6)

    monkeypatch.setattr(budget, "probe", probe)
    plan, _ = planned(["quick", "slow"])
    assert (timed, plan.ranked.trials) == ([1, 0], 1)
    assert plan.step_s == 0.2
    assert plan.steps * plan.epochs * 0.2 > 500
