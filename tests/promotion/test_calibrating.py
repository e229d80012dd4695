"""The temperature of scored squares, and that it travels with the bundle."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from fibsem.analysis.calibration import Platt, calibrate
from fibsem.analysis.postprocessing import PostProcessing, ScoredSquare
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.promotion.calibrating import (
    Reliabilities,
    calibration_errors,
    errors_by_sample,
    fit_calibration,
)
from fibsem.system.files import read_json, write_json
from fibsem.tracking.bundle import Bundle, load_bundle
from fibsem.training.scoring.scoring import score_all, scored_squares


def square(seed, margin=4, size=40):
    """A square with a margin around it and some pixels that nobody labelled."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0.5, 3, (size + 2 * margin,) * 2)
    inner = (slice(margin, margin + size),) * 2
    labels = (rng.random((size, size)) < expit(z[inner] / 2)).astype(np.uint8)
    labels[rng.random(labels.shape) < 0.3] = IGNORE
    return ScoredSquare(expit(z).astype(np.float32), labels, inner)


def alike(record):
    """A record whose numbers may differ in their last places."""
    if isinstance(record, dict):
        return {key: alike(value) for key, value in record.items()}
    return pytest.approx(record, rel=1e-6, nan_ok=True)


def errors(squares, platt):
    return calibration_errors([Reliabilities.of(one, platt) for one in squares])


def test_it_is_fitted_to_every_labelled_pixel_and_no_other():
    squares = [square(seed) for seed in range(5)]
    labels = np.concatenate([s.labels.ravel() for s in squares])
    scores = np.concatenate([s.scores[s.inner].ravel() for s in squares])
    known = labels != IGNORE
    found, whole = fit_calibration(squares), calibrate([(labels[known], scores[known])])
    # square by square the sums are others in the last place
    assert found.before.counts == whole.before.counts
    assert found.to_json() == alike(whole.to_json())
    assert found.temperature == pytest.approx(2, abs=0.2)


def test_it_is_fitted_to_the_scores_that_are_thresholded():
    squares = [square(seed, margin=8) for seed in range(3)]
    smoothed = [replace(s, scores=gaussian_filter(s.scores, 1.5, truncate=4)) for s in squares]
    found, expected = fit_calibration(squares, 1.5), fit_calibration(smoothed)
    assert (found.temperature, found.offset) == (expected.temperature, expected.offset)
    assert found.before.counts == expected.before.counts
    assert found.temperature != fit_calibration(squares).temperature


def test_squares_without_labels_say_so():
    blank = square(0)
    blank.labels[:] = IGNORE
    with pytest.raises(UserError, match="labelled validation pixels, but there are none"):
        fit_calibration([blank])
    for none in ([blank], []):
        assert np.isnan(list(errors(none, Platt(2.0)).values())).all()
    some = square(1)
    assert errors([blank, some], Platt()) == errors([some], Platt())
    assert fit_calibration([blank, some]) == fit_calibration([some])


def test_the_error_on_other_squares_is_theirs():
    fitted, others = [square(seed) for seed in range(5)], [square(seed) for seed in range(5, 9)]
    found = fit_calibration(fitted)
    line = Platt(found.temperature, found.offset)
    assert errors(fitted, line) == {"ece_before": found.ece_before, "ece_after": found.ece_after}
    again = fit_calibration(others)
    assert errors(others, line)["ece_before"] == again.ece_before != found.ece_before
    assert errors(others, line)["ece_after"] < again.ece_before


def test_every_sample_has_errors_of_its_own():
    def of(sample, scored):
        return Region(
            sample, "", Box((0, 0, 0), (1, 40, 40)), "test", lambda: scored.labels
        ), scored

    squares = [square(seed) for seed in range(4)]
    mixed = [of(name, one) for name, one in zip("abab", squares, strict=True)]
    line = Platt(2.0, 0.3)
    assert errors_by_sample([(r, Reliabilities.of(s, line)) for r, s in mixed]) == {
        "a": errors(squares[::2], line),
        "b": errors(squares[1::2], line),
    }


def test_the_loss_before_is_that_of_the_scores(material, trained):
    spec, model = trained(11)
    ours = material()
    scorer = Scorer(Segmenter.of(spec, model, Recipe(), PostProcessing()))
    found = fit_calibration([s for _, s in scored_squares(ours, scorer, "val", margin=3)])
    assert found.loss_before == pytest.approx(
        score_all(scored_squares(ours, scorer, "val"))["loss"], rel=1e-6
    )
    assert found.loss_after < found.loss_before
    labelled = sum(int((s.labels != IGNORE).sum()) for _, s in scored_squares(ours, scorer, "val"))
    assert sum(found.before.counts) == sum(found.after.counts) == labelled


def test_the_temperature_travels_with_the_bundle(trained, tmp_path):
    plain = Segmenter.of(*trained(11), Recipe(), PostProcessing())
    for name, segmenter in (
        ("plain", plain),
        ("hot", replace(plain, temperature=1.7, offset=0.4, smoothed_px=2.0)),
    ):
        Bundle(segmenter, (None, None, None)).save(tmp_path / name)
    plain, hot = (load_bundle(tmp_path / name).segmenter for name in ("plain", "hot"))
    assert (plain.platt, hot.platt) == (Platt(), Platt(1.7, 0.4, 2.0))
    assert plain.identity != hot.identity  # the probabilities that they write differ

    record = read_json(tmp_path / "plain" / "bundle.json")
    for key in ("temperature", "offset", "smoothed_px"):  # as bundles were before
        del record[key]
    write_json(tmp_path / "plain" / "bundle.json", record)
    assert load_bundle(tmp_path / "plain").segmenter.platt == Platt()
