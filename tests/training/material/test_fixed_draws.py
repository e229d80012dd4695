"""What stands for a split belongs to the dataset, and not to what is trained on it."""

import numpy as np

from fibsem.training.material.fixed_draws import balanced_sample, piece_lattices, pieces_of


def test_a_sample_belongs_to_the_dataset_and_not_to_the_run(material):
    """Two seeds and two neighbourhoods are scored on the same pixels."""
    sample = balanced_sample(material("seed=0"), "val").pixels
    for overrides in (["seed=5"], ["nbhd=33x33x3", "model.blocks=2"]):
        other = balanced_sample(material(*overrides), "val").pixels
        for key in ("window", "y", "x", "label"):
            np.testing.assert_array_equal(getattr(other, key), getattr(sample, key))
    drawn = balanced_sample(material("sampling.seed=9"), "val").pixels
    assert not np.array_equal(drawn.x, sample.x)
    assert sample.label.mean() == 0.5


def test_pieces_and_their_lattices_belong_to_the_dataset_and_not_to_the_run(material):
    regions = [region.box for region in pieces_of(material("seed=0"), "val").regions]
    for overrides in (["seed=5"], ["nbhd=33x33x3", "model.blocks=2"], ["train.share=0.5"]):
        assert [r.box for r in pieces_of(material(*overrides), "val").regions] == regions
    first, again, other = (
        piece_lattices(material("nbhd=33x33x3", "model.blocks=2", seed), "val", 4)
        for seed in ("seed=0", "seed=5", "sampling.seed=9")
    )
    np.testing.assert_array_equal(first.start, again.start)
    assert not np.array_equal(first.start[: len(other)], other.start[: len(first)])
