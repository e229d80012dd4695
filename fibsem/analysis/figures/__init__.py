"""Figures of data, trainings and results; only this package imports matplotlib.

Every function takes arrays and returns a `Figure`; no figure is shown and no global state changes.
"""

from fibsem.analysis.figures.calibration import reliability
from fibsem.analysis.figures.data import classes, gradients, histograms, squares
from fibsem.analysis.figures.networks import feature_maps, network
from fibsem.analysis.figures.postprocessing import postprocessing_steps, postprocessing_surface
from fibsem.analysis.figures.segmentations import one_square, overlay, porosity_by_slice
from fibsem.analysis.figures.structure import pore_sizes, porosity_of_parts
from fibsem.analysis.figures.style import png, save, svg
from fibsem.analysis.figures.sweeps import (
    bars,
    error_maps,
    history,
    parallel_coordinates,
    pareto,
    searches,
)
from fibsem.analysis.figures.training import (
    boxes,
    differences,
    learning_bands,
    learning_curves,
    miou_by_neighbourhood,
)

__all__ = [
    "bars",
    "boxes",
    "classes",
    "differences",
    "error_maps",
    "feature_maps",
    "gradients",
    "histograms",
    "history",
    "learning_bands",
    "learning_curves",
    "miou_by_neighbourhood",
    "network",
    "one_square",
    "overlay",
    "parallel_coordinates",
    "pareto",
    "png",
    "pore_sizes",
    "porosity_by_slice",
    "porosity_of_parts",
    "postprocessing_steps",
    "postprocessing_surface",
    "reliability",
    "save",
    "searches",
    "squares",
    "svg",
]
