"""Which grey values are black and white for a model: those of its samples, or it is asked for."""

from dataclasses import replace

import numpy as np
import pytest

from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.labels import Classes
from fibsem.data.dataset.samples import Sample
from fibsem.data.dataset.scale import Scale, learned_range, scales_of
from fibsem.data.volumes import ArrayVolume
from fibsem.errors import UserError

TWELVE = Scale("uint16", (0.0, 4095.0))
WHOLE = Scale("uint8")


def sample(name, dtype, value_range=None):
    return Sample(name, ArrayVolume(np.zeros((1, 4, 4), dtype), value_range=value_range))


def test_scales_are_those_of_the_samples_where_one_declares_a_range():
    twelve = sample("a", np.uint16, (0, 4095))
    dataset = Dataset("d", None, (None,) * 3, Classes(), (twelve, replace(twelve, name="b")))
    assert scales_of(dataset) == (TWELVE,)
    mixed = replace(dataset, samples=(twelve, sample("b", np.uint8)))
    assert scales_of(mixed) == (TWELVE, WHOLE)
    assert scales_of(replace(dataset, samples=(sample("b", np.uint8),))) == ()
    assert [Scale.of_json(scale.to_json()) for scale in (TWELVE, WHOLE)] == [TWELVE, WHOLE]


@pytest.mark.parametrize(
    ("dtype", "models", "wanted"),
    [
        ("uint16", [()], None),
        ("float32", [(), ()], None),
        ("uint16", [(TWELVE,)], (0, 4095)),
        ("uint16", [(TWELVE,), (TWELVE,)], (0, 4095)),
        ("uint16", [(TWELVE, WHOLE)], (0, 4095)),
        ("uint8", [(TWELVE, WHOLE)], None),
    ],
)
def test_a_film_has_the_range_that_the_model_learned(dtype, models, wanted):
    assert learned_range(np.dtype(dtype), *models) == wanted


@pytest.mark.parametrize(
    ("dtype", "models"),
    [
        ("uint8", [(TWELVE,)]),
        ("float32", [(TWELVE, WHOLE)]),
        ("uint16", [(TWELVE, Scale("uint16", (0.0, 1023.0)))]),
        ("uint16", [(TWELVE, Scale("uint16"))]),
        ("uint16", [(TWELVE,), ()]),
        ("uint16", [(TWELVE,), (Scale("uint16", (0.0, 1023.0)),)]),
    ],
)
def test_where_it_did_not_learn_one_it_is_asked_for(dtype, models):
    with pytest.raises(UserError, match=r"`range` must be given.*uint16 of \[0.0, 4095.0\]"):
        learned_range(np.dtype(dtype), *models)
