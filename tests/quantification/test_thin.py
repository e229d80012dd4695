"""Films of few slices: their border bounds no pore."""

import numpy as np
import pytest

from fibsem.analysis.structure.thickness import PoreSizes, diameters_up_to, local_thickness
from fibsem.quantification.options import QuantifyConfig
from fibsem.quantification.quantification import quantify
from tests.quantification.conftest import SPACING, in_memory


@pytest.mark.parametrize("slices", [1, 2])
def test_pores_of_a_thin_stack_are_as_wide_as_in_its_slices(film, tmp_path, slices):
    """No ball is held back by what is not there: they may be wider than the stack is thick."""
    thin = film[:slices]
    segmented = in_memory(thin, tmp_path)
    found = quantify(segmented, QuantifyConfig(blocks=1), tmp_path / "q")["pore_size_nm"]
    diameters = diameters_up_to(1000.0, SPACING)
    sizes = PoreSizes.of(local_thickness(thin, diameters, SPACING), thin == 0, diameters)
    assert found["median"] == pytest.approx(sizes.quantile(0.5), rel=0.1)
    assert found["largest"] > 2 * 50 * slices
    assert np.isfinite(found["p90"])
