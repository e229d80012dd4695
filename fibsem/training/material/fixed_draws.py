"""The fixed pixels, pieces and lattices that stand for a split: a training is scored on them.

Pixels and pieces depend on the dataset, its split, the share and the sampling seed alone: all
networks share them, whatever their neighbourhood. How many pixels of a piece are scored is a
network's own: its lattices have its stride.
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
    """The fixed balanced sample of a split."""
    labels = [window.labels for window in material.windows(split)]
    labelled = sum(int((window != IGNORE).sum()) for window in labels)
    size = max(2, sample_size(labelled, material.config.train.share))
    return lattice_pixels(labels, size, material.rng(split))


def pieces_of(material: Material, split: Split) -> Pieces:
    """The fixed pieces that stand for a split."""
    drawn, key = material.cache.pieces, (split, material.config.sampling.seed)
    if key not in drawn:
        regions = labelled_regions(material.dataset, split)
        drawn[key] = draw_pieces(regions, material.rng(split, PIECES))
    return drawn[key]


def piece_windows(material: Material, split: Split) -> tuple[LabelledWindow, ...]:
    """Pieces with their surroundings, from where a network's pools fall in the slice.

    Memory: 64 pieces of 208 x 208 x 11 at 81 x 81 x 11 are 122 MB, whatever the split.
    """
    read, spec = material.cache.windows, material.config.spec
    halo, multiple = spec.halo, spec.alignment
    key = ("pieces", split, material.config.sampling.seed, halo, multiple)
    if key not in read:
        regions = pieces_of(material, split).regions
        read[key] = read_windows(regions, material.volumes, halo, multiple=multiple)
    return read[key]


def piece_lattices(material: Material, split: Split, most: int) -> Lattices:
    """The fixed lattices of those pieces, at most so many, that networks of a stride have."""
    stride = material.config.spec.stride
    labels = [window.labels for window in piece_windows(material, split)]
    rng = material.rng(split, PIECES, stride)
    return draw_lattices(pieces_of(material, split), labels, stride, most, rng)
