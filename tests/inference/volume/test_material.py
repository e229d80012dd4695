"""Films with rims, lost slices and bars have the porosity of what is material in them."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import ArrayVolume, create_volume, open_volume
from fibsem.geometry import Nbhd
from fibsem.inference.model.segmenter import Segmenter
from fibsem.inference.options import Options
from fibsem.inference.volume import plan
from fibsem.inference.volume.components import Slabs, remove_small_3d
from fibsem.inference.volume.labelling import labelling
from fibsem.inference.volume.labelling.remote import label_slab
from fibsem.models.spec import resolve
from fibsem.models.threshold import Threshold
from tests.conftest import CutOffError, labels
from tests.data.material.films import (
    SHAPE,
    clipped,
    compressed,
    drifted,
    film,
    jittered,
    turned,
    with_bar,
    with_blanks,
    with_blocks,
)
from tests.inference.volume.segmented import segment_volume

GREY, PORES = film()
#: Slices enough for what is looked for in each of them alone.
FEW = GREY[::3]
MARK = 64
PLAIN = Options(previews=0)


@pytest.fixture(scope="module")
def segmenter():
    """Otsu's threshold of the smoothed slice, which knows nothing of rims."""
    spec = resolve("threshold", Nbhd(1, 11, 11), "valid")
    return Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(), "otsu")


@pytest.fixture(scope="module")
def clean(segmenter, tmp_path_factory):
    """Labels of the film without any of it."""
    folder = tmp_path_factory.mktemp("clean")
    record = segment_volume(ArrayVolume(GREY), segmenter, folder, PLAIN)
    assert record["material"] == {
        "valid": "auto", "share": 1.0, "left_out": {}, "label": MARK, "doubts": [],
    }  # fmt: skip
    return labels(folder / "labels.ome.zarr")


@pytest.mark.parametrize(
    ("spoil", "how", "kind"),
    [
        (drifted, {}, "rim"), (drifted, {"fill": 255}, "rim"), (with_blanks, {}, "slices"),
        (with_bar, {}, "bar"), (with_blocks, {}, "block"),
    ],
    ids=["drift", "white drift", "lost slices", "bar", "blocks"],
)  # fmt: skip
def test_porosity_is_that_of_the_clean_film_where_it_is_seen(
    segmenter, clean, tmp_path, spoil, how, kind
):
    """Where alignment moves a film, the clean labels are moved along."""
    stack = ArrayVolume(spoil(GREY, **how))
    record = segment_volume(stack, segmenter, tmp_path / "out", PLAIN, say=str)
    seen = spoil(np.ones(SHAPE, np.uint8)) == 1
    if kind == "bar":
        seen[:, -30:] = False
    moved = spoil(clean // 255 + 2) - 2 if kind == "rim" else clean // 255
    truth = 1 - np.mean(moved[seen] == 1)
    assert record["porosity"] == pytest.approx(truth, abs=0.002)
    assert record["material"]["left_out"] == {kind: pytest.approx(1 - seen.mean(), abs=2e-3)}
    assert record["missing"] == []
    found = labels(tmp_path / "out" / "labels.ome.zarr")
    assert np.mean((found == MARK) == ~seen) > 0.998
    assert set(np.unique(found)) == {0, MARK, 255}


def test_porosity_beside_a_rim_that_was_compressed_is_that_of_the_compressed_film(
    segmenter, tmp_path
):
    whole = segment_volume(ArrayVolume(compressed(FEW)), segmenter, tmp_path / "whole", PLAIN)
    moved = drifted(labels(tmp_path / "whole" / "labels.ome.zarr"), fill=1)
    stack = ArrayVolume(compressed(drifted(FEW)))
    record = segment_volume(stack, segmenter, tmp_path / "out", PLAIN, say=str)
    assert whole["material"]["left_out"] == {}
    assert record["porosity"] == pytest.approx(np.mean(moved[moved != 1] == 0), abs=0.002)


@pytest.mark.parametrize("spoil", [jittered, turned], ids=["jitter", "turned"])
def test_films_that_are_moved_otherwise_are_near_the_truth(segmenter, clean, tmp_path, spoil):
    volume = ArrayVolume(spoil(FEW))
    record = segment_volume(volume, segmenter, tmp_path, PLAIN, say=str)
    all_of_it = segment_volume(volume, segmenter, tmp_path / "all", replace(PLAIN, valid="all"))
    truth = np.mean(clean[::3] == 0)
    assert abs(record["porosity"] - truth) < min(0.01, abs(all_of_it["porosity"] - truth))


def test_real_pores_that_are_black_at_the_border_are_pores(segmenter, tmp_path):
    record = segment_volume(ArrayVolume(clipped(GREY)), segmenter, tmp_path, PLAIN)
    assert record["material"]["left_out"] == {}
    assert record["porosity"] == pytest.approx(PORES.mean(), abs=0.01)


def test_all_measures_what_was_measured_before(segmenter, tmp_path):
    volume, said = ArrayVolume(drifted(GREY)), []
    record = segment_volume(
        volume, segmenter, tmp_path, replace(PLAIN, valid="all"), say=said.append
    )
    found = labels(tmp_path / "labels.ome.zarr")
    assert record["material"]["left_out"] == {}
    assert said == []
    assert set(np.unique(found)) == {0, 255}
    assert record["porosity"] == pytest.approx(np.mean(found == 0))


def test_a_mask_says_what_is_material(segmenter, tmp_path):
    mask = np.full(SHAPE[1:], 255, np.uint8)
    mask[50:90, 20:] = 0
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    options = replace(PLAIN, valid=str(tmp_path / "mask.tif"))
    segment_volume(ArrayVolume(FEW), segmenter, tmp_path / "out", options, say=str)
    found = labels(tmp_path / "out" / "labels.ome.zarr")
    assert np.array_equal(found == MARK, np.broadcast_to(mask == 0, FEW.shape))


@pytest.mark.parametrize("missing", ["stop", "skip"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_is_no_number_under_a_mask_changes_nothing(
    segmenter, tmp_path, monkeypatch, missing, elsewhere
):
    """Labels are those of the film with any number in its place; in other processes, too."""
    known = drifted(FEW / np.float32(255), fill=0.25)
    tifffile.imwrite(tmp_path / "mask.tif", drifted(np.ones(FEW.shape, np.uint8)))
    options = replace(PLAIN, valid=str(tmp_path / "mask.tif"), missing=missing)
    films = {"known": known, "nan": drifted(FEW / np.float32(255), fill=np.nan)}
    found = {}
    if elsewhere:
        monkeypatch.setattr(labelling, "run_in_workers", in_this_process)
        options = replace(options, workers=2)
    for name, film_ in films.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", film_, photometric="minisblack")
        volume = open_volume(tmp_path / f"{name}.tif", gaps=missing == "skip")
        record = segment_volume(
            volume, segmenter, tmp_path / name, options, load=lambda: segmenter, say=str
        )
        found[name] = labels(tmp_path / name / "labels.ome.zarr")
        assert record["missing"] == []
    assert np.array_equal(found["nan"], found["known"])
    assert 0.02 < np.mean(found["nan"] == MARK) < 0.5


def in_this_process(job, ledger, depth, show):
    """What other processes do."""
    results = [label_slab(job, slab) for slab in ledger.missing(depth)]
    for one in results:
        ledger.finish(one.start, one.slices, one.read)
    return results


def test_what_is_left_out_is_said_with_its_share_and_in_the_table(segmenter, tmp_path):
    said = []
    stack = with_blanks(drifted(GREY, 20))
    options = replace(PLAIN, probabilities=True)
    segment_volume(ArrayVolume(stack), segmenter, tmp_path, options, say=said.append)
    (line,) = said
    assert line.startswith("24.17 % of the volume shows no material")
    assert "rim 7.50 %, slices 16.67 %" in line
    rows = (tmp_path / "porosity.csv").read_text().splitlines()
    assert rows[1 + 5] == "5,,no material"
    assert rows[1 + 6].endswith(",")
    probabilities = labels(tmp_path / "probabilities.ome.zarr")
    assert (probabilities[labels(tmp_path / "labels.ome.zarr") == MARK] == 127).all()


def test_a_run_that_goes_on_uses_what_was_found(segmenter, tmp_path, monkeypatch):
    volume, options = ArrayVolume(drifted(FEW)), replace(PLAIN, slab=2)

    def stop(text, done, total):
        if text == "slices" and done == 5:
            raise CutOffError

    with pytest.raises(CutOffError):
        segment_volume(volume, segmenter, tmp_path / "cut", options, progress=stop, say=str)
    monkeypatch.setattr(plan, "find_extent", None)  # once is enough
    resumed = segment_volume(volume, segmenter, tmp_path / "cut", options, say=str)
    monkeypatch.undo()
    whole = segment_volume(volume, segmenter, tmp_path / "whole", options, say=str)
    assert resumed["slabs"]["resumed"] > 0
    assert resumed["porosity"] == whole["porosity"]
    assert np.array_equal(
        labels(tmp_path / "cut" / "labels.ome.zarr"), labels(tmp_path / "whole" / "labels.ome.zarr")
    )


def test_small_components_beside_a_rim_are_kept_since_they_may_go_on(tmp_path):
    stack = np.full((3, 8, 8), 255, np.uint8)
    stack[:, :, :2] = MARK
    stack[1, 3, 2] = 0  # beside the rim
    stack[1, 5, 5] = 0  # amid the solid
    written = np.zeros_like(stack)

    class Writer:
        def write(self, z, part):
            written[z : z + len(part)] = part

    pores = remove_small_3d(Slabs(ArrayVolume(stack), (0, 255)), Writer(), 5)
    assert pores == [0, 1, 0]
    assert written[1, 3, 2] == 0
    assert written[1, 5, 5] == 255
    assert (written[:, :, :2] == MARK).all()


def test_other_processes_are_told_what_is_material(segmenter, tmp_path):
    """As they do it, but in this one."""
    with create_volume(tmp_path / "film", FEW.shape, np.uint8, format="tiff") as writer:
        writer.write(0, drifted(FEW))
    options = replace(PLAIN, workers=2)
    volume, sent = open_volume(tmp_path / "film"), []

    def here(job, ledger, depth, show):
        sent.append(pickle.loads(pickle.dumps(job.plan.extent)))
        results = [label_slab(job, slab) for slab in ledger.missing(depth)]
        for result in results:
            ledger.finish(result.start, result.slices)
        return results

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelling, "run_in_workers", here)
        segment_volume(
            volume, segmenter, tmp_path / "out", options, load=lambda: segmenter, say=str
        )
    segment_volume(volume, segmenter, tmp_path / "alone", PLAIN, say=str)
    there, alone = (labels(tmp_path / name / "labels.ome.zarr") for name in ("out", "alone"))
    assert np.array_equal(there, alone)
    assert (there == MARK).any()
    assert sent[0].left_out() == {"rim": np.count_nonzero(there == MARK)}
