"""Memory beside the feature maps, against the sizes that are held; no slice is read."""

from types import SimpleNamespace

import pytest

from fibsem.errors import UserError
from fibsem.inference.options import Options
from fibsem.inference.tiling.tiles import largest_side
from fibsem.inference.volume.before.budget import GIB, RUNTIME_GIB, room_of


def held_gib(*given):
    return room_of(*given).held_gib


def test_it_is_the_runtime_and_the_slices_in_float32():
    # 11 slices of a neighbourhood, the next one, scores and grey values of one that waits, and
    # what is being read, scored and finished
    expected = RUNTIME_GIB + (11 + 1 + 2 + 5) * 1000 * 2000 * 4 / GIB
    assert held_gib((1000, 2000), 0, 5, Options()) == pytest.approx(expected)
    more = held_gib((1000, 2000), GIB, 5, Options(uncertainty=True))
    assert more == pytest.approx(expected + 1000 * 2000 * 4 / GIB + 1)


@pytest.mark.parametrize(
    ("shape", "halo", "memory_gib", "message"),
    [
        ((16000, 16000), 5, 4.0, "at least 19.07 for slices of 16000 x 16000 of which 11 are"),
        ((100, 100), 1, 0.5, "at least 0.96 for slices of 100 x 100 of which 3 are"),
    ],
)
def test_a_budget_that_slices_and_runtime_exceed_is_refused(shape, halo, memory_gib, message):
    with pytest.raises(UserError) as caught:
        held_gib(shape, 0, halo, Options(memory_gib=memory_gib))
    assert message in str(caught.value)
    assert str(caught.value).endswith(f"but got {memory_gib:g}.")
    least = float(message.split()[2])
    assert held_gib(shape, 0, halo, Options(memory_gib=least)) < least


def test_tiles_have_what_is_left():
    spec = SimpleNamespace(window=(81, 81))
    member = SimpleNamespace(bytes_per_pixel=1000.0, spec=spec)
    scorer = SimpleNamespace(mode="dense", members=(member,))
    thesis = held_gib((2247, 3372), 0, 1, Options())
    assert largest_side(scorer, 4.0, thesis) == largest_side(scorer, 4.0)
    large = held_gib((7000, 7000), 0, 1, Options())
    left = largest_side(scorer, 4.0, large)
    assert (left + 81) ** 2 * 1000 < (4.0 - large) * GIB < (left + 83) ** 2 * 1000
