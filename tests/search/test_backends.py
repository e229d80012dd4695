"""Both backends, their samplers and storages."""

import json

import pytest

from fibsem.config import Configuration
from fibsem.errors import UserError
from tests.search.sweeps import children, finished, opened, worked


def test_tpe_learns_from_the_trials_before(here):
    """Other losses of two trials lead it elsewhere with the third, and not before."""

    def drawn(losses, name):
        typed = ["search.sampler=tpe", "search.startup_trials=2", "search.trials=5"]
        sweep = opened(*typed, **{**here, "folder": here["folder"] / name})
        worked(sweep, [finished(loss) for loss in losses])
        rates = [one.values["train.learning_rate"] for one in sweep.study.outcomes()]
        sweep.study.close()
        return rates

    one = drawn((0.5, 0.4, 0.6, 0.3, 0.7), "one")
    other = drawn((0.4, 0.5, 0.3, 0.7, 0.6), "other")
    assert len(set(one)) == 5
    assert one[:2] == other[:2]
    assert one[2] != other[2]


def test_hyperband_continues_the_trainings_that_it_promotes(here):
    """A longer one gets the checkpoint of the shorter one with the same hyperparameters."""
    sweep = opened(
        "search=keras_tuner", "search.sampler=hyperband", "search.hyperband.epochs=3",
        "search.trials=4", "space.axes.model.blocks=[1]", "~space.axes.model.filters",
        "+space.axes.model.filters={low: 4, high: 64, log: true, int: true}", **here,
    )  # fmt: skip
    made, continued = {}, []

    def execute(job, on_epoch):
        checkpoint = job.folder / "checkpoint.npz"
        epochs, who = job.tree["train"]["epochs"], json.dumps(job.tree["train"]["learning_rate"])
        if checkpoint.is_file():
            assert epochs == 3
            continued.append(checkpoint.read_text() == who)
        job.folder.mkdir(parents=True, exist_ok=True)
        checkpoint.write_text(who)
        made.setdefault(epochs, []).append(job.tree["model"]["filters"])
        return finished(0.5 + 0.01 * len(made[epochs]))

    sweep.work(execute, lambda *_: None)
    assert set(made) == {1, 3}
    assert continued
    assert all(continued)
    assert all(4 <= filters <= 64 for filters in made[1])
    sweep.study.close()


def test_every_backend_fills_its_budget_and_continues(run_thresholds, backend):
    first = run_thresholds(*backend, trials=1)
    assert first["trials"] == {"complete": 1, "pruned": 0, "failed": 0}
    more = run_thresholds(*backend, trials=3)
    assert more["trials"]["complete"] == 3
    for key in ("study", "parent_run_id"):
        assert more[key] == first[key]
    client, runs = children(run_thresholds, first["parent_run_id"])
    assert len(runs) == 3
    for child in runs:
        assert child.info.status == "FINISHED"
        assert child.data.metrics["cost/seconds_per_gigapixel"] > 0
        assert len(client.get_metric_history(child.info.run_id, "epochs")) == 1
    assert more["best"]["value"] == max(child.data.metrics["val_all/miou"] for child in runs)
    figures = {f.path for f in client.list_artifacts(first["parent_run_id"], "figures")}
    drawn = ("history", "parallel_coordinates", "validation_squares")
    assert {f"figures/{name}.png" for name in drawn} <= figures
    assert {"trials.csv", "trials.json"} <= {
        file.path for file in client.list_artifacts(first["parent_run_id"])
    }


def test_every_backend_draws_only_networks_that_exist(tiny, store, tmp_path, backend):
    drawn = opened(
        *backend, "space.axes.model.blocks=[1,2,3,4]", "search.trials=6",
        tiny=tiny, store=store, folder=tmp_path,
    )  # fmt: skip

    def look(job, on_epoch):
        assert Configuration(job.tree).run.spec.hyperparameters["blocks"] == 1
        return finished(0.5)

    drawn.work(look, lambda text, done, total: None)
    assert [one.values["model.blocks"] for one in drawn.study.outcomes()] == [1] * 6
    drawn.study.close()


@pytest.mark.slow
def test_an_oracle_that_learns_leaves_what_is_impossible(here):
    """Such points are as bad as the worst to it; passed over, it drew them again and again."""
    drawn = opened(
        "search=keras_tuner", "search.sampler=bayesian", "search.startup_trials=2",
        "space.axes.model.blocks=[1,2,3,4]", "search.trials=4", **here,
    )  # fmt: skip
    drawn.work(lambda job, on_epoch: finished(0.5), lambda *_: None)
    assert [one.values["model.blocks"] for one in drawn.study.outcomes()] == [1] * 4
    impossible = len(drawn.study.oracle.trials) - 4
    assert impossible < 30
    drawn.study.close()


@pytest.mark.slow
def test_trainings_of_hyperband_go_on(run):
    summary = run(
        "search=keras_tuner", "search.sampler=hyperband", "search.hyperband.epochs=3",
        "space.axes.model.filters=[4]", trials=4,
    )  # fmt: skip
    assert summary["trials"] == {"complete": 4, "pruned": 0, "failed": 0}
    table = json.loads((run.folder / "sweep" / "trials.json").read_text())
    assert {trial["train.epochs"] for trial in table} == {1, 3}


@pytest.mark.parametrize(
    "given",
    ["search.workers=2", "search.storage=postgresql://x", "search.pruner=median",
     "search.sampler=tpe", "search.objectives=[val/loss,val/miou]"],
)  # fmt: skip
def test_what_files_cannot_do_names_the_backend_that_can(run_thresholds, given):
    with pytest.raises(UserError, match="Optuna"):
        run_thresholds("search=keras_tuner", given, trials=1)


def test_samplers_of_the_other_backend_are_named(run_thresholds):
    with pytest.raises(UserError, match="search=keras_tuner"):
        run_thresholds("search.sampler=bayesian", trials=1)


def test_conditional_axes_are_swept_where_they_exist(here):
    sweep = opened(
        "space.axes.model.blocks=[1]", "+space.axes.model.dense_layers=[1,2]",
        "+space.axes.model.dense_width={values: [16,32], when: {model: {dense_layers: [2]}}}",
        "search.sampler=random", "search.seed=1", "search.trials=6", **here,
    )  # fmt: skip
    jobs = worked(sweep, [finished(0.5)] * 6)
    drawn = [one.values for one in sweep.study.outcomes()]
    assert {values["model.dense_layers"] for values in drawn} == {1, 2}
    for job, values in zip(jobs, drawn, strict=True):
        assert ("model.dense_width" in values) == (values["model.dense_layers"] == 2)
        hyperparameters = Configuration(job.tree).run.spec.hyperparameters
        for key, value in values.items():
            if key.startswith("model."):
                assert hyperparameters[key.removeprefix("model.")] == value
    sweep.study.close()
