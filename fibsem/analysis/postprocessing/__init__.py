"""Post-processing of scores to labels, and the search for its best parameters (thesis 3.8).

``steps`` defines the post-processing of a slice. ``grid_search`` evaluates all or some combinations
of a grid; it relies on ``levels`` (smoothing at every threshold at once) and ``area_opening``
(removing small components at every threshold at once). ``coarse_to_fine`` finds the best
combination without evaluating all of them; ``reach`` defines the range of thresholds.
"""

from fibsem.analysis.postprocessing.coarse_to_fine import SampledParts, search_by_sample
from fibsem.analysis.postprocessing.grid_search import THRESHOLDS, SearchGrid, search
from fibsem.analysis.postprocessing.levels import BLOCK
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
    "BLOCK",
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
