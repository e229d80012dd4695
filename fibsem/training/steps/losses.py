"""Loss functions: binary cross-entropy, alone or with a term for a whole region.

Cross-entropy treats pixels one by one. The terms express the aims of a segmentation: the overlap of
the classes (as in an earlier thesis on such images: weighted cross-entropy + IoU), or the share of
solid and thus porosity (thesis, future work).

Labels lie between 0 and 1 if a teacher has a share in them
(:mod:`fibsem.training.beginning.teacher`). All losses are minimal for predictions equal to the
labels, and reduce to the usual ones for labels of 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

Term = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def make_loss(name: str, weight: float) -> keras.losses.Loss:
    """Create the loss ``train.loss``; ``weight`` multiplies its additional term."""
    if name == "bce":
        return keras.losses.BinaryCrossentropy()
    return Combined(TERMS[name], weight)


class Combined(keras.losses.Loss):
    """Weighted binary cross-entropy plus ``weight`` times a term over the labelled pixels.

    Labels and predictions are (batch, g_y, g_x, 1), sample weights (batch, g_y, g_x), 0 for
    unlabelled pixels. The cross-entropy is a sum over all pixels, divided by their number; the
    weights of labelled pixels make up for unlabelled ones
    (:attr:`fibsem.training.material.material.Material.pixel_weights`).
    """

    def __init__(self, term: Term, weight: float) -> None:
        super().__init__(name="combined")
        self.term, self.weight = term, weight
        self.cross_entropy = keras.losses.BinaryCrossentropy()

    def __call__(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> tf.Tensor:
        solid, p = tf.cast(y_true, tf.float32)[..., 0], tf.cast(y_pred, tf.float32)[..., 0]
        labelled = tf.ones_like(p) if sample_weight is None else tf.cast(sample_weight > 0, p.dtype)
        region = self.term(solid, p, tf.reshape(labelled, tf.shape(p)))
        return self.cross_entropy(y_true, y_pred, sample_weight) + self.weight * region


def soft_iou(solid: tf.Tensor, p: tf.Tensor, labelled: tf.Tensor) -> tf.Tensor:
    """One minus the mean over both classes of the soft IoU of the whole batch.

    The intersection is sum(min(p, y)), the union sum(p + y) minus the intersection. For labels of 0
    and 1, where the minimum is the product, this is the Jaccard index; for soft labels it is the
    Jaccard metric loss [1]_. With products, p = 1 would be better for a label of 0.6 than 0.6
    itself.

    References
    ----------
    .. [1] Z. Wang, X. Ning and M. B. Blaschko, Jaccard metric losses: optimizing the Jaccard index
       with soft labels, Advances in Neural Information Processing Systems 36 (2023).
    """
    ious = []
    for y, q in ((solid, p), (1 - solid, 1 - p)):
        both = tf.reduce_sum(labelled * tf.minimum(y, q))
        either = tf.reduce_sum(labelled * (y + q)) - both
        ious.append((both + 1e-6) / (either + 1e-6))
    return 1 - (ious[0] + ious[1]) / 2


def soft_dice(solid: tf.Tensor, p: tf.Tensor, labelled: tf.Tensor) -> tf.Tensor:
    """One minus the mean over both classes of the soft Dice coefficient of the whole batch.

    The coefficient is 2 sum(min(p, y)) / sum(p + y). For labels of 0 and 1, where the minimum is
    the product, it is that of V-Net (Milletari, Navab and Ahmadi 2016) without squares, and the F1
    score for predictions of 0 and 1. For soft labels it gives the Dice semimetric loss (Wang et al.
    2023).
    """
    scores = []
    for y, q in ((solid, p), (1 - solid, 1 - p)):
        both = 2 * tf.reduce_sum(labelled * tf.minimum(y, q))
        scores.append((both + 1e-6) / (tf.reduce_sum(labelled * (y + q)) + 1e-6))
    return 1 - (scores[0] + scores[1]) / 2


def soft_porosity(solid: tf.Tensor, p: tf.Tensor, labelled: tf.Tensor) -> tf.Tensor:
    """Mean over windows of |mean predicted share of solid - mean label|.

    In patch mode, where a window is a single pixel, the batch is treated as one window.
    """
    if p.shape[1] == 1 and p.shape[2] == 1:
        axes: tuple[int, ...] = (0, 1, 2)
    else:
        axes = (1, 2)
    count = tf.maximum(tf.reduce_sum(labelled, axes), 1.0)
    return tf.reduce_mean(tf.abs(tf.reduce_sum(labelled * (p - solid), axes) / count))


TERMS: dict[str, Term] = {
    "bce_dice": soft_dice, "bce_iou": soft_iou, "bce_porosity": soft_porosity,
}  # fmt: skip
