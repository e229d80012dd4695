"""Weights of one network in another: the scores that it begins with are those of that one."""

import numpy as np

from fibsem import models
from fibsem.geometry import Nbhd
from fibsem.training.beginning.fitting import fill, layers_of


def test_of_several_networks_the_one_that_fits_best_is_taken(trained):
    """The layers of an ensemble are not mixed, for which they would mean nothing together."""
    (spec, network), (small, another) = trained(11), trained(11, filters=4)
    given = ((small, layers_of(another)), (spec, layers_of(network)))
    new = models.build(spec)
    assert fill(new, given).layers == len(layers_of(network))
    for one, other in zip(new.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_normalisation_a_network_begins_with_the_scores_of_one_that_has_it(trained):
    """Its kernels alone, of the same names and shapes, give others altogether."""
    spec, network = trained(1, 3, "unet", blocks=2, filters=4)
    layers = layers_of(network)
    plain = models.resolve("unet", spec.nbhd, "valid", {**spec.hyperparameters, "norm": "none"})
    new, reach = models.build(plain), 2 * spec.halo[1]
    fit = fill(new, ((spec, layers),))
    assert (fit.layers, fit.weights) == (fit.of_layers, fit.of_weights)
    seen = np.random.default_rng(0).normal(size=(1, 8 + reach, 8 + reach, 3)).astype("f4")
    right = network(seen).numpy()
    np.testing.assert_allclose(new(seen).numpy(), right, atol=1e-4)
    new.get_layer("stem").set_weights(layers["stem"])
    assert abs(new(seen).numpy() - right).max() > 0.01


def test_a_network_that_alone_normalises_begins_with_the_scores_all_the_same(trained):
    spec, network = trained(1, 3, "unet", blocks=2, filters=4, norm="none")
    hp = {**spec.hyperparameters, "norm": "batch"}
    new, reach = models.build(models.resolve("unet", spec.nbhd, "valid", hp)), 2 * spec.halo[1]
    fit = fill(new, ((spec, layers_of(network)),))
    assert fit.layers == len(layers_of(network)) < fit.of_layers
    seen = np.random.default_rng(0).normal(size=(1, 8 + reach, 8 + reach, 3)).astype("f4")
    np.testing.assert_allclose(new(seen).numpy(), network(seen).numpy(), atol=0.01)


def test_a_kernel_over_runs_of_slices_begins_with_that_of_three(trained):
    """What sees the planes begins anew, and all that follows with what it was."""
    spec, network = trained(1, 3, "unet", blocks=2, filters=4)
    hp, given = {**spec.hyperparameters, "slices": "3d"}, layers_of(network)
    new = models.build(models.resolve("unet", Nbhd(7, 1, 1), "valid", hp))
    fill(new, ((spec, given),))
    now = layers_of(new)
    same = {name for name in now if name in given and np.array_equal(now[name][0], given[name][0])}
    assert now.keys() - same == {"down1a", "down1_same"}
