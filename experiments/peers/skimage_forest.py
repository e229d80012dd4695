"""scikit-image's TrainableSegmenter with its default forest and its default features.

The features are those of the three slices, each as a channel. ``predict`` returns labels; here the
underlying votes are used, because a threshold is chosen for every method.
"""

from __future__ import annotations

import time
from functools import partial

import joblib
import numpy as np
from exchange import MARGIN, Material, arguments, report, score_slices, score_squares, write
from skimage.feature import multiscale_basic_features
from skimage.future import TrainableSegmenter, fit_segmenter

args = arguments(__doc__.splitlines()[0])
material = Material(args.material)
file = args.trained / "forest.joblib"


def fit() -> None:
    """Fit to the balanced sample of all training squares."""
    started = time.perf_counter()
    features = partial(multiscale_basic_features, channel_axis=-1)
    segmenter = TrainableSegmenter(features_func=features)
    segmenter.clf.set_params(random_state=args.seed)
    square, y, x, label = material.pixels().T
    rows = []
    for k, image in enumerate(material.images("train")):
        segmenter.compute_features(image)
        here = square == k
        rows.append(segmenter.features[y[here] + MARGIN, x[here] + MARGIN])
    order = np.argsort(square, kind="stable")  # rows are ordered by square
    fit_segmenter(label[order] + 1, np.concatenate(rows), segmenter.clf)  # 0 is unlabelled there
    seconds = time.perf_counter() - started
    args.trained.mkdir(parents=True, exist_ok=True)
    joblib.dump(segmenter.clf, file)
    nodes = sum(tree.tree_.node_count for tree in segmenter.clf.estimators_)
    write(
        args.trained / "fit.json",
        {"train_seconds": seconds, "parameters": nodes, "pixels": len(label)},
    )


def score(image: np.ndarray) -> np.ndarray:
    """Return the votes for solid of a whole slice."""
    features = multiscale_basic_features(image, channel_axis=-1)
    votes = joblib.load(file).predict_proba(features.reshape(-1, features.shape[-1]))
    return votes[:, 1].reshape(image.shape[:2]).astype(np.float32)


if args.stage == "fit":
    fit()
if args.stage == "squares":
    score_squares(material, args.output, score)
if args.stage == "slices":
    report(material, args.output, score_slices(material, score))
