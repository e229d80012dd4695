"""What is found slab by slab is what is found at once, whatever lies in the film."""

import dataclasses

import numpy as np
import pytest

from fibsem.analysis.structure.cells import CellCounts
from fibsem.analysis.structure.chords import ChordLengths
from fibsem.analysis.structure.components import PoreComponents
from fibsem.analysis.structure.correlation import PairCounts
from fibsem.analysis.structure.film import NEITHER, Film
from fibsem.analysis.structure.surface import Surface
from fibsem.analysis.structure.walk import walk


def found(film, slab):
    cells, surface, chords = CellCounts(film), Surface(film), ChordLengths(film)
    pairs, faces, corners = PairCounts(film, 60.0), PoreComponents(6), PoreComponents(26)
    walk(film, [cells, surface, chords, pairs, faces, corners], slab=slab)
    return {
        "cells": [
            cells.cells.pores.tolist(),
            cells.cells.known_voxels.tolist(),
            cells.pores.tolist(),
        ],
        "surface": surface.per_volume,
        "chords": {
            axis: [one.ended.tolist(), one.cut.tolist()] for axis, one in chords.result.items()
        },
        "longest": chords.longest,
        "pairs": {axis: dataclasses.astuple(one) for axis, one in pairs.result.items()},
        "components": [dataclasses.astuple(one.result) for one in (faces, corners)],
    }


@pytest.fixture(scope="module")
def film():
    """Noise at the threshold of percolation, with a lost slice, a rim and a hole."""
    rng = np.random.default_rng(3)
    phases = (rng.random((23, 40, 50)) > 0.33).astype(np.uint8)
    phases[9] = phases[:, :3] = phases[:, :, 46:] = phases[14:17, 10:20, 10:20] = NEITHER
    return Film.of(phases, (50.0, 10.0, 10.0))


@pytest.mark.parametrize("slab", [1, 2, 7, 22])
def test_slabs_find_what_the_whole_film_finds(film, slab):
    assert found(film, slab) == found(film, None)
