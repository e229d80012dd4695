"""Training: reproducible, resumable, stopped in time, and it learns."""

from dataclasses import asdict, replace

import keras
import numpy as np
import pytest

from fibsem.config import TrainConfig
from fibsem.errors import UserError
from fibsem.training.material.feeding import epoch_batches
from fibsem.training.results import Epoch
from fibsem.training.steps import fit
from fibsem.training.steps.checkpoint import SAVE_EVERY_S
from fibsem.training.steps.fit import train
from fibsem.training.steps.health import DivergedError
from fibsem.training.steps.learner import Learner
from fibsem.training.steps.state import TrainingState
from tests.conftest import CutOffError
from tests.processes import completed
from tests.training.networks import network_of


def scores(epochs):
    """What must not depend on time: everything but seconds."""
    return [
        {k: v for k, v in asdict(epoch).items() if not k.endswith("seconds")} for epoch in epochs
    ]


#: Trainings with dropout, in either mode; and of a network with normalisations.
DROPPING = {
    "grid": ["train.mode=grid"],
    "patch": ["train.mode=patch"],
    "unet": [
        "model=unet", "model.blocks=1", "model.filters=2", "model.spatial_dropout=0.3",
        "train.grid=16", "train.windows=2",
    ],
}  # fmt: skip


@pytest.fixture(
    scope="module",
    params=["grid", "patch", pytest.param("unet", marks=pytest.mark.slow)],  # traces for seconds
)
def whole(request, material):
    """(function from overrides to material, training that nothing disturbed), for each of them."""

    def make(*overrides):
        return material(*DROPPING[request.param], "train.epochs=4", *overrides)

    hp = make().config.spec.hyperparameters
    assert max(hp["spatial_dropout"], hp.get("dropout", 0)) > 0
    return make, train(make())


def cut_off_after(setting, epochs, file=None):
    """The epochs of a training that is cut off after so many."""
    seen = []

    def stop(epoch):
        seen.append(epoch)
        if len(seen) == epochs:
            raise CutOffError

    with pytest.raises(CutOffError):
        train(setting, checkpoint=file, on_epoch=stop)
    return seen


def test_a_training_cut_off_goes_on_as_if_nothing_had_happened(whole, tmp_path):
    """Dropout's generators, momentum, best weights and early stopping included.

    Hence two trainings with one seed are equal.
    """
    setting, undisturbed = whole[0](), whole[1]
    file = tmp_path / "checkpoint.npz"
    cut_off_after(setting, 2, file)
    seen = []
    resumed = train(setting, checkpoint=file, on_epoch=seen.append)
    assert [epoch.epoch for epoch in seen] == [0, 1, 2, 3]
    assert scores(resumed.history) == scores(undisturbed.history)
    for a, b in zip(resumed.model.get_weights(), undisturbed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    finished = train(setting, checkpoint=file)  # nothing is trained
    assert scores(finished.history) == scores(undisturbed.history)


def test_no_epoch_is_trained_again_that_came_before_the_end_of_a_training(material, tmp_path):
    """As where a rung ends it; that takes no longer than what lies between two checkpoints."""
    setting, file = material("train.epochs=4"), tmp_path / "checkpoint.npz"
    seen = cut_off_after(setting, 3, file)
    assert sum(epoch.seconds for epoch in seen[1:]) < SAVE_EVERY_S
    again = []
    train(setting, checkpoint=file, on_epoch=again.append)
    assert again[:3] == seen  # by the times that they took, too
    assert len(again) == 4


@pytest.fixture(scope="module")
def stopping(material):
    """(material, training that nothing disturbed) of a schedule that stops."""
    setting = material(
        "train.schedule=wsd", "train.epochs=5", "train.steps=4", "train.average=0.9",
        "train.patience=null",
    )  # fmt: skip
    return setting, train(setting)


@pytest.mark.parametrize("after", [2, 4])
def test_a_schedule_that_stops_goes_on_as_if_nothing_had_happened(stopping, tmp_path, after):
    """At its constant rate, and where it begins to fall; averages of the weights included."""
    setting, undisturbed = stopping
    cut_off_after(setting, after, tmp_path / "checkpoint.npz")
    resumed = train(setting, checkpoint=tmp_path / "checkpoint.npz")
    assert scores(resumed.history) == scores(undisturbed.history)
    rates = [epoch.learning_rate for epoch in resumed.history]
    assert rates[2] == rates[3] > rates[4]  # of the last step of each
    for a, b in zip(resumed.model.get_weights(), undisturbed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


#: Of a rate that is constant to the last fifth.
RESTING = (
    "train.schedule=wsd", "train.warmup=0", "train.steps=4", "train.average=0.9",
    "train.patience=null",
)  # fmt: skip


@pytest.mark.slow
def test_a_schedule_that_stops_may_end_later_while_it_does_not_fall(material, tmp_path):
    """Bit for bit as one training with that end, from the last epoch before the fall of another."""
    file = tmp_path / "checkpoint.npz"
    cut_off_after(material(*RESTING, "train.epochs=5"), 4, file)
    longer = material(*RESTING, "train.epochs=8")
    later, undisturbed = train(longer, checkpoint=file), train(longer)
    assert scores(later.history) == scores(undisturbed.history)
    assert len({epoch.learning_rate for epoch in later.history[:6]}) == 1
    for a, b in zip(later.model.get_weights(), undisturbed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_seed_gives_another_training(whole):
    make, undisturbed = whole
    assert scores(cut_off_after(make("seed=1"), 1)) != scores(undisturbed.history[:1])


@pytest.mark.parametrize("mode", ["grid", "patch"])
def test_it_learns(material, mode):
    trained = train(material(f"train.mode={mode}", "train.steps=60", "train.epochs=2"))
    assert trained.best.val["miou"] > 0.45  # guessing gives 0.33
    assert trained.history[-1].train_loss < trained.history[0].train_loss


def test_the_best_weights_are_those_of_the_best_epoch(material):
    from fibsem.training.scoring.estimating import estimate

    setting = material("train.epochs=5", "train.learning_rate=0.1")
    trained = train(setting)
    again = estimate(setting, trained.model, "val").balanced
    assert again["loss"] == pytest.approx(min(e.val["loss"] for e in trained.history), abs=1e-6)


def test_a_loss_that_is_no_number_ends_the_training(material):
    with pytest.raises(DivergedError, match="loss is"):
        train(material("train.learning_rate=1e30"))


@pytest.fixture
def counted(monkeypatch):
    """The steps that are made, one entry each."""
    made, after = [], fit.AfterStep.on_train_batch_end

    def count(self, batch, logs=None):
        made.append(batch)
        after(self, batch, logs)

    monkeypatch.setattr(fit.AfterStep, "on_train_batch_end", count)
    return made


def test_an_epoch_ends_with_the_step_whose_loss_is_no_number(material, counted):
    """All of its steps were made first: of a plan with one epoch, twice the budget."""
    with pytest.raises(DivergedError, match="loss is"):
        train(material("train.learning_rate=1e30", "train.epochs=1", "train.steps=60"))
    assert len(counted) < 10


def test_a_time_that_is_over_ends_a_training_within_an_epoch(material, counted, tmp_path, capsys):
    """With the step in which it ends, here the one that compiles; continued, nothing follows."""
    setting = material("train.max_seconds=0.001", "train.epochs=2", "train.steps=60")
    trained = train(setting, checkpoint=tmp_path / "checkpoint.npz")
    (epoch,) = trained.history
    assert (epoch.steps, epoch.cut, len(counted)) == (1, True, 1)
    said = "the training ended after 0 of 2 epochs and 1 step, with the 0 s that it may take"
    assert said in capsys.readouterr().out
    again = train(setting, checkpoint=tmp_path / "checkpoint.npz")
    assert (again.history, len(counted)) == (trained.history, 1)
    for a, b in zip(again.model.get_weights(), trained.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_training_ends_with_the_seconds_that_are_left_of_a_hard_budget(material, tmp_path):
    """In a later start too, whose checkpoint does not know of the time that was lost to a kill."""
    how, file = ("train.max_seconds=999", "train.epochs=3", "train.steps=4"), tmp_path / "kept.npz"
    trained = train(material(*how), left_s=lambda: 1e-6)
    assert [(epoch.steps, epoch.cut) for epoch in trained.history] == [(1, True)]
    cut_off_after(material(*how), 1, file)
    trained = train(material(*how), checkpoint=file, left_s=lambda: 1e-6)
    assert [(epoch.steps, epoch.cut) for epoch in trained.history] == [(4, False)]
    assert not any(one.cut for one in train(material(*how), left_s=lambda: None).history)


@pytest.mark.parametrize(("most_s", "ends_s"), [(None, None), (3.0, 3.0), (9.0, 6.1)])
def test_the_sooner_of_two_limits_counts(most_s, ends_s):
    """Of 1.1 s an epoch, and 5 s that are left after it."""
    state = TrainingState.of(TrainConfig(learning_rate=0.1, max_seconds=most_s))
    state.history = epochs_of([0.5])
    state.limit(None)
    assert state.schedule.max_seconds == most_s
    state.limit(5.0)
    assert state.schedule.max_seconds == (ends_s and pytest.approx(ends_s))


def test_no_epoch_begins_that_has_no_time_but_for_its_validation():
    state = TrainingState.of(
        TrainConfig(learning_rate=0.1, epochs=9, max_seconds=2.25, keep="loss")
    )
    state.take(epochs_of([0.5])[0], list)
    assert state.left_s == pytest.approx(2.25 - 1.1 - 0.1)
    assert not state.ended
    state.take(epochs_of([0.5])[0], list)
    assert state.seconds < 2.25
    assert state.ended


def epochs_of(losses):
    return [
        Epoch(k, 0.1, 1.0, {"loss": loss, "miou": 1 - loss}, 1.0, 0.1)
        for k, loss in enumerate(losses)
    ]


@pytest.mark.parametrize(
    ("losses", "changes", "ended", "best"),
    [
        ([0.5, 0.4], {}, False, 1),
        ([0.5, 0.4, 0.45, 0.46], {"patience": 2}, True, 1),
        ([0.5, 0.4, 0.45, 0.46], {"patience": 3}, False, 1),
        ([0.5, 0.4, 0.45, 0.46], {"patience": None}, False, 1),
        ([0.5, 0.4], {"epochs": 2}, True, 1),
        ([0.5, 0.4], {"max_seconds": 2.0}, True, 1),
        ([0.5, 0.4], {"max_seconds": 2.2}, True, 1),  # reached, by 1.1 s an epoch
        ([0.5, 0.4], {"max_seconds": 3.0}, False, 1),
        ([0.4, 0.4], {}, False, 0),
    ],
)
def test_when_a_training_ends(material, losses, changes, ended, best):
    how = replace(material().config.train, keep="loss", **{"epochs": 9, **changes})
    state = TrainingState.of(how)
    for epoch in epochs_of(losses):
        state.take(epoch, list)
    assert state.best == best
    assert state.ended is ended
    late = ended and "max_seconds" in changes
    assert bool(state.cut_off) is late
    assert not late or state.cut_off.startswith(
        "the training ended after 2 of 9 epochs, with the 2"
    )


#: Loss and mIoU of epochs, and mIoU with the classes as labelled; each has another best one.
DISAGREEING = [(0.5, 0.5, 0.7), (0.7, 0.8, 0.5), (0.4, 0.3, 0.6), (0.6, 0.6, 0.6)]


@pytest.mark.parametrize(
    ("keep", "best"), [("loss", 2), ("miou", 1), ("all", 0), ("all train.val_all=false", 2)]
)
def test_the_kept_epoch_is_best_by_what_the_configuration_names(
    material, monkeypatch, tmp_path, keep, best
):
    """With its weights, after a continuation too."""

    def recorded(learner, material, scorer, state, feed):
        epoch = len(state.history)
        model = learner.scored
        model.set_weights([np.full_like(some, 1 + epoch) for some in model.get_weights()])
        loss, miou, natural = DISAGREEING[epoch]
        val_all = {"miou": natural}
        return Epoch(epoch, 0.1, 1.0, {"loss": loss, "miou": miou}, 1.0, 0.1, val_all)

    monkeypatch.setattr(fit, "_one_epoch", recorded)
    file = tmp_path / "checkpoint.npz"
    for epochs in (3, 4):
        setting = material(
            *f"train.keep={keep}".split(), f"train.epochs={epochs}", "train.schedule=constant"
        )
        trained = train(setting, checkpoint=file)
        assert trained.best.epoch == best
        assert {float(some.flat[0]) for some in trained.model.get_weights()} == {1 + best}


def test_a_grid_step_minimises_cross_entropy_with_classes_balanced_over_the_training_set(material):
    """Computed by hand: every class weighs N / (2 N_class), pixels nobody labelled nothing."""
    setting = material(
        "train.mode=grid", "train.steps=1", "train.epochs=1", "model.dropout=0", "model.l2=0"
    )
    keras.utils.set_random_seed(setting.config.seed)
    model = network_of(setting.config)
    images, labels, weights = next(epoch_batches(setting, 0)[0]())
    p, solid = np.asarray(model(images))[..., 0], labels[..., 0] == 1
    counts = np.bincount(np.concatenate([w.labels.ravel() for w in setting.train]), minlength=3)
    pore, solid_weight = counts[:2].sum() / (2 * counts[:2])
    assert abs(pore - solid_weight) > 0.05  # or the classes would be equally frequent
    expected = np.where(solid, solid_weight, pore) * (weights > 0)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    entropy = -np.where(solid, np.log(p), np.log1p(-p))
    (epoch,) = train(setting).history
    assert epoch.train_loss == pytest.approx(float((expected * entropy).mean()), rel=1e-4)
    assert epoch.learning_rate == setting.config.train.learning_rate


def test_the_learning_rate_falls_by_steps():
    """Thesis 3.7: times 0.75 every 8 epochs, not below 1e-5."""
    how = TrainConfig(learning_rate=0.02, schedule="step")
    assert [how.rates.at(e) for e in (0, 7, 8, 16)] == pytest.approx([0.02, 0.02, 0.015, 0.01125])
    assert how.rates.at(1000) == 1e-5


def test_same_padding_trains_on_patches_and_says_why_not_on_grids(material):
    assert material("model.padding=same").config.train.mode == "patch"
    assert train(material("model.padding=same", "train.epochs=1")).best.val["loss"] > 0
    with pytest.raises(UserError, match=r"train\.mode=patch or model\.padding=valid"):
        material("model.padding=same", "train.mode=grid")


@pytest.mark.slow
def test_two_devices_learn_what_one_learns(small, tmp_path):
    """TensorFlow's own mirroring, on two logical devices of a process of their own."""
    # every device cuts the gradients of its own half, and rounds its own sums
    how = ["model.dropout=0", "train.epochs=2", "train.clip=null", "train.precision=float32"]
    done = completed(["tests.training.steps.mirrored", *small, *how], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    pairs = [tuple(map(float, line.split())) for line in done.stdout.splitlines()[-2:]]
    assert len(pairs) == 2
    for two, one in pairs:
        assert two == pytest.approx(one, abs=2e-3)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("step", {0: 0.1, 7: 0.1, 8: 0.075, 16: 0.05625}),
        ("constant", {0: 0.1, 100: 0.1}),
        ("cyclic", {0: 0.01, 8: 0.1, 16: 0.01, 4: 0.055}),
        ("cosine", {0: 0.1, 20: 1e-5, 10: 0.050005}),
        ("wsd", {0: 0.1, 10: 0.1, 16: 0.1, 17: 0.050005, 20: 1e-5}),
    ],
)
def test_schedules_of_the_learning_rate(schedule, expected):
    how = TrainConfig(learning_rate=0.1, schedule=schedule, epochs=20)
    for epoch, rate in expected.items():
        assert how.rates.at(epoch) == pytest.approx(rate, rel=1e-6)


def test_half_a_cosine_ends_with_the_time_or_the_epochs_whichever_is_over_first():
    how = TrainConfig(learning_rate=0.1, schedule="cosine", epochs=100, max_seconds=60)
    assert how.rates.at(3, 30) == pytest.approx(0.050005)
    assert how.rates.at(50, 3) == pytest.approx(0.050005)
    assert how.rates.at(3, 99) == pytest.approx(1e-5)


def test_the_learning_rate_grows_in_the_beginning():
    """Over a tenth of 10 epochs of 20 steps: to the whole of it with the last step of the first."""
    how = TrainConfig(learning_rate=0.1, schedule="constant", epochs=10, warmup=0.1)
    rates = [how.rates.of_step(0, step, 20) for step in range(20)]
    assert rates == pytest.approx([0.1 * (k + 1) / 20 for k in range(20)])
    assert how.rates.of_step(1, 0, 20) == 0.1


#: On one batch; trainings of other tests are by Muon and by SGD.
STEPS = 8


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamw", "rmsprop", "muon"])
def test_every_optimizer_lowers_the_loss(material, optimizer):
    setting = material(f"train.optimizer={optimizer}", "model.dropout=0")
    keras.utils.set_random_seed(setting.config.seed)
    network = network_of(setting.config)
    network.run_eagerly = True  # some steps are not worth a graph
    images, labels, weights = next(epoch_batches(setting, 0)[0]())
    losses = [network.train_on_batch(images, labels, sample_weight=weights) for _ in range(STEPS)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("loss", ["bce_dice", "bce_iou", "bce_porosity"])
def test_the_loss_that_is_asked_for_is_minimised_with_its_weight(material, loss):
    """By the first loss of one network on one batch: each weight adds as much again."""

    def first(*typed):
        setting = material("train.optimizer=sgd", "train.precision=float32", *typed)
        keras.utils.set_random_seed(0)
        network = network_of(setting.config)
        x, y, weights = next(epoch_batches(setting, 0)[0]())
        return float(network.test_on_batch(x, y, sample_weight=weights))

    plain, once = first(), first(f"train.loss={loss}")
    twice = first(f"train.loss={loss}", "train.loss_weight=2")
    assert once - plain > 1e-4
    assert twice - plain == pytest.approx(2 * (once - plain), rel=1e-2)


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_average_of_the_weights_is_the_one_that_is_asked_for(material, average):
    assert Learner.of(material(f"train.average={average}").config).decay == average


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_as_many_windows_lie_at_the_rare_class_as_are_asked_for(material, share):
    assert material(f"train.rare_windows={share}").draws.rare_windows == share
