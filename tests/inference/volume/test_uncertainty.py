"""The spread between the members of an ensemble, over whole volumes."""

import csv
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fibsem import segment
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import compose
from fibsem.data.corrected import CorrectedVolume
from fibsem.data.preprocessing import Recipe, fit_correction
from fibsem.data.volumes import ArrayVolume, create_volume, open_volume
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.volume.before.estimate import GIB, estimate_segmentation
from fibsem.inference.volume.labelling.slab import WAITING
from fibsem.inference.volume.ledger.ledger import Ledger
from fibsem.inference.volume.ledger.outputs import Outputs
from fibsem.tracking.bundle import Bundle, load_segmenter
from tests.conftest import CutOffError
from tests.inference.volume.conftest import plain
from tests.inference.volume.segmented import segment_volume

SHAPE = (5, 37, 53)
ASKED = plain(uncertainty=True, slab=2)


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(7)
    return ArrayVolume(rng.integers(0, 65535, SHAPE).astype(np.uint16))


@pytest.fixture(scope="module")
def parts(trained, volume):
    """Two networks that see different neighbourhoods; the threshold parts what they say."""
    raw = [Segmenter.of(*trained(n), Recipe(), PostProcessing(), f"weights-{n}") for n in (11, 33)]
    middle = float(np.median(np.mean([scores(part, volume) for part in raw], axis=0)))
    return [replace(part, postprocessing=PostProcessing(1.0, middle, 1, 5)) for part in raw]


@pytest.fixture(scope="module")
def ensemble(parts):
    return Segmenter.ensemble(parts)


def written(folder, name="uncertainty.ome.zarr"):
    stack = open_volume(folder / name)
    return stack.read(Box.whole(stack.shape))


def scores(segmenter, volume):
    """Of one network over the whole volume, slice by slice and without tiles."""
    corrected = CorrectedVolume(volume, fit_correction(volume, segmenter.recipe))
    scorer = Scorer(segmenter)
    boxes = (Box((z, 0, 0), (z + 1, *SHAPE[1:])).grow(segmenter.halo) for z in range(SHAPE[0]))
    blocks = (np.ascontiguousarray(np.moveaxis(corrected.read(box), 0, -1)) for box in boxes)
    return np.stack([scorer(block) for block in blocks])


@pytest.fixture(scope="module")
def expected(parts, volume):
    return np.std([scores(part, volume).astype(np.float64) for part in parts], axis=0)


@pytest.fixture(scope="module")
def asked(volume, ensemble, tmp_path_factory):
    """Folder and summary of one segmentation with its uncertainty."""
    folder = tmp_path_factory.mktemp("asked")
    return folder, segment_volume(volume, ensemble, folder, ASKED)


def test_it_is_the_standard_deviation_of_the_members_alone(asked, expected):
    folder, record = asked
    assert record["uncertainty"] == "uncertainty.ome.zarr"
    assert 0.1 < record["porosity"] < 0.9
    assert expected.max() > 10 / 510  # the two do differ
    # half a step of uint8, and the rounding of the network
    np.testing.assert_allclose(written(folder) / 510, expected, atol=0.5 / 510 + 1e-5)


def test_its_mean_is_in_the_table_by_slice(asked, expected):
    folder, record = asked
    rows = list(csv.DictReader((folder / "porosity.csv").read_text().splitlines()))
    means = [float(row["uncertainty"]) for row in rows]
    np.testing.assert_allclose(means, expected.mean(axis=(1, 2)), atol=1e-5)
    assert record["uncertainty_mean"] == pytest.approx(expected.mean(), abs=1e-5)


def test_labels_and_probabilities_are_the_same_without_it(asked, volume, ensemble, tmp_path):
    without = plain(probabilities=True, slab=2)
    record = segment_volume(volume, ensemble, tmp_path / "plain", without)
    assert record["uncertainty"] is None
    assert record["uncertainty_mean"] is None
    assert not list((tmp_path / "plain").glob("uncertainty*"))
    assert (tmp_path / "plain" / "porosity.csv").read_text().startswith("z,porosity,note\n")
    segment_volume(volume, ensemble, tmp_path / "both", replace(without, uncertainty=True))
    for name in ("labels.ome.zarr", "probabilities.ome.zarr"):
        np.testing.assert_array_equal(
            written(tmp_path / "both", name), written(tmp_path / "plain", name)
        )
    np.testing.assert_array_equal(written(tmp_path / "both"), written(asked[0]))


def test_a_network_is_sure_of_itself(volume, parts, tmp_path):
    record = segment_volume(volume, Segmenter.ensemble([parts[0]] * 2), tmp_path, ASKED)
    assert not written(tmp_path).any()
    assert record["uncertainty_mean"] == 0


class Told(Scorer):
    """Members that say what they are told to."""

    def __init__(self, maps):
        self.maps = maps

    def each(self, block):
        return list(self.maps)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(2, 5), st.just(3), st.just(4)),
               elements=st.floats(0, 1, width=32))
)  # fmt: skip
def test_any_spread_of_probabilities_fits_into_a_byte(maps):
    mean, spread = Told(maps).with_spread(maps[0])
    np.testing.assert_allclose(spread, np.std(maps.astype(np.float64), axis=0), atol=1e-6)
    np.testing.assert_array_equal(mean, Told(maps)(maps[0]))
    assert np.rint(510 * spread).max() <= 255


@pytest.mark.parametrize("how", [{"tile": 32, "slab": 1}, {"memory_gib": 0.96}])
def test_tiles_change_nothing_but_rounding(asked, volume, ensemble, tmp_path, how):
    segment_volume(volume, ensemble, tmp_path, replace(ASKED, **how))
    difference = written(tmp_path).astype(int) - written(asked[0])
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 1e-2


@pytest.mark.parametrize("format_", ["ome-zarr", "tiff", "bigtiff"])
def test_every_format_holds_the_same_also_when_cut_off(asked, volume, ensemble, tmp_path, format_):
    def stop(text, done, total):
        if done == 3:
            raise CutOffError

    options = replace(ASKED, format=format_)
    with pytest.raises(CutOffError):
        segment_volume(volume, ensemble, tmp_path, options, progress=stop)
    record = segment_volume(volume, ensemble, tmp_path, options)
    assert record["slabs"]["resumed"] in (1, 2)  # slice 4 may have been waiting already
    assert record["uncertainty_mean"] == asked[1]["uncertainty_mean"]
    np.testing.assert_array_equal(written(tmp_path, record["uncertainty"]), written(asked[0]))


def test_a_missing_slice_is_as_uncertain_as_can_be(volume, ensemble, tmp_path):
    series = tmp_path / "series"
    with create_volume(series, SHAPE, np.uint16, format="tiff") as writer:
        writer.write(0, volume.read(Box.whole(SHAPE)))
    (series / "slice_0001.tif").unlink()
    options = replace(ASKED, missing="skip")
    segment_volume(open_volume(series, gaps=True), ensemble, tmp_path / "out", options)
    found = written(tmp_path / "out")
    assert (found[1] == 255).all()
    assert (found[[0, 2, 3, 4]] < 255).all()
    rows = (tmp_path / "out" / "porosity.csv").read_text().splitlines()
    assert rows[0] == "z,porosity,note,uncertainty"
    assert rows[2] == "1,,missing,"


def test_a_single_model_has_none_and_nothing_is_begun(volume, parts, tmp_path):
    for start in (
        lambda: segment_volume(volume, parts[0], tmp_path / "out", ASKED),
        lambda: estimate_segmentation(volume, parts[0], ASKED),
    ):
        with pytest.raises(UserError, match=r"at least 2 members .* got 1; .*weights=") as caught:
            start()
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_ledger_older_than_the_option_goes_on_without_it(volume, ensemble, tmp_path):
    before = segment_volume(volume, ensemble, tmp_path, plain())
    ledger = json.loads((tmp_path / "ledger.json").read_text())
    del ledger["key"]["uncertainty"], ledger["key"]["voxel_nm"]
    ledger["slabs"] = {z: [entry[:2] for entry in slab] for z, slab in ledger["slabs"].items()}
    (tmp_path / "ledger.json").write_text(json.dumps(ledger))
    with pytest.raises(UserError, match=r"another uncertainty \(false, now true\)"):
        segment_volume(volume, ensemble, tmp_path, plain(uncertainty=True))
    assert segment_volume(volume, ensemble, tmp_path, plain()) == before


def test_it_is_not_left_out_when_it_was_begun(volume, ensemble, tmp_path):
    key = {"volume": volume.signature(), "model": ensemble.identity, **ASKED.key}
    Ledger.open(tmp_path, key, ASKED)
    with pytest.raises(UserError, match=r"another uncertainty \(true, now false\)"):
        segment_volume(volume, ensemble, tmp_path, plain())


def test_the_estimate_counts_its_bytes_and_its_memory(volume, ensemble):
    usual, more = (
        estimate_segmentation(volume, ensemble, plain(format="tiff", uncertainty=wanted))
        for wanted in (False, True)
    )
    assert more.bytes_written - usual.bytes_written == np.prod(SHAPE)
    extra = (more.memory_gib - usual.memory_gib) * GIB
    assert extra == pytest.approx(WAITING * SHAPE[1] * SHAPE[2] * 4)


@pytest.fixture(scope="module")
def on_disk(volume, parts, tmp_path_factory):
    """A series of slices and two bundles."""
    folder = tmp_path_factory.mktemp("disk")
    with create_volume(folder / "series", SHAPE, np.uint16, format="tiff") as writer:
        writer.write(0, volume.read(Box.whole(SHAPE)))
    for k, part in enumerate(parts):
        Bundle(part, (None, None, None)).save(folder / f"bundle-{k}")
    return folder


def test_the_command_writes_it(on_disk, asked, tmp_path):
    weights = f"weights=[{on_disk / 'bundle-0'},{on_disk / 'bundle-1'}]"
    common = [f"volume={on_disk / 'series'}", f"output={tmp_path}", "uncertainty=true", "slab=2"]
    segment.main(compose("segment", [*common, weights]))
    record = json.loads((tmp_path / "summary.json").read_text())
    np.testing.assert_array_equal(written(tmp_path, record["uncertainty"]), written(asked[0]))
    with pytest.raises(UserError, match="at least 2 members"):
        segment.main(compose("segment", [*common, f"weights={on_disk / 'bundle-0'}"]))


@pytest.mark.slow
def test_two_processes_write_the_same(on_disk, ensemble, tmp_path):
    """Of one bundle that is an ensemble and has a temperature."""
    hot = replace(ensemble, temperature=3.0)
    Bundle(hot, (None, None, None)).save(tmp_path / "bundle")
    load = partial(load_segmenter, [str(tmp_path / "bundle")], "")
    stack, options = open_volume(on_disk / "series"), replace(ASKED, probabilities=True)
    here = segment_volume(stack, load(), tmp_path / "here", options)
    there = segment_volume(
        stack, load(), tmp_path / "there", replace(options, workers=2), load=load
    )
    assert there["workers"] == 2
    assert there["uncertainty_mean"] == pytest.approx(here["uncertainty_mean"], abs=1e-6)
    for name in ("labels", "probabilities", "uncertainty"):
        ours, theirs = (written(tmp_path / at, f"{name}.ome.zarr") for at in ("here", "there"))
        assert (ours != theirs).mean() < 1e-2  # one core adds up in another order
        assert name == "labels" or np.abs(ours.astype(int) - theirs).max() <= 1


def test_the_store_is_laid_out_with_the_others(tmp_path):
    outputs = Outputs(tmp_path, SHAPE, (None, None, None), plain(uncertainty=True), (0, 255))
    with outputs.opened():
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "labels.ome.zarr", "uncertainty.ome.zarr",
    ]  # fmt: skip
