"""What gives no figure: scores of networks that learned nothing, impossible bundles and ledgers.

``experiments/reliability/inputs`` tries them on other versions of the package, too.
"""

import numpy as np

LABELS = np.tile([0, 1], 200)
NOISE = np.random.default_rng(0).normal(size=400)


def sigmoid(x):
    return (1 / (1 + np.exp(-x))).astype(np.float32)


#: Scores of networks that have learned nothing, as they were seen or come close to it.
DEAD = {
    "saturated at solid": np.ones(400, np.float32),
    "saturated at pore": np.zeros(400, np.float32),
    "dead units": np.full(400, 0.5, np.float32),
    "dead units, a bias": np.full(400, 0.3123, np.float32),
    "constant but for rounding": np.float32(0.7) + np.float32(1e-6) * (LABELS > 0),
    "constant but for a thousandth": 0.5 + 4e-4 * np.sign(NOISE),
    "one class, loss 7": sigmoid(14 + NOISE),
    "the other class": sigmoid(-14 + NOISE),
    "one of four hundred is pore": np.where(np.arange(400) == 0, 0, 0.9),
    "one class, without a hint of the labels": sigmoid(2 + 0.3 * NOISE),
}


#: Scores of networks that are poor, and yet tell something.
ALIVE = {
    "perfect": LABELS.astype(np.float32),
    "the wrong way round": 1 - LABELS.astype(np.float32),
    "weak": sigmoid(0.2 * NOISE + 0.1 * (LABELS - 0.5)),
    "one class at T = 0.5, but with a hint": sigmoid(0.3 + 0.4 * (LABELS - 0.5) + 0.01 * NOISE),
    "too sure, and both classes": sigmoid(9 * NOISE),
    "one of fifty is pore": np.where(np.arange(400) % 50 == 0, 0, 0.9),
}


#: What no segmentation of five slices of 8 x 9 pixels in slabs of two can have entered.
LEDGERS = {
    "more pores than pixels": {"slabs": {"0": [[73, False, None], [1, False, None]]}},
    "fewer pores than none": {"slabs": {"0": [[-1, False, None], [1, False, None]]}},
    "half a pore": {"slabs": {"0": [[1.5, False, None], [1, False, None]]}},
    "a truth value": {"slabs": {"0": [[True, False, None], [1, False, None]]}},
    "words": {"slabs": {"0": [["many", False, None], [1, False, None]]}},
    "three slices in a slab of two": {"slabs": {"0": [[1, False, None]] * 3}},
    "one slice in a slab of two": {"slabs": {"0": [[1, False, None]]}},
    "two slices in the last slab of one": {"slabs": {"4": [[1, False, None]] * 2}},
    "a slab beyond the volume": {"slabs": {"6": [[1, False, None]] * 2}},
    "a slab before the volume": {"slabs": {"-2": [[1, False, None]] * 2}},
    "slabs that overlap": {"slabs": {"0": [[1, False, None]] * 2, "1": [[1, False, None]] * 2}},
    "a slab without a number": {"slabs": {"first": [[1, False, None]] * 2}},
    "an uncertainty above the largest": {"slabs": {"0": [[1, False, 0.6]] * 2}},
    "entries that are none": {"slabs": {"0": 7}},
    "slabs that are none": {"slabs": [1, 2]},
    "slabs of no slice": {"slab": 0},
    "slabs of half a slice": {"slab": "half"},
    "decisions that are none": {"decided": 3},
    "3D pores of another film": {"decided": {"pores_3d": [1, 2]}},
    "3D pores above all pixels": {"decided": {"pores_3d": [1, 2, 3, 4, 500]}},
}  # fmt: skip


#: What a damaged or edited bundle may say, and no model.
BUNDLES = {
    "no temperature": {"temperature": 0},
    "a temperature that is no number": {"temperature": "NaN"},
    "an infinite temperature": {"temperature": 1e999},
    "an offset that is no number": {"offset": "none"},
    "an infinite offset": {"offset": -1e999},
    "a smoothing below 0": {"smoothed_px": -1},
    "a threshold above 1": {"postprocessing": {"threshold": 1.5}},
    "a threshold that is no number": {"postprocessing": {"threshold": None}},
    "an infinite sigma": {"postprocessing": {"sigma": 1e999}},
    "three rounds": {"postprocessing": {"rounds": 3}},
    "a step that nobody knows": {"postprocessing": {"opening": 2}},
    "one class": {"classes": [255]},
    "equal classes": {"classes": [255, 255]},
    "a class that no byte holds": {"classes": [0, 256]},
    "voxels without a size": {"voxel_nm": [50, 0, 10]},
    "voxels of a negative size": {"voxel_nm": [-50, 10, 10]},
    "voxels of a size that is a word": {"voxel_nm": ["thin", 10, 10]},
    "two sides of a voxel": {"voxel_nm": [10, 10]},
    "a scaling that nobody knows": {"preprocess": {"gradient": "x", "scaling": "log"}},
    "a scale that ends": {"scales": [["uint16"]]},
    "no network": {"members": [{"name": "4dcnn", "nbhd": "11x11x3", "padding": "valid",
                                "hyperparameters": {}}]},
    "weights of another network": {"members": [{"name": "2dcnn", "nbhd": "11x11x3",
                                   "padding": "valid", "hyperparameters": {}}] * 2},
}  # fmt: skip
