"""How windows are read: what is said of them before is what they are."""

import numpy as np
import pytest

WIDE = ("nbhd=81x81x3", "model.blocks=null", "model.filters=null")


@pytest.mark.parametrize("given", [(), WIDE, ("model=unet",)], ids=["33", "81", "unet"])
def test_memory_and_labels_are_told_of_windows_as_they_are_read(material, given):
    """Small squares are grown to what a grid reaches; of a U-Net by some pixels more."""
    setting = material(*given)
    reader, regions = setting.draws.reader, setting.dataset.regions("train")
    windows = reader.read(regions)
    assert [reader.bytes(region) for region in regions] == [one.image.nbytes for one in windows]
    for alone, window in zip(reader.labels(regions), windows, strict=True):
        np.testing.assert_array_equal(alone.labels, window.labels)
