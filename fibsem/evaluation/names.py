"""Names of tables and figures of evaluations, used where they are written and removed."""

from __future__ import annotations

#: Figures of one evaluation.
FIGURES = ("learning_curves", "network", "feature_maps")
#: Tables over all evaluations of a dataset, named after the tables of the thesis, and figures.
TABLES_OVER_ALL = (
    "table-4.4-parameters", "table-4.5-training-2dcnn", "table-4.6-training-others",
    "table-4.7-splits", "table-4.10-labelled", "table-4.12-labelled-chosen-threshold",
    "table-5.1-comparison", "table-4.9-confusion-train", "table-4.9-confusion-val",
)  # fmt: skip
FIGURES_OVER_ALL = ("miou_by_neighbourhood", "boxes", "one_square")
