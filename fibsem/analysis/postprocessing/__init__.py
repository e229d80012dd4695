"""From scores to labels, and the search for the way that suits best (thesis 3.8).

``steps`` defines what is done to a slice. ``grid_search`` finds the best combination of a grid; it
stands on ``levels`` (every threshold at once) and ``area_opening`` (small components at every
threshold at once).
"""

from fibsem.analysis.postprocessing.grid_search import SearchGrid, search
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
    "FloatArray",
    "LabelArray",
    "PostProcessing",
    "ScoredSquare",
    "SearchGrid",
    "remove_small",
    "search",
    "segment_slice",
    "smooth",
    "stages",
]
