import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.architectures import MODELS, Architecture
from fibsem.models.field import most_blocks, valid_field
from fibsem.models.hyperparameters import block_filters
from fibsem.models.spec import ModelSpec, resolve


@pytest.mark.parametrize(
    ("n", "blocks", "width"),
    [(11, 1, 10), (33, 3, 32), (49, 3, 44), (65, 3, 60), (81, 4, 76), (113, 4, 108)],
)
def test_fields_of_the_study(n, blocks, width):
    """Largest number of blocks and the field it leaves."""
    assert most_blocks(n, "valid") == blocks
    assert valid_field(n, blocks).width == width
    assert resolve("2dcnn", Nbhd(3, n, n), "valid").hyperparameters["blocks"] == blocks


@given(st.integers(1, 75).map(lambda k: 2 * k + 1), st.integers(1, 5), st.sampled_from([1, 3, 5]))
def test_field_is_what_the_layers_consume(n, blocks, kernel):
    """A map as wide as the field runs through without a pixel left over, to one output."""
    field = valid_field(n, blocks, kernel)
    if field is None:
        assert blocks > most_blocks(n, "valid", kernel)
        return
    width = field.width
    for pool in field.pooled:
        width -= 2 * (kernel - 1)
        assert not pool or width % 2 == 0
        width = width // 2 if pool else width
    assert width == field.head
    assert sum(field.crop(n)) + field.width == n
    assert field.crop(n)[1] - field.crop(n)[0] in (0, 1)


@pytest.mark.parametrize("n", [11, 33, 49, 65, 81])
def test_the_thesis_sizes_are_the_defaults_for_same(n):
    hp = resolve("2dcnn", Nbhd(11, n, n), "same").hyperparameters
    expected = {11: (16, 32), 33: (8, 16, 32)}.get(n, (16, 32, 64, 80))
    assert block_filters(hp) == expected


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_network_of_no_study_has_the_sizes_of_the_2dcnn_and_hyperparameters_of_its_own(
    monkeypatch, padding
):
    new = Architecture("cnn2d", hyperparameters={"reach": 3, "dense_width": 48})
    monkeypatch.setitem(MODELS, "new", new)
    at = Nbhd(3, 49, 49), padding
    assert resolve("new", *at).hyperparameters == {
        **resolve("2dcnn", *at).hyperparameters, "reach": 3, "dense_width": 48,
    }  # fmt: skip
    given = {"reach": 5, "dense_width": 64}
    assert given.items() <= resolve("new", *at, given).hyperparameters.items()
    with pytest.raises(UserError, match=r"`model\.reach` must be a whole number, but got 'far'"):
        resolve("new", *at, {"reach": "far"})


@pytest.mark.parametrize(
    ("nbhd", "padding", "given", "words"),
    [
        ("33x33x3", "valid", {"blocks": 4}, ("model.blocks", "1..3", "got 4")),
        ("11x11x3", "same", {"blocks": 4}, ("model.blocks", "1..3", "got 4")),
        ("33x35x3", "valid", {}, ("n_x = n_y", "33x35x3")),
        ("33x33x3", "valid", {"kernel": 4}, ("model.kernel", "odd", "4")),
        ("33x33x3", "valid", {"dropout": 1.0}, ("model.dropout", "1.0")),
        ("33x33x3", "valid", {"dense_layers": 5}, ("model.dense_layers", "1..4", "5")),
        ("33x33x3", "valid", {"blokcs": 2}, ("blokcs", "blocks, convs_per_block")),
        ("3x3x3", "valid", {}, ("model.blocks", "1..0")),
    ],
)
def test_impossible_networks_are_refused_in_one_line(nbhd, padding, given, words):
    with pytest.raises(UserError) as caught:
        resolve("2dcnn", Nbhd.parse(nbhd), padding, given)
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)


def test_spec_survives_json():
    spec = resolve("2dcnn", Nbhd(3, 33, 33), "valid", {"dropout": 0.2})
    assert ModelSpec.from_json(spec.to_json()) == spec
