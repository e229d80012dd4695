"""``train.teacher``: targets are what it says of each pixel, and it is no other model later."""

import re
import shutil
import time
from dataclasses import replace
from types import SimpleNamespace

import mlflow
import numpy as np
import pytest

from fibsem import models, train
from fibsem.analysis.calibration import with_temperature
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import Configuration, compose, settings_of
from fibsem.data.dataset.learned import learned_squares
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.dataset.split import SplitRecipe
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.inference.model.predict import compiled
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.segmentation import segment_volume
from fibsem.models.spec import resolve
from fibsem.system.files import read_json
from fibsem.system.identity import Identity, differences
from fibsem.tracking import names
from fibsem.tracking.audit import Audit
from fibsem.tracking.bundle import Bundle
from fibsem.training.beginning.start import learned_of_test, pinned
from fibsem.training.beginning.teacher import Taught, Teacher, teacher_of
from fibsem.training.material import epoch_draws
from fibsem.training.material import material as materials
from fibsem.training.material.datasets import obtain
from fibsem.training.material.feeding import epoch_batches
from fibsem.training.planning import probing
from fibsem.training.planning.probing import probe
from fibsem.training.scoring.scoring import scored_squares
from fibsem.training.steps import fit
from tests.conftest import CutOffError, divided_anew, labels
from tests.training.networks import network_of

TEMPERATURE = 3.0
#: A probability has eleven bits.
HALF = 1e-3


@pytest.fixture(scope="module")
def common(small, new_store, tmp_path_factory):
    return [*small, *new_store(tmp_path_factory.mktemp("teacher"))]


@pytest.fixture(scope="module")
def network(trained):
    """Of the same window as the student's: what one sees, the other does."""
    return trained(11, filters=4, blocks=1)


@pytest.fixture(scope="module")
def segmenter(network):
    return Segmenter.of(*network, Recipe(), PostProcessing(), temperature=TEMPERATURE)


def saved(segmenter, folder, voxel_nm=(50.0, 10.0, 10.0), **audit):
    Bundle(segmenter, voxel_nm, Audit(**audit)).save(folder)
    return folder


@pytest.fixture(scope="module")
def bundle(segmenter, tmp_path_factory):
    """Folder of a model that can teach."""
    return saved(segmenter, tmp_path_factory.mktemp("bundle") / "bundle")


def turned_back(images, turn):
    """What :func:`fibsem.data.sampling.dihedral` has turned."""
    return np.rot90(images[..., ::-1, :] if turn >= 4 else images, -(turn % 4), axes=(-3, -2))


@pytest.mark.parametrize("mode", ["patch", "grid"])
@pytest.mark.parametrize("augment", ["false", "true"])
def test_targets_are_what_the_teacher_says_of_each_pixel(material, bundle, network, mode, augment):
    """It is shown what the student sees, turned back; and asked without a map, pixel by pixel."""
    setting = material(f"train.teacher={bundle}", "train.teacher_share=1", f"train.mode={mode}",
                       f"train.augment={augment}", "train.batch=32")  # fmt: skip
    forward = compiled(network[1])
    images, targets, weights = next(epoch_batches(setting, 0)[0]())
    assert np.ptp(targets[weights > 0]) > 0.05
    turns = range(8) if augment == "true" else (0,)
    seen = set()
    for image, target, weight in zip(images, targets, weights, strict=True):
        scores = [with_temperature(forward(turned_back(image, turn)[None])[0], TEMPERATURE)
                  for turn in turns]  # fmt: skip
        off = [np.abs(one - turned_back(target, turn))[turned_back(weight[..., None], turn) > 0]
               for turn, one in zip(turns, scores, strict=True)]  # fmt: skip
        nearest = min(turns, key=lambda turn: off[turn].max())
        assert off[nearest].max() < HALF
        seen.add(nearest)
    assert len(seen) > 3 or augment == "false"


@pytest.mark.parametrize(("pore", "solid", "said"), [(0.9, 0.1, 1), (0.1, 0.9, 0), (0.5, 0.45, 0)])
def test_a_teacher_that_contradicts_the_labels_is_said(material, pore, solid, said):
    """One of films of opposite contrast made a network that knows no better than chance."""
    regions = material().dataset.regions("train")
    labels = {one.key: one.read() for one in regions}
    taught = Taught({
        one.key: (one.box, np.where(labels[one.key] == 1, solid, pore).astype(np.float16))
        for one in regions
    })  # fmt: skip
    lines = list(taught.against(regions))
    assert len(lines) == said
    for line in lines:
        assert "labelled pore solid with a probability of 0.90, and those labelled solid" in line


def test_a_share_lies_between_label_and_teacher(material, bundle):
    """Inputs and weights are those of a training without: classes weigh what their labels do."""
    batches = [
        next(epoch_batches(material(*more), 0)[0]())
        for more in (
            (),
            (f"train.teacher={bundle}", "train.teacher_share=1"),
            (f"train.teacher={bundle}", "train.teacher_share=0.25"),
        )
    ]
    (images, plain, weights), (_, taught, _), (same, quarter, alike) = batches
    np.testing.assert_array_equal(images, same)
    np.testing.assert_array_equal(weights, alike)
    here = weights[..., None] > 0
    np.testing.assert_allclose(quarter[here], (0.75 * plain + 0.25 * taught)[here], atol=1e-6)
    assert set(np.unique(plain)) == {0, 1}


def test_it_is_asked_as_it_segments_with_its_own_correction_and_calibration(
    material, trained, tmp_path
):
    """A U-Net that sees more than the student, other grey values, smoothed and with an offset."""
    spec, model = trained(1, name="unet", blocks=2, filters=4)
    own = replace(
        Segmenter.of(spec, model, Recipe("none", "minmax"), PostProcessing()),
        temperature=2.0, offset=-0.5, smoothed_px=1.5,
    )  # fmt: skip
    folder = saved(own, tmp_path / "unet")
    setting = material(f"train.teacher={folder}", "train.teacher_share=1")
    assert own.halo > setting.config.spec.halo
    volume = setting.dataset.samples[0].volume
    how = Options(valid="all", probabilities=True, previews=0)
    segment_volume(volume, own, tmp_path / "out", how)
    mapped = labels(tmp_path / "out" / "probabilities.ome.zarr") / 255
    for window in setting.train:
        inside = mapped[window.region.box.slices][0]
        assert np.ptp(inside) > 0.05
        np.testing.assert_allclose(
            window.taught[: len(inside), : inside.shape[1]], inside, atol=3e-3
        )


def test_validation_and_test_squares_are_not_asked_about(material, bundle):
    setting = material(f"train.teacher={bundle}", "train.test=true")
    train_squares = {region.key for region in setting.dataset.regions("train")}
    assert setting.taught.maps.keys() == train_squares
    assert all(window.taught is None for window in (*setting.val, *setting.test))
    assert all(window.taught is not None for window in setting.train)
    scores = [piece.taught for piece in setting.fixed("val").windows]
    assert not any(one is not None for one in scores)


def test_parts_of_regions_have_their_part_of_the_map(material, bundle, monkeypatch):
    monkeypatch.setattr(epoch_draws, "MOST_BYTES", 60_000)
    monkeypatch.setattr(materials, "SIDE", 24)
    setting = material(f"train.teacher={bundle}", "train.share=0.2")
    supply = setting.supply(0)
    for window in supply.windows:
        whole, probabilities = setting.taught.maps[window.region.key]
        (_, y, x), (_, top, left) = window.region.box.start, whole.start
        _, height, width = window.region.box.shape
        assert (height, width) < whole.shape[1:]
        np.testing.assert_array_equal(
            window.taught[:height, :width],
            probabilities[y - top : y - top + height, x - left : x - left + width],
        )


def test_another_trial_asks_nothing_again(material, bundle):
    first = material(f"train.teacher={bundle}")
    other = first.for_config(material(f"train.teacher={bundle}", "model.filters=5").config)
    assert other.taught is first.taught is not None
    assert other.train is first.train
    plain = first.for_config(material().config)
    assert plain.taught is None
    assert all(window.taught is None for window in plain.train)


@pytest.mark.slow
def test_a_plan_counts_the_time_in_which_it_is_asked(material, bundle, monkeypatch):
    asked, asked_s = Teacher.teach, []

    def slowly(*given):
        asked_s.append(100.0)
        return asked(*given)

    clock = SimpleNamespace(perf_counter=lambda: time.perf_counter() + sum(asked_s))
    monkeypatch.setattr(Teacher, "teach", slowly)
    monkeypatch.setattr(probing, "time", clock)
    monkeypatch.setattr(probing, "TIMED_S", (0.1, 0.1))
    probed = probe(material(f"train.teacher={bundle}"), 1.0)
    assert asked_s
    assert probed.once_s > sum(asked_s)
    assert max(probed.step_s, probed.validation_s) < 100


def same_training(one, other):
    assert [e.val for e in one.history] == [e.val for e in other.history]
    for a, b in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_a_share_it_is_the_training_on_labels_bit_for_bit(material, bundle):
    plain, none, taught = (
        fit.train(material("train.epochs=1", *more))
        for more in (
            (),
            (f"train.teacher={bundle}", "train.teacher_share=0"),
            (f"train.teacher={bundle}", "train.teacher_share=1"),
        )
    )
    same_training(plain, none)
    assert taught.history[0].train_loss != plain.history[0].train_loss


@pytest.mark.parametrize(
    ("model", "loss"),
    [("2dcnn", "bce_iou"), ("2dcnn", "bce_porosity"), ("unet", "bce_dice")],
)
def test_networks_learn_from_it_with_every_loss(material, bundle, model, loss):
    small = ["model.blocks=1", "model.filters=4", "train.grid=16", "train.windows=2"]
    more = ["model=unet", *small, "train.init=null"] if model == "unet" else []
    quick = ["train.epochs=1", "train.optimizer=sgd"]
    setting = material(*more, *quick, f"train.loss={loss}", f"train.teacher={bundle}")
    images, targets, weights = next(epoch_batches(setting, 0)[0]())
    taught = targets[weights > 0]
    assert ((taught > 0) & (taught < 1)).mean() > 0.9
    network = network_of(setting.config)
    network.run_eagerly = True  # a step is not worth a graph
    before = network.get_weights()
    assert np.isfinite(network.train_on_batch(images, targets, sample_weight=weights))
    after = network.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert any(np.any(one != other) for one, other in zip(before, after, strict=True))


@pytest.mark.slow
def test_cut_off_it_goes_on_as_if_nothing_had_happened(material, bundle, tmp_path):
    setting = material(f"train.teacher={bundle}", "train.epochs=2")
    assert setting.config.spec.hyperparameters["dropout"] > 0
    undisturbed = fit.train(setting)

    def stop(epoch):
        raise CutOffError

    file = tmp_path / "checkpoint.npz"
    with pytest.raises(CutOffError):
        fit.train(setting, checkpoint=file, on_epoch=stop)
    again = material(f"train.teacher={bundle}", "train.epochs=2")
    same_training(fit.train(again, checkpoint=file), undisturbed)


def test_a_run_says_who_taught_it(common, bundle, tmp_path, capsys):
    """And the teacher may be a training: it leaves what a promotion does, but for the tests."""
    quick = ["train.epochs=1", "train.steps=2"]
    for place, out in ((bundle, "one"), (tmp_path / "one", "two")):
        how = [f"train.teacher={place}", f"output={tmp_path / out}"]
        train.main(compose("train", [*common, *quick, *how]))
        said = f"50% of every target is what {place.resolve()} (2dcnn 11x11x3) says, which scores "
        assert said in capsys.readouterr().out
        record = read_json(tmp_path / out / "summary.json")
        run = mlflow.MlflowClient(common[-2].partition("=")[2]).get_run(record["run_id"])
        address, _, digest = run.data.tags[names.TEACHER].partition("#")
        assert address == str(place.resolve())
        assert Identity.beside(tmp_path / out).settings["train.teacher"] == digest
        assert run.data.params["train.teacher"] == run.data.tags[names.TEACHER]
        written = read_json(tmp_path / out / "bundle.json")["audit"]["lineage"]["trial"]
        assert written["teacher"] == run.data.tags[names.TEACHER]


def test_another_teacher_at_the_same_place_makes_another_training(common, segmenter, tmp_path):
    """Another by its weights, or by its calibration; even in one process, which read the former."""
    place = saved(segmenter, tmp_path / "place")
    given = Configuration(compose("train", [*common, f"train.teacher={place}"]))
    before = pinned(given)
    assert teacher_of(before.run.train.teacher, "").address == before.run.train.teacher
    saved(replace(segmenter, temperature=1.5), place)
    warmer = pinned(given)
    member = segmenter.members[0]
    network = models.load(member.spec, place)
    network.set_weights([weight + 1 for weight in network.get_weights()])
    saved(replace(segmenter, members=(replace(member, model=network),), temperature=1.5), place)
    others = [before, warmer, pinned(given)]
    one, *rest = (Identity("training", settings_of("train", of.tree), {}) for of in others)
    for other in rest:
        (said,) = differences(one, other)
        assert re.fullmatch(r"train\.teacher \(\w{16}, now \w{16}\)", said)
    with pytest.raises(UserError, match=r"`train.teacher` must be the weights that this was begun"):
        teacher_of(before.run.train.teacher.replace(str(place), f"{tmp_path}/./place"), "")


def test_where_it_lies_does_not_count(common, bundle, tmp_path):
    moved = shutil.copytree(bundle, tmp_path / "moved")
    trees = [compose("train", [*common, f"train.teacher={place}"]) for place in (bundle, moved)]
    one, other = (settings_of("train", pinned(Configuration(tree)).tree) for tree in trees)
    assert one == other != settings_of("train", compose("train", common))


def test_squares_that_it_has_learned_from_are_said(common, segmenter, tiny, tmp_path, capsys):
    """Of the same data and parts its validation squares are no doubt; of others they are."""
    own = load_dataset(tiny)
    folder = saved(
        segmenter, tmp_path / "bundle", dataset="phantom", data=own.hash,
        learned=learned_squares(own),
    )  # fmt: skip
    given = Configuration(compose("train", [*common, f"train.teacher={folder}"]))
    pinned(given, dataset=own)
    assert "has learned from" not in capsys.readouterr().err
    assert learned_of_test(None, "", own, given.run.train.teacher) == 0
    swapped = divided_anew(tiny, tmp_path / "film", {"train": "test", "test": "train"})
    quick = ["train.epochs=1", "train.steps=1", f"train.teacher={folder}"]
    how = [*common, *quick, f"data.path={swapped}", f"output={tmp_path / 'out'}"]
    train.main(compose("train", how))
    said = capsys.readouterr().err
    assert "its teacher (train.teacher) has learned from 3 of 3 test squares" in said
    assert "1 of 1 validation squares" in said
    assert read_json(tmp_path / "out" / "summary.json")["test_squares_learned"] == 3


def test_an_older_bundle_may_have_learned_from_them(common, segmenter, tiny, tmp_path, capsys):
    folder = saved(segmenter, tmp_path / "bundle", dataset="phantom", data="0-0")
    given = Configuration(compose("train", [*common, f"train.teacher={folder}"]))
    own = load_dataset(tiny)
    pinned(given, dataset=own)
    assert "may have learned from test squares" in capsys.readouterr().err
    config = given.run
    assert learned_of_test(None, "", own, config.train.teacher) is None


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.teacher_share=1.5", r"`train.teacher_share` must be in \[0, 1\], but got 1.5"),
        ("train.teacher_share=-0.1", r"`train.teacher_share` must be in \[0, 1\]"),
        ("model=threshold", r"`train.teacher` must be null for model=threshold, which learns"),
        ("train.teacher=nowhere", r"`train.teacher` must be a folder with bundle.json .* nowhere"),
        ("train.teacher=models:/fibsem@nobody", r"`train.teacher` must name a registered model"),
        ("train.teacher={}#0123456789abcdef", r"`train.teacher` must be the weights that this was"),
    ],
)  # fmt: skip
def test_what_cannot_teach_is_said_in_one_line(common, bundle, tmp_path, override, said):
    kept = [key for key in common if not (override[:6] == "model=" and key[:6] == "model.")]
    given = [*kept, f"train.teacher={bundle}", f"output={tmp_path}", override.format(bundle)]
    with pytest.raises(UserError, match=said) as caught:
        train.main(compose("train", given))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "result.json").exists()


def refused(common, folder):
    """What is said of a teacher, in one line."""
    given = Configuration(compose("train", [*common, f"train.teacher={folder}"]))
    dataset = obtain(given.run.data, given.run.split)
    with pytest.raises(UserError) as caught:
        pinned(given, dataset=dataset)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_only_what_scores_densely_can_teach(common, trained, tmp_path):
    otsu = resolve("threshold", Nbhd.parse("1x1x1"), "valid")
    by_patch = trained(11, padding="same", filters=4, blocks=1)
    for spec, model in ((otsu, models.untrained(otsu)), by_patch):
        own = Segmenter.of(spec, model, Recipe(), PostProcessing())
        said = refused(common, saved(own, tmp_path / spec.name))
        assert f"`train.teacher` must score densely, but {tmp_path / spec.name} holds a" in said
        assert "networks with model.padding=valid, U-Nets, or train.teacher=null" in said


def test_voxels_of_another_size_are_refused(common, segmenter, tmp_path):
    said = refused(common, saved(segmenter, tmp_path / "fine", (50.0, 5.0, 5.0)))
    assert "50 x 10 x 10 nm (z, y, x), but" in said
    assert "has on 50 x 5 x 5 nm" in said


def test_it_sees_no_slices_of_other_parts(bundle, segmenter):
    """Where labels are divided by slices, a deeper teacher would see those of validation."""
    teacher = teacher_of(str(bundle), "")
    film = SimpleNamespace(
        samples=[SimpleNamespace(name="A", dense=True)], voxel_nm=(None, None, None), name="A"
    )
    teacher.check(film, SplitRecipe(gap=2))
    with pytest.raises(
        UserError, match=r"`train.teacher` must be at most split.gap \+ 1 = 1 slices"
    ):
        teacher.check(film, SplitRecipe(gap=0))


def test_an_ensemble_teaches_its_mean(material, trained, segmenter, tmp_path):
    other = Segmenter.of(*trained(15, filters=4, blocks=1), Recipe(), PostProcessing())
    both = Segmenter.ensemble([segmenter, other])
    setting = material(f"train.teacher={saved(both, tmp_path / 'both')}")
    for region, square in scored_squares(setting, Scorer(both), "train"):
        np.testing.assert_allclose(setting.taught(region), square.scores[square.inner], atol=HALF)
