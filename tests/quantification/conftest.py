"""Segmentations of films whose structure is known."""

import json

import numpy as np
import pytest

from fibsem import quantify
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.analysis.structure.film import Film
from fibsem.config import compose
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import create_volume, open_volume
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume.segmentation import segment_volume
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold
from fibsem.quantification.segmented import Segmented
from fibsem.system.records import typed
from fibsem.system.summaries import QuantificationSummary, SegmentedFilm
from tests.analysis.structure.shapes import boolean

SPACING = (50.0, 10.0, 10.0)


@pytest.fixture(scope="session")
def segment():
    """Function (folder, solid (z, y, x), options, **how) -> folder of its segmentation.

    ``solid`` is 0 to 1, and solid from a half on.
    """
    spec = resolve("threshold", Nbhd(1, 11, 11), "valid")
    segmenter = Segmenter.of(
        spec, Threshold(spec), Recipe(gradient="none", scaling="none"), PostProcessing()
    )

    def make(folder, solid, *, voxel_nm=SPACING, say=lambda _: None, trained=(), **options):
        solid = np.asarray(solid)
        with create_volume(folder / "film", solid.shape, np.uint8, format="tiff") as writer:
            writer.write(0, (60 + 120 * solid).astype(np.uint8))
        for z in options.pop("lost", ()):
            (folder / "film" / f"slice_{z:04d}.tif").unlink()
        gaps = options.get("missing") == "skip"
        how = Options(**{"previews": 0, "valid": "all", **options})
        volume = open_volume(folder / "film", gaps=gaps)
        segment_volume(
            volume, segmenter, folder / "out", how, voxel_nm=voxel_nm, say=say, trained=trained
        )
        return folder / "out"

    return make


@pytest.fixture(scope="session")
def film():
    """A Boolean model with balls of 90 nm, 12 slices of 50 nm."""
    return boolean((600.0, 900.0, 1000.0), 90.0, 0.5, SPACING, seed=4)[0]


@pytest.fixture(scope="session")
def segmented(segment, film, tmp_path_factory):
    """The folder of its segmentation; not to be changed."""
    return segment(tmp_path_factory.mktemp("segmented"), film)


def in_memory(phases, folder, missing=()):
    """A film of phases (z, y, x) as a segmentation of which nothing else is known."""
    told = SegmentedFilm(
        porosity=float("nan"), labels="none", shape=phases.shape, voxel_nm=SPACING, missing=missing
    )
    return Segmented(folder, told, Film.of(phases, SPACING), "nm")


def run(folder, output, *how):
    line = [f"segmentation={folder}", f"output={output}", *how]
    quantify.main(compose("quantify", line))
    record = json.loads((output / "summary.json").read_text())
    typed(QuantificationSummary, record)  # what is written can be read again
    return record
