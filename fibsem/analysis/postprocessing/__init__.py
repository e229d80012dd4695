"""From scores to labels, and the search for the way that suits best (thesis 3.8).

``steps`` defines what is done to a slice. ``grid_search`` tries combinations of a grid, each or
some; it stands on ``levels`` (every threshold at once) and ``area_opening`` (small components at
every threshold at once). ``coarse_to_fine`` finds the best one without trying them all; ``reach``
says how far thresholds go.
"""

from fibsem.analysis.postprocessing.coarse_to_fine import SampledParts, search_by_sample
from fibsem.analysis.postprocessing.grid_search import THRESHOLDS, SearchGrid, search
from fibsem.analysis.postprocessing.reach import at_an_end, reaching
from fibsem.analysis.postprocessing.steps import (
    FloatArray,
    LabelArray,
    PostProcessing,
    ScoredSquare,
    remove_small,
    segment_slice,
    smooth,
    stages,
)

__all__ = [
    "THRESHOLDS",
    "FloatArray",
    "LabelArray",
    "PostProcessing",
    "SampledParts",
    "ScoredSquare",
    "SearchGrid",
    "at_an_end",
    "reaching",
    "remove_small",
    "search",
    "search_by_sample",
    "segment_slice",
    "smooth",
    "stages",
]
