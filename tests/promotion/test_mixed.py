"""One model of several architectures: from a sweep over both to the labels of a volume."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fibsem import promote, segment, sweep
from fibsem.config import Configuration, PromoteConfig, compose
from fibsem.errors import UserError
from fibsem.promotion import final
from fibsem.promotion.ranking import Ranked
from fibsem.promotion.trials import Trial
from fibsem.tracking.bundle import find_bundle
from fibsem.training.scoring.objectives import Objective
from tests.conftest import labels

MIXED = ["ensemble=2", "ensemble_of=architectures"]


def trial(run_id, name):
    return Trial(
        run_id,
        run_id,
        "0",
        0.5,
        None,
        "s",
        "p",
        "c",
        {"model": {"name": name}, "train": {"steps": None}},
    )


def trained_as(trial, seed, loss=0.5, miou=0.5, all_=None):
    """A final training that came to these figures."""
    val = {"loss": loss, "miou": miou}
    result = SimpleNamespace(groups={"val": val, "val_all": all_ and {"miou": all_}})
    return final.Final(trial, SimpleNamespace(config=SimpleNamespace(seed=seed)), result, None)


@pytest.mark.parametrize(
    ("goal", "wins"),
    [("val/loss", "a"), ("val/miou", "b"), ("val_all/miou", "c"),
     ("cost/seconds_per_gigapixel", "b")],
)  # fmt: skip
def test_the_winner_is_best_by_the_objective_of_the_sweep(monkeypatch, goal, wins):
    """Of what networks cost, by the mIoU on balanced pixels."""
    figures = {"a": (0.1, 0.5, 0.5), "b": (0.3, 0.7, 0.6), "c": (0.2, 0.6, 0.7)}
    monkeypatch.setattr(
        final, "final_training",
        lambda work, trial, seed, text: trained_as(trial, seed, *figures[trial.run_id]),
    )  # fmt: skip
    ranked = [Ranked(replace(trial(name, "2dcnn"), goal=Objective.named(goal))) for name in figures]
    lines = []
    work = SimpleNamespace(configuration=Configuration(compose("promote", [])), say=lines.append)
    finals = final.train(work, ranked, PromoteConfig(candidates=3))
    assert [one.trial.run_id for one in finals] == [wins]
    said = "val/miou" if goal.startswith("cost") else goal
    assert lines[-1].startswith(f"final training: {said} 0.")


def test_the_best_ranked_of_each_architecture_is_a_candidate(monkeypatch):
    """With trainings that take no time."""
    ranked = [Ranked(trial(*one)) for one in (("a", "unet"), ("b", "unet"), ("c", "2dcnn"))]
    monkeypatch.setattr(
        final, "final_training",
        lambda work, trial, seed, text: trained_as(trial, seed),
    )  # fmt: skip
    config = PromoteConfig(ensemble=2, ensemble_of="architectures")
    work = SimpleNamespace(configuration=Configuration(compose("promote", [])), say=str)
    finals = final.train(work, ranked, config)
    assert {one.trial.run_id for one in finals} == {"a", "c"}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_candidates_as_asked_for_are_trained(monkeypatch, count):
    tried = []

    def trained(work, trial, seed, text):
        tried.append(trial.run_id)
        return trained_as(trial, seed)

    monkeypatch.setattr(final, "final_training", trained)
    ranked = [Ranked(trial(name, "2dcnn")) for name in "abc"]
    work = SimpleNamespace(configuration=Configuration(compose("promote", [])), say=str)
    final.train(work, ranked, PromoteConfig(candidates=count))
    assert tried == list("abc")[:count]


def test_a_single_model_is_of_no_several_architectures():
    with pytest.raises(UserError, match=r"`ensemble` must be at least 2 with ensemble_of=arch"):
        Configuration(compose("promote", ["ensemble_of=architectures"])).promotion  # noqa: B018


@pytest.mark.slow
def test_architectures_are_promoted_as_one_model(tiny, new_store, tmp_path, capsys):
    """It labels a volume as `promote` did, and says what it is made of."""
    store = new_store(tmp_path)
    common = [f"data.path={tiny}", "data.name=tiny", "nbhd=11x11x3", *store]
    sweep.main(compose("sweep", [
        *common, "model=auto", "train.epochs=1", "train.steps=2", "train.share=0.02",
        "space.axes.model.filters=[4]", "space.limits=[]", "space.axes.model.blocks=[1]",
        "search.trials=2", f"output={tmp_path / 'sweep'}",
    ]))  # fmt: skip
    how = ["postprocessing.sigma=[0,1]", "postprocessing.threshold_steps=9", "rank.k=1",
           "rank.seeds=1", "final.epochs=1", "final.steps=3"]  # fmt: skip
    promote.main(compose("promote", [*common, *how, *MIXED, f"output={tmp_path / 'both'}"]))
    record = json.loads((tmp_path / "both" / "summary.json").read_text())
    assert {member["model"] for member in record["members"]} == {"2dcnn", "unet"}
    assert record["ensemble"]["members"] == 2
    assert record["ensemble"]["cost_ratio"] > 0  # of times, which vary with what else runs
    card = (tmp_path / "both" / "bundle" / "MODEL_CARD.md").read_text()
    assert " + ".join(member["model"] for member in record["members"]) in card
    assert f"{record['ensemble']['gain_test_miou']:+.4f}" in card

    uri = store[0].partition("=")[2]
    members = find_bundle("models:/fibsem@champion", uri).segmenter.members
    assert [member.spec.name for member in members] == [one["model"] for one in record["members"]]
    segment.main(compose("segment", [
        f"volume={tiny / 'HPC45' / 'slices'}", f"output={tmp_path / 'again'}", "format=tiff",
        f"tracking.uri={uri}", "symmetry=2", "tile=64",
    ]))  # fmt: skip
    whole = tmp_path / "both" / "volumes" / "HPC45" / "labels.ome.zarr"
    # three steps leave scores near the threshold, where two views decide otherwise than one
    assert np.mean(labels(tmp_path / "again" / "labels") == labels(whole)) > 0.8
    segment.main(compose("segment", [
        f"volume={tiny / 'HPC45' / 'slices'}", f"output={tmp_path / 'same'}", "format=tiff",
        f"tracking.uri={uri}",
    ]))  # fmt: skip
    np.testing.assert_array_equal(labels(tmp_path / "same" / "labels"), labels(whole))
    assert set(np.unique(labels(whole))) == {0, 255}  # or equality proves nothing

    only = [*common, "model=2dcnn", "space=smoke", "space.axes.model.blocks=[1]",
            "train.epochs=1", "train.steps=2", "search.trials=1", "study=one"]  # fmt: skip
    sweep.main(compose("sweep", [*only, f"output={tmp_path / 'one'}"]))
    with pytest.raises(
        UserError, match=r"those of study=\w+ are all 2dcnn; the choices are another pyth"
    ):
        promote.main(compose("promote", [*common, *how, *MIXED, "study=one"]))
