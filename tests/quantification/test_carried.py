"""What the error of the labels moves, drawn again; and what is told without squares."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from fibsem.analysis.structure.film import NEITHER, Film
from fibsem.errors import UserError
from fibsem.quantification.carried import _ends, carried_text, figures_of_part, spanned
from fibsem.quantification.options import QuantifyConfig
from fibsem.system.records import typed
from fibsem.system.summaries import QuantificationSummary
from fibsem.system.summaries.quantification import Carried
from tests.quantification.conftest import run
from tests.reporting.records import measured


@pytest.fixture(scope="module")
def probable(segment, film, tmp_path_factory):
    """The folder of a segmentation with its probabilities; not to be changed."""
    return segment(tmp_path_factory.mktemp("probable"), film, probabilities=True)


@pytest.fixture
def out(probable, tmp_path):
    """A copy of it."""
    return shutil.copytree(probable, tmp_path / "out")


@pytest.mark.slow
def test_the_error_of_the_labels_is_carried_into_the_structure(out, tmp_path):
    how = ["blocks=2", "block_voxels=20000", "draws=6"]
    refused = run(out, tmp_path / "q", *how)
    assert "squares" in refused["carried"]["why"]
    said = carried_text(typed(QuantificationSummary, refused))
    assert said.startswith("the labels were not drawn again: ")
    record = json.loads((out / "summary.json").read_text())
    told = {"volume": [0.4, 0.6], "error": 0.012, "degrees": 6, "squares": 7, "why": None,
            "square_px": 1600.0}  # fmt: skip
    more = {"porosity_corrected": 0.5, "porosity_interval": told}
    (out / "summary.json").write_text(json.dumps({**record, **more}))
    carried = run(out, tmp_path / "q", *how)["carried"]
    assert carried["length_px"] > 0.3
    assert carried["share"] == pytest.approx(5 / 6)
    for across in ("independent", "as_in_slice"):
        low, high = carried[across]["porosity"]
        assert low < high
        assert carried[across]["surface"][0] < carried[across]["surface"][1]
        assert 0 < high - low < 0.2
    assert carried["independent"] != carried["as_in_slice"]
    # drawn outlines are rougher; without that, the labels as they are lie in the middle
    assert carried["as_in_slice"]["surface"][0] > 0
    assert carried["smooth"]["surface"][0] < 0 < carried["smooth"]["surface"][1]
    assert carried["smooth"]["porosity"] == carried["as_in_slice"]["porosity"]
    for key, (low, high) in carried["range"].items():
        ways = [carried[way][key] for way in ("independent", "as_in_slice", "smooth")]
        assert low == min(way[0] for way in ways)
        assert high == max(way[1] for way in ways)


def test_ends_hold_as_much_as_is_said_of_their_draws():
    """Each stands for an equal part: of four the ends were told as those of 95 %."""
    for draws in (2, 4, 16, 20, 100):
        parts = norm.ppf((np.arange(draws) + 0.5) / draws)
        low, high = _ends({"porosity": parts})["porosity"]
        assert norm.cdf(high) - norm.cdf(low) == pytest.approx(spanned(draws), abs=1e-3)
    film = typed(QuantificationSummary, measured())
    ends = {"porosity": (-0.05, -0.01), "surface": (-2e-4, 8e-4), "components": (-7, 48)}

    def told(draws):
        return carried_text(replace(film, carried=Carried(draws=draws, range=ends)))

    assert told(4) == (
        "error of the labels, 75 % by 4 draws: porosity -5.0 to -1.0 points, surface -0.20 to "
        "+0.80 per um, components -7 to +48"
    )
    assert told(1).startswith("error of the labels, a single draw: ")


def test_a_film_without_squares_tells_what_its_probabilities_say_and_assumes(out, tmp_path, capsys):
    """Only where the probabilities are calibrated; marked, and beside no interval of its own."""
    assert run(out, tmp_path / "q", "blocks=0")["porosity_assuming_label_shift"] is None
    assert "label shift" not in capsys.readouterr().out
    record = json.loads((out / "summary.json").read_text())
    calibrated = {**record, "calibration": {"solid_share": 0.5}}
    (out / "summary.json").write_text(json.dumps(calibrated))
    found = run(out, tmp_path / "q", "blocks=0")["porosity_assuming_label_shift"]
    assert found == pytest.approx(record["porosity"], abs=0.05)  # it is sure of nearly all
    said = f"{100 * found:.2f} % by its probabilities (assumes label shift)"
    assert said in capsys.readouterr().out
    own = {"volume": [0.4, 0.6], "error": 0.01, "degrees": 6, "squares": 7, "why": None}
    more = {"porosity_corrected": 0.5, "porosity_interval": own}
    (out / "summary.json").write_text(json.dumps({**calibrated, **more}))
    run(out, tmp_path / "q", "blocks=0")
    assert "label shift" not in capsys.readouterr().out


@pytest.mark.slow
def test_drawn_labels_are_as_porous_as_the_squares_say(out, tmp_path):
    """Five points more by the squares are five points more in the draws."""
    record = json.loads((out / "summary.json").read_text())

    def told(corrected, parts_sd):
        interval = {"volume": [0.4, 0.6], "error": 0.002, "degrees": 30, "squares": 31,
                    "why": None, "square_px": 4096.0, "parts_sd": parts_sd}  # fmt: skip
        more = {"porosity_corrected": corrected, "porosity_interval": interval}
        (out / "summary.json").write_text(json.dumps({**record, **more}))
        return run(out, tmp_path / "q", "blocks=2", "block_voxels=4000", "draws=4")["carried"]

    low, high = (np.mean(told(some, 0.04)["smooth"]["porosity"]) for some in (0.45, 0.5))
    assert high - low == pytest.approx(0.05, abs=0.01)
    assert low == pytest.approx(0.45 - record["porosity"], abs=0.03)
    assert "too sure" in told(0.5, 0.4)["why"]


def test_parts_in_which_labels_are_drawn_again_are_held_whole(segmented, tmp_path):
    with pytest.raises(UserError, match="`block_voxels` must be at most 50000000 where draws"):
        run(segmented, tmp_path / "q", "draws=2", "block_voxels=50000001")


@pytest.mark.slow
def test_lost_slices_do_not_make_outlines_err_over_shorter_lengths(segment, film, out, tmp_path):
    """Nothing is known there, and what is stored as a probability is unsure of every pixel."""

    def length(out):
        record = json.loads((out / "summary.json").read_text())
        interval = {"volume": [0.4, 0.6], "error": 0.002, "degrees": 30, "squares": 31,
                    "why": None, "square_px": 4096.0, "parts_sd": 0.04}  # fmt: skip
        more = {"porosity_corrected": record["porosity"], "porosity_interval": interval}
        (out / "summary.json").write_text(json.dumps({**record, **more}))
        how = ["blocks=1", "block_voxels=1000", "draws=2"]
        return run(out, out.parent / "q", *how)["carried"]["length_px"]

    gaps = {"lost": [2, 5, 9], "missing": "skip", "probabilities": True}
    (tmp_path / "lost").mkdir()
    lost = length(segment(tmp_path / "lost", film, **gaps))
    assert lost == pytest.approx(length(out), rel=0.1)


def test_of_a_part_cut_in_two_no_share_is_told_across():
    """What is told of the film there is null, and an interval of zeros stood beside it."""
    part = np.ones((8, 20, 20), np.uint8)
    part[:, 5:9, 5:9] = part[3:5, 5:9] = 0
    part[:, :, 10:12] = NEITHER
    found = figures_of_part(part, Film.of(part, (50.0, 10.0, 10.0)), QuantifyConfig())
    assert np.isnan(found["connected_share_x"])
    assert found["connected_share_z"] > 0
