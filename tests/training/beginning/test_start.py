"""``train.init``: what a training begins with, where that fits, and that it is no other weights."""

import re
import shutil
from dataclasses import replace

import mlflow
import numpy as np
import pytest

from fibsem import models, train
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import Configuration, compose, settings_of
from fibsem.data.dataset.learned import learned_squares
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.phantom import simulate
from fibsem.data.phantom.recipe import THESIS_FILMS
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Segmenter
from fibsem.models.pretrained import pretrained, read, write
from fibsem.system.files import read_json
from fibsem.system.identity import Identity, differences
from fibsem.tracking import names
from fibsem.tracking.audit import Audit, places_of
from fibsem.tracking.bundle import Bundle, load_bundle
from fibsem.training.beginning.fitting import layers_of
from fibsem.training.beginning.start import learned_of_test, pinned, start_of, suited
from fibsem.training.material.datasets import obtain
from fibsem.training.material.material import Material
from fibsem.training.steps import fit
from fibsem.training.steps.learner import Learner, compiled_for_steps
from tests.conftest import TINY, CutOffError, divided_anew


@pytest.fixture(scope="module")
def common(small, new_store, tmp_path_factory):
    return [*small, *new_store(tmp_path_factory.mktemp("start"))]


@pytest.fixture(scope="module")
def former(common, tmp_path_factory):
    """Folder of a finished training."""
    folder = tmp_path_factory.mktemp("former") / "run"
    train.main(compose("train", [*common, f"output={folder}"]))
    return folder


def weights_in(folder):
    """Weights of the network that a training left, by layer."""
    settings = Identity.beside(folder).settings
    config = Configuration(compose("train", [f"nbhd={settings['nbhd']}", "model.blocks=1",
                                            "model.filters=4"])).run  # fmt: skip
    return layers_of(models.load(config.spec, folder))


def test_a_training_begins_with_the_weights_of_another(common, former, tmp_path, capsys):
    """A step at no rate leaves them as they were, whatever the seed; and all is told."""
    how = ["seed=5", "train.epochs=1", "train.steps=1", "train.learning_rate=1e-12"]
    train.main(compose("train", [*common, *how, f"train.init={former}", f"output={tmp_path}"]))
    begun, before = weights_in(tmp_path), weights_in(former)
    assert begun.keys() == before.keys()
    for name, weights in before.items():
        for one, other in zip(begun[name], weights, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
    record = read_json(tmp_path / "summary.json")
    count = sum(weight.size for weights in before.values() for weight in weights)
    assert record["start"] == {
        "layers": len(before), "of_layers": len(before), "weights": count, "of_weights": count,
    }  # fmt: skip
    said = capsys.readouterr()
    assert f"{len(before)} of {len(before)} layers fit, 100% of the weights" in said.out
    assert "has learned from" not in said.err  # of the same parts
    assert record["test_squares_learned"] == 0
    run = mlflow.MlflowClient(common[-2].partition("=")[2]).get_run(record["run_id"])
    address, _, digest = run.data.tags[names.INIT].partition("#")
    assert address == str(former.resolve())
    assert Identity.beside(tmp_path).settings["train.init"] == digest
    assert run.data.params["train.init"] == run.data.tags[names.INIT]


def test_layers_that_do_not_fit_begin_anew(common, former):
    """Of a larger patch only the layer differs that sees what convolutions leave of it."""
    config = Configuration(compose("train", [*common, "nbhd=15x15x3", f"train.init={former}"])).run
    learner = Learner.of(config)
    own, given = layers_of(learner.steps), weights_in(former)
    differing = [name for name in own if own[name][0].shape != given[name][0].shape]
    assert len(differing) == 1
    assert learner.fit.layers == len(own) - 1
    assert learner.fit.weights == sum(
        w.size for name in given if name not in differing for w in given[name]
    )
    for name in own.keys() - set(differing):
        np.testing.assert_array_equal(own[name][0], given[name][0])


@pytest.mark.parametrize("depth", [1, 5])
def test_another_number_of_slices_begins_with_the_same_scores(common, former, depth):
    """One slice as it would be between two like itself; of five, the middle three alone count."""

    def network(n_z):
        given = compose("train", [*common, f"nbhd=11x11x{n_z}", f"train.init={former}"])
        learner = Learner.of(Configuration(given).run)
        assert learner.fit.weights == learner.fit.of_weights
        return learner.scored

    seen = np.random.default_rng(0).normal(size=(2, 11, 11, 5)).astype("f4")
    three = np.repeat(seen[..., 2:3], 3, -1) if depth == 1 else seen[..., 1:4]
    other = seen[..., 2:3] if depth == 1 else seen
    np.testing.assert_allclose(network(depth)(other), network(3)(three), atol=1e-5)


#: A U-Net like the one whose weights come with the package.
LIKE_SHIPPED = ["model=unet", "model.blocks=2", "model.growth=2d"]


def test_a_unet_begins_with_what_comes_with_the_package(common, tmp_path, monkeypatch, capsys):
    """Its first epoch at no rate is that network, and the run says which weights they were."""

    def in_steps(*what):
        network = compiled_for_steps(*what)
        network.run_eagerly = True  # one step is not worth a graph
        return network

    monkeypatch.setattr("fibsem.training.steps.learner.compiled_for_steps", in_steps)
    how = ["train.grid=32", "train.windows=1", "train.steps=1", "train.epochs=1",
           "train.learning_rate=1e-12", "train.optimizer=sgd", *LIKE_SHIPPED]  # fmt: skip
    plain = [key for key in common if not key.startswith(("model.", "train.init"))]
    given = compose("train", [*plain, *how, f"output={tmp_path}"])
    train.main(given)
    ((_, layers),) = pretrained()
    record = read_json(tmp_path / "summary.json")
    assert record["start"]["weights"] == record["start"]["of_weights"]
    assert "begins with weights that come with fibsem" in capsys.readouterr().out
    begun = layers_of(models.load(Configuration(given).run.spec, tmp_path))
    for name in ("stem", "down3a", "up2_grow", "score"):
        np.testing.assert_allclose(begun[name][0], layers[name][0], atol=1e-5)
    assert len(Identity.beside(tmp_path).settings["train.init"]) == 16


def test_the_deeper_levels_of_the_default_unet_are_random(common, capsys):
    """All others begin with what comes with the package."""
    plain = [key for key in common if not key.startswith(("model.", "train.init"))]
    given = pinned(Configuration(compose("train", [*plain, "model=unet"])))
    assert "begins with weights that come with fibsem" in capsys.readouterr().out
    learner = Learner.of(given.run)
    assert 0 < learner.fit.weights < learner.fit.of_weights
    ((_, layers),) = pretrained()
    begun = layers_of(learner.steps)
    for name in ("stem", "down2b", "up1a", "score"):
        np.testing.assert_array_equal(begun[name][0], layers[name][0])


@pytest.mark.parametrize("key", ["model=2dcnn", "model.filters=7", "preprocess.scaling=none"])
def test_where_nothing_of_the_package_fits_weights_are_random(common, key, capsys):
    plain = [one for one in common if not one.startswith("model.")]
    given = Configuration(compose("train", [*plain, "model=unet", key]))
    assert pinned(given).run.train.init is None
    assert capsys.readouterr().out == ""


def test_of_several_architectures_each_begins_with_its_own(common, capsys):
    plain = [one for one in common if not one.startswith("model.")]
    names_of = ("model=unet", "model=3dcnn", "model=forest")
    given = [Configuration(compose("train", [*plain, name])) for name in names_of]
    sweep = Configuration(compose("sweep", [*plain, "model=auto"]))
    told = pinned(sweep, *(each.run for each in given)).tree["train"]["init"]
    assert re.fullmatch(r"auto#[0-9a-f]{16}", told)
    assert capsys.readouterr().out.count(" begins with ") == 1
    with_all = [Configuration(compose("train", [*plain, name, f"train.init={told}"])).run
                for name in names_of]  # fmt: skip
    assert Learner.of(with_all[0]).fit.layers > 0
    assert Learner.of(with_all[1]).fit is None
    assert with_all[2].train.init is None


def test_weights_of_the_package_are_read_as_they_were_written(tmp_path):
    spec = Configuration(compose("train", ["model=unet", "nbhd=33x33x5"])).run.spec
    layers = {"stem": [np.full((4, 4, 5, 16), 0.5, "f4"), np.zeros(16, "f4")]}
    write(tmp_path / "unet.npz", spec, layers)
    again, kept = read(tmp_path / "unet.npz")
    assert again == spec
    assert kept.keys() == layers.keys()
    for one, other in zip(kept["stem"], layers["stem"], strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other)


def test_a_training_that_dies_begins_again_with_them(common, former):
    """And one whose learner was timed before."""
    config = Configuration(compose("train", [*common, f"train.init={former}"])).run
    learner = Learner.of(config)
    learner.steps.set_weights([weight + 1 for weight in learner.steps.get_weights()])
    learner.begin(config.spec, 7)
    for network in (learner.steps, learner.scored):
        for name, weights in weights_in(former).items():
            np.testing.assert_array_equal(network.get_layer(name).get_weights()[0], weights[0])


@pytest.mark.slow
def test_cut_off_it_goes_on_as_if_nothing_had_happened(material, former, tmp_path):
    setting = material(f"train.init={former}", "train.epochs=2")
    assert setting.config.spec.hyperparameters["dropout"] > 0
    undisturbed, seen = fit.train(setting), []

    def stop(epoch):
        seen.append(epoch)
        raise CutOffError

    file = tmp_path / "checkpoint.npz"
    with pytest.raises(CutOffError):
        fit.train(setting, checkpoint=file, on_epoch=stop)
    resumed = fit.train(setting, checkpoint=file)
    assert [e.val for e in resumed.history] == [e.val for e in undisturbed.history]
    for a, b in zip(resumed.model.get_weights(), undisturbed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert resumed.fit == undisturbed.fit


def test_a_bundle_is_begun_with_and_named_by_where_it_is_for_good(
    common, trained, tmp_path, monkeypatch
):
    spec, network = trained(11, filters=4, blocks=1)
    segmenter = Segmenter.of(spec, network, Recipe(), PostProcessing())
    Bundle(segmenter, (50.0, 10.0, 10.0)).save(tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    config = Configuration(compose("train", [*common, "train.init=bundle"])).run
    start = start_of(config.train.init, config.tracking.absolute_uri)
    assert start.address.partition("#")[0] == str((tmp_path / "bundle").resolve())
    assert start.scaling == Recipe().scaling
    ((_, layers),) = start.networks
    for name, weights in layers_of(network).items():
        for one, other in zip(layers[name], weights, strict=True):
            np.testing.assert_array_equal(one, other)


SWAPPED = {"train": "test", "test": "train"}


@pytest.mark.parametrize("kind", ["bundle", "training"])
def test_test_squares_that_the_start_has_learned_from_are_counted(
    common, former, tiny, tmp_path, capsys, kind
):
    own = learned_squares(load_dataset(tiny))
    ((spec, _),) = start_of(str(former), "").networks
    segmenter = Segmenter.of(spec, models.load(spec, former), Recipe(), PostProcessing())
    audit = Audit(dataset="another", data="0-0", learned=places_of(own))
    Bundle(segmenter, (50.0, 10.0, 10.0), audit).save(tmp_path / "bundle")
    film, out = divided_anew(tiny, tmp_path / "film", SWAPPED), tmp_path / "swapped"
    how = ["train.epochs=1", "train.steps=1", "train.learning_rate=1e-12",
           f"train.init={tmp_path / 'bundle' if kind == 'bundle' else former}"]  # fmt: skip
    begun = pinned(Configuration(compose("train", [*common, *how])), dataset=load_dataset(tiny)).run
    assert "has learned from" not in capsys.readouterr().err
    uri = begun.tracking.absolute_uri
    assert learned_of_test(begun.train.init, uri, load_dataset(tiny)) == 0
    tree = compose("train", [*common, *how, f"data.path={film}", f"output={out}"])
    swapped = pinned(Configuration(tree), dataset=load_dataset(film)).run
    said = "warning: its start (train.init) has learned from 3 of 3 test squares"
    assert said in capsys.readouterr().err
    assert learned_of_test(swapped.train.init, uri, load_dataset(film)) == 3
    if kind == "training":  # which notes it as those from a bundle do
        train.main(tree)
        assert said in capsys.readouterr().err
        assert read_json(out / "summary.json")["test_squares_learned"] == 3
        learned = load_bundle(out).learned
        assert sum(map(len, learned.values())) == sum(map(len, own.values())) + 1


@pytest.mark.parametrize(
    ("base", "scalings", "kept"),
    [("standardise", ("standardise", "none"), True), ("none", ("standardise", "none"), True),
     ("standardise", ("none",), False), ("none", (), False)],
)  # fmt: skip
def test_trials_begin_with_the_packages_weights_where_they_scale_alike(base, scalings, kept):
    """All began with them, or none, by how the first one scales."""
    line = ["model=unet", "nbhd=33x33x1", f"preprocess.scaling={base}"]
    given = pinned(Configuration(compose("train", line)), scalings=scalings)
    assert (given.tree["train"]["init"] is not None) == kept
    for scaling in scalings:
        begins = suited(given.tree["train"]["init"], scaling)
        assert (begins is not None) == (kept and scaling == "standardise")


def test_named_weights_are_refused_where_some_trials_scale_otherwise(common, former):
    given = Configuration(compose("train", [*common, f"train.init={former}"]))
    with pytest.raises(UserError, match=r"must be standardise, as of .* but got minmax, none"):
        pinned(given, scalings=("none", "standardise", "minmax"))


def test_a_start_that_does_not_know_its_squares_may_have_seen_those_of_the_test(
    common, former, trained, tiny, tmp_path, capsys
):
    segmenter = Segmenter.of(*trained(11, filters=4, blocks=1), Recipe(), PostProcessing())
    audit = Audit(dataset="phantom", data=load_dataset(tiny).hash)
    Bundle(segmenter, (50.0, 10.0, 10.0), audit).save(tmp_path / "bundle")
    film = divided_anew(tiny, tmp_path / "film", SWAPPED)
    shutil.copytree(former, tmp_path / "run", ignore=shutil.ignore_patterns("bundle.json"))
    for place in (tmp_path / "run", tmp_path / "bundle"):
        for path, told in ((tiny, 0), (film, None)):
            tree = compose("train", [*common, f"train.init={place}", f"data.path={path}"])
            config = (given := Configuration(tree)).run
            dataset = obtain(config.data, config.split)
            pinned(given, dataset=dataset)
            assert learned_of_test(config.train.init, config.tracking.absolute_uri, dataset) == told
            assert ("may have learned from test" in capsys.readouterr().err) == (told is None)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model=unet", r"`train.init` must have a layer that fits unet 11x11x3, but none of .*run "
                       r"\(2dcnn 11x11x3\) does; the choices are its model and nbhd"),
        ("preprocess.scaling=none", r"`preprocess.scaling` must be standardise, as of .* got none"),
        ("model=threshold", r"`train.init` must be null for model=threshold"),
        ("train.init=nowhere", r"`train.init` must be a folder with .* but nowhere is not there"),
        ("train.init=models:/fibsem@nobody", r"`train.init` must name a registered model"),
        ("train.init={}#0123456789abcdef", r"`train.init` must be the weights that this was begun"),
    ],
)  # fmt: skip
def test_what_cannot_be_begun_with_is_said_in_one_line(common, former, tmp_path, override, said):
    kept = [key for key in common if not (override[:6] == "model=" and key[:6] == "model.")]
    given = [*kept, f"train.init={former}", f"output={tmp_path}", override.format(former)]
    with pytest.raises(UserError, match=said) as caught:
        train.main(compose("train", given))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "result.json").exists()


def test_other_weights_at_the_same_place_make_another_training(common, former, tmp_path):
    """Even in one process, which has read the former ones."""
    place = shutil.copytree(former, tmp_path / "place")
    given = Configuration(compose("train", [*common, f"train.init={place}"]))
    before = pinned(given)
    ((spec, _),) = start_of(before.run.train.init, before.run.tracking.absolute_uri).networks
    network = models.load(spec, place)
    network.set_weights([weight + 1 for weight in network.get_weights()])
    models.save(spec, network, place)
    now = pinned(given)
    one, other = (Identity("training", settings_of("train", of.tree), {}) for of in (before, now))
    (said,) = differences(one, other)
    assert re.fullmatch(r"train\.init \(\w{16}, now \w{16}\)", said)


@pytest.mark.parametrize("kind", ["run", "bundle"])
def test_weights_at_home_are_found_again(common, former, tmp_path, monkeypatch, kind):
    """Bash leaves ``train.init=~/run`` as it is; a folder ~ was kept, of the working folder."""
    home = former.parent if kind == "run" else tmp_path
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    if kind == "bundle":
        spec = Configuration(compose("train", common)).run.spec
        segmenter = Segmenter.of(spec, models.load(spec, former), Recipe(), PostProcessing())
        Bundle(segmenter, (50.0, 10.0, 10.0)).save(tmp_path / kind)
    begun = pinned(Configuration(compose("train", [*common, f"train.init=~/{kind}"])))
    address = begun.run.train.init
    assert address.partition("#")[0] == str((home / kind).resolve())
    assert pinned(begun).run.train.init == address


def test_where_the_weights_lie_does_not_count(common, former, tmp_path):
    moved = shutil.copytree(former, tmp_path / "moved")
    trees = [compose("train", [*common, f"train.init={place}"]) for place in (former, moved)]
    one, other = (settings_of("train", pinned(Configuration(tree)).tree) for tree in trees)
    assert one == other != settings_of("train", compose("train", common))


@pytest.mark.slow
def test_on_another_film_it_takes_fewer_steps_to_the_same_score(tmp_path):
    """The validation loss of 160 steps from nothing, in half of them with another film's weights.

    Films that differ in their structure and their greys.
    """

    def setting(film, *overrides):
        how = [f"data.path={tmp_path / film}", "nbhd=11x11x3", "model.blocks=1", "model.filters=8",
               "train.epochs=8", "train.steps=20", "train.schedule=constant",
               "train.patience=null"]  # fmt: skip
        return Configuration(compose("train", [*how, *overrides])).run

    def losses(config, folder=None):
        found = fit.train(Material(obtain(config.data, config.split), config))
        if folder:
            models.save(config.spec, found.model, folder)
            Identity("training", config.settings, {}).write(folder)
        return [epoch.val["loss"] for epoch in found.history]

    for film, name in (("one", "HPC30"), ("other", "HPC45")):
        recipe = replace(TINY, seed=len(film), samples={name: THESIS_FILMS[name]})
        simulate(recipe, tmp_path / film)
    losses(setting("one"), tmp_path / "former")
    alone = losses(setting("other"))
    helped = losses(setting("other", f"train.init={tmp_path / 'former'}"))
    assert min(helped[:4]) <= min(alone)
