import keras
import numpy as np

from fibsem.geometry import Nbhd
from fibsem.models import build
from fibsem.models.describe import drawing, feature_maps
from fibsem.models.spec import resolve


def test_a_2dcnn_is_one_path_with_the_extents_of_the_study():
    """81 -> 40 -> 20 -> 10 -> 5 pixels, Figure 4.1."""
    (path,) = drawing(resolve("2dcnn", Nbhd(3, 81, 81), "same"))
    assert path[0] == ("window", "81 x 81", 81, 3, "input")
    pools = [(extents, channels) for _, extents, _, channels, kind in path if kind == "pool"]
    assert pools == [("40 x 40", 16), ("20 x 20", 32), ("10 x 10", 64), ("5 x 5", 80)]
    assert [box[3] for box in path if box[4] == "dense"] == [128, 64, 1]


def test_a_triplanar_has_three_paths_and_what_follows():
    xy, xz, yz, common = drawing(resolve("triplanar", Nbhd(11, 33, 33), "valid"))
    assert [path[0][1] for path in (xy, xz, yz)] == ["33 x 33", "11 x 33", "11 x 33"]
    assert [box[4] for box in common] == ["dense", "merge", "dense", "dense"]


def test_feature_maps_are_those_of_every_convolution():
    spec = resolve("2dcnn", Nbhd(3, 33, 33), "valid")
    window = np.random.default_rng(0).normal(size=(1, 61, 57, 3)).astype("float32")
    maps = feature_maps(build(spec), window)
    assert list(maps) == ["conv1a", "conv1b", "conv2a", "conv2b", "conv3a", "conv3b"]
    assert maps["conv1a"].shape == (58, 54, 16)


def test_a_network_with_layer_names_of_its_own_is_drawn_too():
    window = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, name="stem")(window)
    x = keras.layers.MaxPooling2D(2)(x)
    network = keras.Model(window, keras.layers.Conv2D(1, 1, name="probability")(x))
    maps = feature_maps(network, np.ones((1, 11, 11, 3), np.float32))
    assert [(name, value.shape) for name, value in maps.items()] == [
        ("stem", (9, 9, 4)), ("probability", (4, 4, 1)),
    ]  # fmt: skip


def test_planes_of_a_first_convolution_are_an_axis_as_in_a_3dcnn():
    """Drawn with their number; of their maps the middle one is shown."""
    spec = resolve("unet", Nbhd(7, 33, 33), "valid", {"slices": "3d", "blocks": 1})
    (path,) = drawing(spec)
    extents = next(extents for label, extents, *_ in path if label == "stem")
    assert extents.startswith("5 x ")
    window = np.random.default_rng(0).normal(size=(1, *spec.window, 7)).astype("float32")
    network = build(spec)
    stem = keras.Model(network.input, network.get_layer("stem").output)
    np.testing.assert_array_equal(feature_maps(network, window)["stem"], stem(window)[2])
