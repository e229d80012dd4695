"""Fixed samples of a split on which trainings are scored: pixels, pieces and lattices.

Pixels and pieces depend only on the dataset, its split, the share and the sampling seed, so that
networks of any neighbourhood share them. The number of scored pixels within a piece depends on the
network, because its lattices have the stride of the network.
"""

from __future__ import annotations

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.split import Split
from fibsem.data.lattices import Lattices, draw_lattices
from fibsem.data.pieces import Pieces, draw_pieces
from fibsem.data.sampling import LatticeSample, lattice_pixels, sample_size
from fibsem.data.windows import LabelledWindow, labelled_regions, read_windows
from fibsem.training.material.material import PIECES, Material


def balanced_sample(material: Material, split: Split) -> LatticeSample:
    """Return the fixed sample of a split, with equal numbers of pore and solid pixels."""
    labels = [window.labels for window in material.windows(split)]
    labelled = sum(int((window != IGNORE).sum()) for window in labels)
    size = max(2, sample_size(labelled, material.config.train.share))
    return lattice_pixels(labels, size, material.rng(split))


def pieces_of(material: Material, split: Split) -> Pieces:
    """Return the fixed pieces that represent a split; see :mod:`fibsem.data.pieces`."""
    drawn, key = material.cache.pieces, (split, material.config.sampling.seed)
    if key not in drawn:
        regions = labelled_regions(material.dataset, split)
        drawn[key] = draw_pieces(regions, material.rng(split, PIECES))
    return drawn[key]


def piece_windows(material: Material, split: Split) -> tuple[LabelledWindow, ...]:
    """Return the pieces of a split with their surroundings, aligned to the network's pooling.

    Memory: 64 pieces of 208 x 208 x 11 at 81 x 81 x 11 are 122 MB for any split.
    """
    read, spec = material.cache.windows, material.config.spec
    halo, multiple = spec.halo, spec.alignment
    key = ("pieces", split, material.config.sampling.seed, halo, multiple)
    if key not in read:
        regions = pieces_of(material, split).regions
        read[key] = read_windows(regions, material.volumes, halo, multiple=multiple)
    return read[key]


def piece_lattices(material: Material, split: Split, most: int) -> Lattices:
    """Return at most ``most`` fixed lattices of the pieces, shared by networks of equal stride."""
    stride = material.config.spec.stride
    labels = [window.labels for window in piece_windows(material, split)]
    rng = material.rng(split, PIECES, stride)
    return draw_lattices(pieces_of(material, split), labels, stride, most, rng)
