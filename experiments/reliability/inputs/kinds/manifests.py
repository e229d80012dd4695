"""Manifests that say a thing twice, or truth values and infinities where numbers are meant."""

from films import dataset, labels


def sample(more):
    return {"samples": f"[{{name: film, volume: slices, regions: regions.csv, {more}}}]"}


MANIFESTS = {
    "voxel size .inf": {"voxel_nm": "{z: .inf, y: 1, x: 1}"},
    "voxel size .nan": {"voxel_nm": "{z: .nan, y: 1, x: 1}"},
    "voxel size true": {"voxel_nm": "{z: true, y: 1, x: 1}"},
    "voxel size of 400 digits": {"voxel_nm": f"{{z: {10**400}, y: 1, x: 1}}"},
    "classes false and true": {"classes": "{pore: false, solid: true}"},
    "ignore true": {"ignore": "true"},
    "range .inf": sample("range: [0, .inf]"),
    "range false and true": sample("range: [false, true]"),
    "porosity true": sample("expected_porosity: true"),
    "porosity .nan": sample("expected_porosity: .nan"),
    "a class twice": {"classes": "{pore: 255, solid: 0, pore: 0, solid: 255}"},
    "the name twice": {"name": "a\nname: b"},
    "the samples twice": {"ignore": "null\nsamples: []"},
    "a sample's key twice": sample("regions: regions.csv"),
}


def inputs():
    for name, changes in MANIFESTS.items():
        yield name, labels(dataset(**changes), known=False)
