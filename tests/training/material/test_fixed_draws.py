"""What stands for a split belongs to the dataset, and not to what is trained on it."""

import numpy as np


def test_a_sample_belongs_to_the_dataset_and_not_to_the_run(material):
    """Two seeds and two neighbourhoods are scored on the same pixels."""
    lattice = "train.validation=lattice"
    sample = material("seed=0", lattice).fixed("val").balanced.pixels
    for overrides in (["seed=5"], ["nbhd=33x33x3", "model.blocks=2"]):
        other = material(*overrides, lattice).fixed("val").balanced.pixels
        for key in ("window", "y", "x", "label"):
            np.testing.assert_array_equal(getattr(other, key), getattr(sample, key))
    drawn = material("sampling.seed=9", lattice).fixed("val").balanced.pixels
    assert not np.array_equal(drawn.x, sample.x)
    assert sample.label.mean() == 0.5


def test_pieces_and_their_lattices_belong_to_the_dataset_and_not_to_the_run(material):
    regions = [region.box for region in material("seed=0").pieces("val").regions]
    for overrides in (["seed=5"], ["nbhd=33x33x3", "model.blocks=2"], ["train.share=0.5"]):
        assert [r.box for r in material(*overrides).pieces("val").regions] == regions
    first, again, other = (
        material("nbhd=33x33x3", "model.blocks=2", seed).fixed("val").lattices(4)
        for seed in ("seed=0", "seed=5", "sampling.seed=9")
    )
    np.testing.assert_array_equal(first.start, again.start)
    assert not np.array_equal(first.start[: len(other)], other.start[: len(first)])
