"""What every model must do, whatever it is: one suite for all of them."""

import keras
import numpy as np
import pytest

from fibsem import models
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import fit_correction
from fibsem.data.volumes import ArrayVolume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box, Nbhd
from fibsem.inference.model.predict import BlockScorer
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.tiling.tiles import choose_tiling
from fibsem.inference.volume.labelling.slab import SlabWorker
from fibsem.models.dense import dense_twin
from fibsem.models.spec import MODELS, resolve
from fibsem.training.steps.fit import train
from tests import once
from tests.inference.volume.segmented import segment_volume

PIXEL = [name for name, known in MODELS.items() if known.family == "pixel"]
SQUARES = [name for name, known in MODELS.items() if known.family == "squares"]
EVERY_NETWORK = [
    (name, padding) for name in (*PIXEL, *SQUARES) for padding in MODELS[name].paddings
]
ONE_PADDING = [name for name, known in MODELS.items() if len(known.paddings) == 1]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_parameter_counts_of_valid_networks():
    def count(name, nbhd):
        return models.build(resolve(name, Nbhd.parse(nbhd), "valid")).count_params()

    assert count("2dcnn", "49x49x3") == 113_297  # three blocks 16, 32, 64
    assert 200_000 < count("unet", "33x33x3") < 300_000


@pytest.mark.parametrize(
    ("name", "padding", "nz"),
    [(*network, nz) for network in EVERY_NETWORK for nz in (1, 5)
     if network[0] in ONE_PADDING or (network[1] == "same") == (nz == 5)],
)  # fmt: skip
def test_one_window_gives_one_probability(name, padding, nz):
    spec = resolve(name, Nbhd(nz, 33, 33), padding)
    scores = models.build(spec)(noise(2, *spec.window, nz)).numpy()
    assert scores.shape == (2, 1, 1, 1)
    assert ((scores >= 0) & (scores <= 1)).all()  # 1.0 where single precision holds no more


@pytest.mark.parametrize(("name", "padding"), EVERY_NETWORK)
def test_one_step_lowers_the_loss_on_a_fixed_batch(name, padding):
    keras.utils.set_random_seed(1)
    spec = resolve(name, Nbhd(3, 11, 11), padding, {"dropout": 0.0} if name in PIXEL else {})
    model = models.build(spec)
    # one step is not worth a graph
    model.compile(keras.optimizers.SGD(0.001), "binary_crossentropy", run_eagerly=True)
    images = noise(8, *spec.window, 3)
    solid = (images.mean(axis=(1, 2, 3)) > 0).astype("float32").reshape(-1, 1, 1, 1)

    def loss():  # with the statistics of the batch: a step hardly moves those of use
        scores = model(images, training=True)
        return float(keras.ops.mean(keras.losses.binary_crossentropy(solid, scores)))

    before = loss()
    model.train_on_batch(images, solid)
    assert loss() < before


def seen(model, shape):
    """Which input pixels the score of one window depends on, (y, x, z) bool."""
    window = noise(1, *shape, seed=3)
    plain = model(window).numpy().item()
    every = np.repeat(window, np.prod(shape), axis=0).reshape(-1, np.prod(shape))
    np.fill_diagonal(every, window.ravel() + 3)
    return np.abs(model(every.reshape(-1, *shape)).numpy().ravel() - plain).reshape(shape) > 1e-6


def test_triplanar_sees_three_planes_and_nothing_else(trained):
    """Corners apart, which the pool of 11 pixels leaves out: the field is 10 wide."""
    _, model = trained(11, 5, "triplanar")
    y, x, z = np.indices((11, 11, 5))
    planes = (y == 5) | (x == 5) | (z == 2)
    inside = (y < 10) & (x < 10)
    found = seen(model, (11, 11, 5))
    assert not found[~planes].any()
    assert found[planes & inside].mean() > 0.95


@pytest.mark.parametrize("name", ["2dcnn", "3dcnn", "multichannel"])
def test_others_see_the_whole_field(trained, name):
    _, model = trained(11, 5, name)
    assert seen(model, (11, 11, 5))[:10, :10].mean() > 0.95


def test_mean_over_z_does_not_know_the_order_of_slices(trained):
    _, model = trained(11, 5, "mv2dcnn")
    window = noise(4, 11, 11, 5)
    np.testing.assert_allclose(model(window), model(window[..., ::-1]), atol=1e-6)


def test_1dcnn_says_why_it_has_no_dense_form():
    spec = resolve("1dcnn", Nbhd(5, 11, 11), "same")
    with pytest.raises(UserError, match=r"1dcnn.*one pixel needs one patch"):
        dense_twin(spec, models.build(spec))
    with pytest.raises(UserError, match=r"1dcnn.*model.padding=same"):
        resolve("1dcnn", Nbhd(5, 11, 11), "valid")


@pytest.mark.parametrize("name", PIXEL)
def test_impossible_geometry_is_refused_with_the_largest_number_of_blocks(name):
    padding = MODELS[name].paddings[0]
    with pytest.raises(UserError, match=r"model\.blocks.*must lie in 1\.\..*11x11x3.*got 9"):
        resolve(name, Nbhd(3, 11, 11), padding, {"blocks": 9})


@pytest.mark.parametrize("name", ONE_PADDING)
def test_models_with_one_padding_refuse_the_other(name):
    (only,) = MODELS[name].paddings
    other = "same" if only == "valid" else "valid"
    with pytest.raises(UserError, match=f"`model={name}` needs model.padding={only}, but.*{other}"):
        resolve(name, Nbhd(3, 11, 11), other)


def test_an_unknown_model_is_refused_with_the_choices():
    with pytest.raises(UserError, match=r"2dcnn, mv2dcnn.*got resnet"):
        resolve("resnet", Nbhd(3, 11, 11), "valid")


#: Overrides of a tiny training, by what it is of ...
TINY = {
    "pixel": ["model.blocks=1", "model.filters=4"],
    "squares": ["model.blocks=1", "model.filters=4", "train.grid=16", "train.windows=2"],
    "features": [],
}
#: ... and of models that take some time nevertheless.
FEW_TREES = {"forest": ["model.trees=8", "model.sigmas=[1,2]"]}
#: What a whole training is made of: every model, and a U-Net whose first convolution is another.
TRAINED = {name: [f"model={name}", "nbhd=11x11x3"] for name in MODELS}
TRAINED["unet 3d"] = ["model=unet", "nbhd=11x11x5", "model.slices=3d"]


@pytest.fixture(scope="module")
def fitted(material):
    """Function (one of TRAINED) -> (material, trained): an epoch of eight steps, tiny phantom."""
    made = {}

    def make(one):
        if one not in made:
            name = one.partition(" ")[0]
            given = FEW_TREES.get(name, TINY[MODELS[name].family])
            how = ["train.epochs=1", "train.steps=8", "train.optimizer=sgd"]
            mine = material(*TRAINED[one], *how, *given)
            with once.graphs_as_written():  # of steps, that is: of scores they are as in use
                made[one] = mine, train(mine)
        return made[one]

    return make


@pytest.mark.parametrize("name", TRAINED)
def test_trains_on_a_dataset(fitted, name):
    _, trained = fitted(name)
    assert np.isfinite(trained.best.val["loss"])
    assert 0 < trained.best.val["miou"] <= 1


@pytest.mark.parametrize("name", TRAINED)
def test_saved_and_loaded_it_gives_equal_scores(fitted, name, tmp_path):
    material, trained = fitted(name)
    spec = material.config.spec
    models.save(spec, trained.model, tmp_path)
    loaded = models.load(spec, tmp_path)
    assert not [file for file in tmp_path.iterdir() if file.suffix in (".pkl", ".joblib")]
    window = material.val[0]
    scorers = [BlockScorer(spec, model) for model in (trained.model, loaded)]
    for scorer in scorers:
        scorer.look(material.volumes[window.region.sample].slice(window.region.box.start[0]))
    ours, theirs = (scorer(window.image[: 2 * spec.halo[1] + 20]) for scorer in scorers)
    assert ours.std() > 0
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", TRAINED)
def test_segments_a_volume_whatever_the_tiles(fitted, name, tiny, tmp_path):
    material, trained = fitted(name)
    config = material.config
    segmenter = Segmenter.of(
        config.spec, trained.model, config.preprocess, PostProcessing(sigma=1.0), name
    )
    volume = open_volume(tiny / "HPC45" / "slices")
    crop = ArrayVolume(volume.read(Box((0, 0, 0), (3, 70, 85))))
    symmetry = 2 if config.spec.name == "unet" else 1
    certificate = config.spec.family == "squares" or None
    how = Options(slab=2, symmetry=symmetry, certificate=certificate, previews=0)
    record = segment_volume(crop, segmenter, tmp_path / "out", how, say=str)
    assert record["voxels"] == 3 * 70 * 85
    assert 0 <= record["porosity"] <= 1
    assert (tmp_path / "out" / "summary.json").is_file()
    if config.spec.is_network and not config.spec.convertible:
        return  # patch by patch; tiles have no meaning
    correction = fit_correction(crop, segmenter.recipe)
    scorer = Scorer(segmenter)
    whole, tiled = (
        SlabWorker(
            crop, correction, segmenter, scorer, choose_tiling(scorer, crop.shape[1:], memory_gib)
        )
        for memory_gib in (4.0, 0.0005)
    )
    assert len(tiled.tiling.tiles) > len(whole.tiling.tiles) == 1
    for a, b in zip(whole.scored(range(3)), tiled.scored(range(3)), strict=True):
        np.testing.assert_allclose(a.scores, b.scores, rtol=0, atol=1e-5)
