"""The phantom: bytes from a seed, known truth, grey values of the study, an annotator who errs."""

import csv
import hashlib
import json
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from fibsem.analysis.metrics import Confusion, pooled
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.phantom import PhantomRecipe, render, simulate
from fibsem.data.phantom.annotator import place_squares
from fibsem.data.phantom.recipe import THESIS_FILMS
from fibsem.data.phantom.render import slices
from fibsem.data.phantom.simulation import lock_of, unlike
from fibsem.data.preprocessing import mean_profile, read_material
from fibsem.errors import UserError
from fibsem.system.identity import FILE, Identity
from tests.conftest import TINY

ROOT = Path(__file__).parents[3]

#: Where only the files of a phantom count: three thin slices and three squares.
LEAST = replace(TINY, shape=(3, 48, 56), squares=3, square_px=16)


def digest(folder):
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            total.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return total.hexdigest()


def test_a_seed_gives_the_same_bytes(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(render, "calibrate", render.calibrate.__wrapped__)  # that of seeds, too
    simulate(TINY, tmp_path / "again")
    assert digest(tmp_path / "again") == digest(tiny)
    for seed in (1, 2):
        simulate(replace(LEAST, seed=seed), tmp_path / f"{seed}")
    assert digest(tmp_path / "1") != digest(tmp_path / "2")


def test_the_manifest_describes_what_was_written(tiny):
    dataset = load_dataset(tiny)
    assert dataset.voxel_nm == (50.0, 10.0, 10.0)
    assert dataset.samples[0].volume.shape == TINY.shape
    assert len(dataset.samples[0].regions) == 5
    for region in dataset.samples[0].regions:
        assert region.read().shape == region.read_truth().shape == (72, 72)
        assert not (region.read() == IGNORE).any()


def test_the_truth_beside_the_squares_is_the_volume_of_truth(tiny):
    home = tiny / "HPC45"
    for region in load_dataset(tiny).samples[0].regions:
        z, rows, columns = region.box.slices
        exact = tifffile.imread(home / "truth_slices" / f"slice_{z.start:04d}.tif")
        np.testing.assert_array_equal(region.read_truth(), exact[rows, columns] // 255)


def test_the_porosity_told_is_that_of_the_truth(tiny):
    told = json.loads((tiny / "truth.json").read_text())["HPC45"]
    exact = np.stack([tifffile.imread(f) for f in sorted((tiny / "HPC45/truth_slices").iterdir())])
    assert told["porosity"] == pytest.approx((exact == 0).mean(), abs=1e-12)
    with (tiny / "HPC45/truth_porosity.csv").open() as file:
        by_slice = list(csv.DictReader(file))
    found = [float(row["porosity"]) for row in by_slice]
    np.testing.assert_allclose(found, (exact == 0).mean(axis=(1, 2)), atol=1e-6)
    grey = np.stack([tifffile.imread(f) for f in sorted((tiny / "HPC45/slices").iterdir())]) / 65535
    assert told["mean"] == pytest.approx(grey.mean(), abs=1e-9)
    assert told["std"] == pytest.approx(grey.std(), abs=1e-9)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Three films, large enough for their figures to be near the recipe's."""
    folder = tmp_path_factory.mktemp("films") / "films"
    recipe = replace(PhantomRecipe(), shape=(8, 384, 384), squares=6, square_px=128)
    return simulate(recipe, folder), load_dataset(folder)


@pytest.mark.parametrize("name", THESIS_FILMS)
def test_porosity_and_grey_values_are_those_of_the_study(films, name):
    """Thesis Table 3.1; a film this small strays from the mean of the field."""
    told, _ = films
    film = THESIS_FILMS[name]
    assert told[name]["porosity"] == pytest.approx(film.porosity, abs=0.05)
    assert told[name]["mean"] == pytest.approx(film.mean, rel=0.08)
    assert told[name]["std"] == pytest.approx(film.std, rel=0.15)


def test_the_grey_value_falls_along_x(films):
    """Structure moves the fitted line of one small film; the mean of three is near the recipe."""
    _, dataset = films
    falls = [
        -mean_profile(read_material(sample.volume), "x").slope
        * 383
        / THESIS_FILMS[sample.name].mean
        for sample in dataset.samples
    ]
    assert np.mean(falls) == pytest.approx(PhantomRecipe().gradient_share, abs=0.07)


def test_pores_and_solid_overlap_in_grey_value(films):
    """Shine-through: no threshold comes near what an expert draws."""
    _, dataset = films
    confusions = []
    for sample in dataset.samples:
        for region in sample.regions:
            grey, truth = sample.volume.read_unit(region.box)[0], region.read_truth()
            best = max(
                (
                    Confusion.of(truth, (grey > t).astype(np.uint8))
                    for t in np.linspace(0.1, 0.8, 30)
                ),
                key=lambda confusion: confusion.miou,
            )
            confusions.append(best)
    assert pooled(confusions).miou < 0.75


def test_the_annotator_strays_as_an_expert_does(films):
    """About mIoU 0.81 between what is drawn and what is true."""
    _, dataset = films
    regions = [region for sample in dataset.samples for region in sample.regions]
    agreement = pooled([Confusion.of(r.read_truth(), r.read()) for r in regions]).miou
    assert 0.76 < agreement < 0.86


def test_an_annotator_without_error_draws_the_truth(tmp_path):
    simulate(replace(LEAST, annotator_sd_px=0.0), tmp_path / "p")
    for region in load_dataset(tmp_path / "p").samples[0].regions:
        np.testing.assert_array_equal(region.read(), region.read_truth())


def test_a_slice_sees_what_lies_below(tiny):
    """A pore over near solid is brighter than one over nothing: solid shines through."""
    shallow, deep = [], []
    seen = list(slices(TINY, "HPC45"))
    truth = [solid for _, _, solid in sorted(seen, key=lambda s: s[0])]
    for z, image, solid in seen:
        if z < TINY.shape[0] - 2:
            below = truth[z + 1]
            shallow.append(image[~solid & below])
            deep.append(image[~solid & ~below])
    assert np.concatenate(shallow).mean() > np.concatenate(deep).mean()


@pytest.mark.parametrize("shape", [(24, 384, 384), (60, 768, 1024)])
def test_squares_do_not_overlap_and_are_divided(shape):
    count = 10 if shape[0] == 24 else 30
    recipe = replace(PhantomRecipe(), shape=shape, squares=count, square_px=128)
    placed = place_squares(recipe, "HPC30")
    splits = [square.split for square in placed]
    assert [splits.count(s) for s in ("train", "val", "test")] == [
        round(share * count) for share in (0.6, 0.2, 0.2)
    ]
    for k, square in enumerate(placed):
        assert square.box.inside(shape)
        assert not any(square.box.overlaps(other.box) for other in placed[:k])
    if shape[0] == 60:  # deep enough for slices between the parts
        depths = {s: [q.box.start[0] for q in placed if q.split == s] for s in set(splits)}
        assert min(depths["val"]) - max(depths["train"]) > 10
        assert min(depths["test"]) - max(depths["val"]) > 10


def test_squares_that_do_not_fit_are_refused():
    crowded = replace(TINY, shape=(2, 150, 150), squares=8)
    with pytest.raises(UserError, match="must fit into the slices without overlap"):
        place_squares(crowded, "HPC45")


def test_a_phantom_is_kept_unless_told(tmp_path):
    folder = tmp_path / "film"
    simulate(LEAST, folder)
    before = digest(folder)
    with pytest.raises(UserError, match=r"is not empty; the choices are .* or overwrite=true\.$"):
        simulate(replace(LEAST, seed=2), folder)
    assert digest(folder) == before


@pytest.mark.parametrize(
    "names",
    [
        ["mine"],
        ["dataset.yaml", "A/slices/1.tif", "A/masks/1.tif", "B/slices/1.tif", "B/masks/1.tif"],
        ["data/raw/HPC22/HPC22_0001.tif", "data/manual_segmentation/segmentation_HPC22.npy"],
        ["dataset.yaml", "truth.json", "HPC45/slices/1.tif"],
    ],
    ids=["a file", "a manifest", "the archive", "a file of that name"],
)
def test_what_nothing_proves_to_be_a_phantom_is_kept(tmp_path, names):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('{"HPC45": "measured by hand"}')
    before = digest(tmp_path)
    with pytest.raises(UserError, match=r"holds what `simulate` did not make; the choices"):
        simulate(LEAST, tmp_path, overwrite=True)
    with pytest.raises(UserError, match=r"another output or to move away what is in it\.$"):
        simulate(LEAST, tmp_path)
    assert digest(tmp_path) == before


@pytest.mark.parametrize("name", ["Mine", "data"])
def test_films_that_somebody_put_to_a_phantom_keep_it(tmp_path, name):
    folder = tmp_path / "film"
    simulate(LEAST, folder)
    (folder / name / "slices").mkdir(parents=True)
    with pytest.raises(UserError, match=f"nothing but a phantom in it, but .* holds {name};"):
        simulate(LEAST, folder, overwrite=True)
    assert (folder / name / "slices").is_dir()


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("manifest", "HPC45/notes.txt"),
        ("manifest", "HPC45/masks/002 mine.tif"),
        ("manifest", "HPC45/results/summary.json"),
        ("archive", "data/raw/HPC45/HPC30_0001.tif"),
        ("archive", "data/regions/mine.npy"),
    ],
)
def test_files_that_somebody_put_among_those_of_a_film_keep_it(tmp_path, layout, name):
    folder = tmp_path / "film"
    simulate(LEAST, folder, layout=layout)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")
    with pytest.raises(UserError, match=f"nothing but a phantom in it, but .* holds {name};"):
        simulate(LEAST, folder, layout=layout, overwrite=True)
    assert (folder / name).read_text() == "mine"
    (folder / name).unlink()
    simulate(replace(LEAST, truth_volume=True), folder, layout=layout, overwrite=True)
    simulate(LEAST, folder, layout=layout, overwrite=True)


@pytest.mark.parametrize("layout", ["manifest", "archive"])
def test_a_phantom_of_a_version_that_kept_no_identity_is_replaced(tmp_path, layout):
    folder = tmp_path / "film"
    simulate(LEAST, folder, layout=layout)
    (folder / FILE).unlink()
    simulate(replace(LEAST, seed=2), folder, layout=layout, overwrite=True)
    assert Identity.beside(folder).settings["seed"] == 2


def test_a_phantom_is_replaced_whole_and_nothing_else_is(tmp_path):
    folder = tmp_path / "film"
    simulate(LEAST, folder)
    before = digest(folder)
    (folder / "notes.txt").write_text("mine")
    other = replace(LEAST, seed=2)
    with pytest.raises(UserError, match=r"nothing but a phantom in it, but .* holds notes\.txt"):
        simulate(other, folder, overwrite=True)
    (folder / "notes.txt").unlink()
    assert digest(folder) == before
    (folder / "truth.json").write_text("{")  # damaged: even then
    simulate(other, folder, overwrite=True)
    assert digest(folder) != before
    assert [path.name for path in tmp_path.iterdir()] == ["film"]


def test_a_phantom_behind_a_link_is_replaced_where_it_lies(tmp_path):
    scratch, data = tmp_path / "scratch", tmp_path / "data"
    scratch.mkdir(), data.mkdir()
    (data / "phantom").symlink_to(scratch / "p")
    simulate(LEAST, data / "phantom")
    before = digest(scratch / "p")
    simulate(replace(LEAST, seed=2), data / "phantom", overwrite=True)
    assert digest(scratch / "p") != before
    assert (data / "phantom").readlink() == scratch / "p"
    assert [path.name for path in (*scratch.iterdir(), *data.iterdir())] == ["p", "phantom"]
    assert lock_of(data / "phantom") == lock_of(scratch / "p")


def test_a_mount_is_refused_before_anything_is_simulated():
    with pytest.raises(UserError, match="can be renamed, but /proc is a mount; the choices"):
        simulate(TINY, Path("/proc"), progress=lambda *_: pytest.fail("it simulates"))


def test_a_phantom_says_what_it_was_made_from(tiny):
    assert unlike(tiny, TINY) == ""
    assert unlike(tiny, replace(TINY, seed=2, tilt_deg=30.0)) == (
        "seed (1, now 2), tilt_deg (38.0, now 30.0)"
    )


KILLED = """
import json, os, signal, sys
from pathlib import Path
from fibsem.data.phantom import PhantomRecipe, simulate
def stop(sample, done, total):
    if done == 3: os.kill(os.getpid(), signal.SIGKILL)
simulate(PhantomRecipe.from_mapping(json.loads(sys.argv[2])), Path(sys.argv[1]), progress=stop)
"""


def test_what_a_killed_simulation_left_goes(tiny, tmp_path):
    folder = tmp_path / "film"
    command = [sys.executable, "-c", KILLED, folder, json.dumps(asdict(TINY))]
    done = subprocess.run(command, cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    assert not folder.exists()
    simulate(TINY, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["film"]
    assert digest(folder) == digest(tiny)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"porosty": 1}, "no key 'porosty'"),
        ({"shape": [6, 160]}, "shape"),
        ({"samples": {"a": {"porosity": 1.4, "mean": 0.5, "std": 0.1}}}, "porosity"),
        ({"square_px": 2000}, "square_px"),
    ],
)
def test_an_impossible_recipe_is_refused(values, message):
    with pytest.raises(UserError, match=message):
        PhantomRecipe.from_mapping(values)


def test_memory_does_not_grow_with_the_stack():
    """Arrays of a stack and of one four times as deep, which are two thirds more if it is kept."""

    def peak(depth):
        recipe = replace(PhantomRecipe(), shape=(depth, 160, 240), squares=3, square_px=64)
        seen = slices(recipe, "HPC30")
        next(seen)  # brightness and contrast are those of a larger film
        tracemalloc.start()
        try:
            for _ in seen:
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(4), peak(16)
    assert many < 1.2 * few
