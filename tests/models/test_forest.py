import numpy as np
import pytest
import skops.io
from scipy.ndimage import gaussian_filter

from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.forest import PER_SIGMA, Forest, feature_count, scale_space
from fibsem.models.spec import resolve

SIGMAS = [1.0, 3.0]


@pytest.fixture(scope="module")
def spec():
    return resolve("forest", Nbhd(3, 11, 11), "valid", {"trees": 5, "sigmas": SIGMAS})


@pytest.fixture(scope="module")
def block(spec):
    side = 24 + 2 * spec.halo[1]
    return np.random.default_rng(0).normal(size=(side, side, 3)).astype("float32")


def reference(block, sigma, k, halo):
    """The features by NumPy's gradient of the whole smoothed slice, as scikit-image does."""
    smooth = gaussian_filter(block[..., k].astype(np.float64), sigma)
    dy, dx = np.gradient(smooth)
    yy, yx = np.gradient(dy)
    _, xx = np.gradient(dx)
    hessian = np.stack([np.stack([yy, yx], -1), np.stack([yx, xx], -1)], -1)
    low, high = np.moveaxis(np.linalg.eigvalsh(hessian), -1, 0)
    every = np.stack([smooth, np.hypot(dy, dx), high, low], -1)
    return every[halo:-halo, halo:-halo]


def test_features_are_those_of_the_plain_definition(spec, block):
    features = scale_space(block, SIGMAS, spec.halo[1])
    assert features.shape == (24, 24, feature_count(spec))
    for k in range(3):
        for i, sigma in enumerate(SIGMAS):
            at = (k * len(SIGMAS) + i) * PER_SIGMA
            np.testing.assert_allclose(
                features[..., at : at + PER_SIGMA],
                reference(block, sigma, k, spec.halo[1]),
                atol=2e-5,
            )


def test_a_file_with_damaged_trees_is_refused(spec, block, tmp_path):
    forest = Forest(spec, None)
    features = forest.features(block).reshape(-1, feature_count(spec))
    labels = (features[:, 0] > 0).astype(np.uint8)
    fitted = Forest.fit(spec, features, labels, seed=0)
    fitted.save(tmp_path / "forest.skops")
    assert Forest.load(spec, tmp_path / "forest.skops").parameters == fitted.parameters
    tree = fitted.classifier.estimators_[0].tree_
    tree.children_left[0] = 10**6
    skops.io.dump(fitted.classifier, tmp_path / "damaged.skops")
    with pytest.raises(UserError, match="damaged"):
        Forest.load(spec, tmp_path / "damaged.skops")
