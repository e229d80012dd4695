import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu

from fibsem.geometry import Nbhd
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold


def test_solid_is_what_otsu_says_of_the_whole_smoothed_slice():
    rng = np.random.default_rng(0)
    slice_ = (rng.random((60, 70)) > 0.4) * 2.0 + rng.normal(size=(60, 70)) * 0.5
    slice_ = slice_.astype("float32")
    model = Threshold(resolve("threshold", Nbhd(1, 11, 11), "valid"))
    smooth = gaussian_filter(slice_, 1.0)
    level = model.level(slice_)
    assert level.threshold == pytest.approx(threshold_otsu(smooth), abs=1e-6)
    part = model.scores(slice_[6:54, 6:64, None], level)
    halo = model.spec.halo[1]
    assert ((part >= 0.5) == (smooth[6 + halo : 54 - halo, 6 + halo : 64 - halo]
                              >= level.threshold)).mean() > 0.999  # fmt: skip


def test_a_slice_of_one_grey_value_is_not_an_error():
    model = Threshold(resolve("threshold", Nbhd(1, 11, 11), "valid"))
    flat = np.full((30, 30), 0.3, np.float32)
    assert np.isfinite(model.scores(flat[..., None], model.level(flat))).all()
