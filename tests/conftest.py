"""Quiet TensorFlow, and what many tests stand on: a tiny phantom and trained networks."""

import collections
import contextlib
import functools
import gc
import importlib
import inspect
import os
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
# several test processes share the cores, and so do the processes that they start
os.environ.setdefault(
    "TF_NUM_INTRAOP_THREADS",
    str(max(1, (os.cpu_count() or 1) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))),
)
os.environ.setdefault("TF_NUM_INTEROP_THREADS", os.environ["TF_NUM_INTRAOP_THREADS"])
os.environ.setdefault("OMP_NUM_THREADS", os.environ["TF_NUM_INTRAOP_THREADS"])

import hypothesis
import numpy as np
import pytest

from fibsem.data.phantom import PhantomRecipe, simulate
from fibsem.data.phantom.recipe import THESIS_FILMS
from fibsem.data.volumes import open_volume
from fibsem.geometry import Nbhd
from fibsem.models.spec import resolve
from tests import once, servers

# an example may take long on a machine that does other work: that is no failure of what is tested
# CI judges a change by the examples of the last one: new ones are looked for at the desk
hypothesis.settings.register_profile(
    "patient", deadline=None, derandomize=bool(os.environ.get("CI"))
)
hypothesis.settings.load_profile("patient")

#: One film, six thin slices, five squares: simulated in well under a second.
TINY = replace(
    PhantomRecipe(),
    shape=(6, 160, 176),
    squares=5,
    square_px=72,
    samples={"HPC45": THESIS_FILMS["HPC45"]},
)


#: Files that take longest begin first, minutes of the slow tests and half of one of the quick ones:
#: whoever is given one at the end is waited for alone.
LONGEST = (
    "test_takeover.py", "test_kills.py", "test_old_work.py", "test_kill_experiments.py",
    "test_failures.py", "test_libraries.py", "test_contributing.py", "test_registry.py",
    "test_sweep.py", "test_succession.py", "test_budget.py", "test_names.py", "test_notebooks.py",
    "test_docs_run.py", "test_passwords.py", "test_outages.py", "test_serving.py",
    "test_moved_checkout.py", "test_fit.py", "test_executor.py", "test_launchers.py",
    "test_mixed.py", "test_browser.py", "test_two_machines.py", "test_claims.py", "test_docs.py",
    "test_placing.py", "test_wheel.py", "test_rungs.py", "test_start.py", "test_slots.py",
    "test_permissions.py", "test_view.py",
    "test_pipeline.py", "test_conformance.py", "test_promotion.py", "test_equivalence.py",
    "test_found.py", "test_quantify.py", "test_teacher.py", "test_unet.py", "test_protocol.py",
    "test_folder.py", "test_commands.py", "test_material.py", "test_witness.py", "test_health.py",
    "test_learner.py", "test_ranking.py", "test_gaps.py", "test_thesis.py",
)  # fmt: skip


def pytest_ignore_collect(collection_path, config):
    """`make test-slow` imports no file without a slow test: those are five of six."""
    slow = config.option.markexpr == "slow"
    if slow and collection_path.name.startswith("test_") and collection_path.suffix == ".py":
        return b"mark.slow" not in collection_path.read_bytes() or None
    return None


def pytest_collection_modifyitems(items):
    """In the order of files in which `make test` and `make test-slow` hand them out."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_configure():
    """What tests start is told of closed terminals, whatever began them; imports take less time."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    gc.disable()  # what is imported for the tests is no garbage
    once.keep_memory()


def pytest_collection_finish(session):
    """Spare the collector what is imported by now: Keras has it look through all after a trial."""
    if session.config.option.markexpr == "slow" and session.items:  # what fixtures look for below
        for name in ("analysis.figures", "inference.model.cost", "inference.model.predict",
                     "training.steps.traced"):  # fmt: skip
            importlib.import_module(f"fibsem.{name}")
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)  # configurations and networks are full of cycles
    gc.enable()


def pytest_sessionfinish():
    """Nor is what is left at the end: pytest looks through all of it, ten times."""
    gc.freeze()


def _package(request):
    """The package that a file of tests is of: its first folder in `tests/`, or in `fibsem/`."""
    return request.path.relative_to(request.config.rootpath).parts[1]


@pytest.fixture(autouse=True, scope="session")
def _once():
    """What libraries would do a thousand times; nothing is imported for it."""
    with pytest.MonkeyPatch.context() as patch:
        once.wait_for_no_disk(patch)
        once.read_configurations(patch)
        once.parse_overrides(patch)
        once.compose_groups(patch)
        once.leave_hydra_out(patch)
        once.calibrate_films(patch)
        if "mlflow" in sys.modules:
            once.read_migrations(patch)
            once.lay_out_stores(patch)
            once.expect_no_prompts(patch)
            once.check_requirements(patch)
        if "keras" in sys.modules:
            once.collect_seldom(patch)
            once.remember_no_lines(patch)
        if "fibsem.inference.model.cost" in sys.modules:
            once.count_once(patch)
            once.time_small(patch)
        if "fibsem.training.steps.traced" in sys.modules:
            once.trace_steps(patch)
        yield


@pytest.fixture(autouse=True, scope="module")
def operations_are_prepared():
    """Within a file, at whose end they are let go."""
    if "keras" not in sys.modules:
        yield
        return
    import tensorflow as tf

    with pytest.MonkeyPatch.context() as patch:
        once.prepare_operations(patch)
        yield
    tf.random.set_seed(0)


#: Dense forms that nobody has, by the folder whose tests had them last.
_IDLE = collections.defaultdict(list)


@pytest.fixture(autouse=True, scope="module")
def networks_are_lent(request):
    """Within a folder, whose tests have few; files that are about that have their own."""
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        if "fibsem.inference.model.predict" in sys.modules:
            folder = _package(request)
            alike = "training" if folder in ("search", "promotion") else folder
            once.lend_twins(patch, _IDLE[alike])
            # the other folders prove what scores are, and one file compares with processes
            alone = request.path.name != "test_sweep.py"
            quick = request.config.option.markexpr == "not slow"
            if folder in ("training", "promotion") or (folder == "search" and (quick or alone)):
                stack.enter_context(once.graphs_as_written())
        yield


@pytest.fixture(autouse=True, scope="module")
def films_are_opened_once(request):
    """The other folders, one file and slow tests prove what is seen of a film that is opened."""
    with pytest.MonkeyPatch.context() as patch:
        quick = request.config.option.markexpr == "not slow"
        folder, name = _package(request), request.path.name
        learning = folder in ("training", "search", "evaluation", "promotion", "api")
        opening = "fibsem.training.material.datasets" in sys.modules and name != "test_datasets.py"
        if quick and learning and opening:
            once.open_films(patch)
        yield


@pytest.fixture(autouse=True, scope="module")
def pictures_are_small(request):
    """Folders in which tests look at pictures have their own."""
    with pytest.MonkeyPatch.context() as patch:
        if "fibsem.analysis.figures" in sys.modules:
            once.draw_small(patch)
            # the other folders prove that there is room for what is drawn
            if _package(request) not in ("analysis", "evaluation"):
                once.draw_at_once(patch)
            # and these that drawings for print are written, and what is in them
            if _package(request) not in ("analysis", "evaluation", "reporting"):
                once.draw_for_no_print(patch)
            # names of files and their equality with what is shown, that is
            if _package(request) in ("search", "promotion", "api"):
                once.draw_each_once(patch)
        yield


class CutOffError(Exception):
    """Raised by a test where something shall stop in the middle."""


def labels(path):
    """All voxels of a labelled volume, (z, y, x)."""
    return open_volume(path).whole()


@pytest.fixture(autouse=True, scope="module")
def _import_path():
    """What MLflow loads leaves its code on the path, where later processes would find it."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture(autouse=True, scope="module")
def _store():
    """MLflow remembers the last store of a process, which is not that of the next file of tests."""
    yield
    if mlflow := sys.modules.get("mlflow"):
        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri("")
        os.environ.pop("MLFLOW_REGISTRY_URI", None)  # which it leaves, for its children


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Folder of a tiny phantom; not to be changed."""
    folder = tmp_path_factory.mktemp("data") / "tiny"
    simulate(TINY, folder)
    return folder


def divided_anew(film, folder, splits):
    """A copy of a tiny phantom of which squares of some parts are in others."""
    shutil.copytree(film, folder)
    table = folder / "HPC45" / "regions.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    at = rows[0].index("split")
    for row in rows[1:]:
        row[at] = splits.get(row[at], row[at])
    table.write_text("\n".join(map(",".join, rows)) + "\n")
    return folder


@pytest.fixture(scope="session")
def new_store(tmp_path_factory):
    """Function (folder) -> overrides that track there, in an MLflow store without a run.

    MLflow takes seconds to lay out a database: one is copied.
    """
    import mlflow

    empty = tmp_path_factory.mktemp("store") / "empty.db"
    mlflow.MlflowClient(f"sqlite:///{empty}").search_experiments()

    def make(folder):
        shutil.copy(empty, folder / "ml.db")
        artifacts = folder / "artifacts"
        return [f"tracking.uri=sqlite:///{folder / 'ml.db'}", f"tracking.artifacts={artifacts}"]

    return make


@pytest.fixture(scope="session")
def real():
    """The folder of real stacks beside the checkout."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real stacks are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def trained():
    """Function (n, n_z, name, **hyperparameters) -> (spec, model with values as after a training).

    Biases of zero and statistics of none, as a new network has them, would hide mistakes.
    """
    import keras

    from fibsem.models import build

    made = {}

    def make(n, nz=3, name="2dcnn", padding="valid", **given):
        key = (name, padding, n, nz, *sorted(given.items()))
        if key not in made:
            keras.utils.set_random_seed(n)
            spec = resolve(name, Nbhd(nz, n, n), padding, given)
            model = build(spec)
            rng = np.random.default_rng(n)
            for weights in model.weights:
                if weights.name in ("bias", "beta", "moving_mean"):
                    weights.assign(rng.normal(0, 0.1, weights.shape))
                elif weights.name in ("gamma", "moving_variance"):
                    weights.assign(rng.uniform(0.5, 2, weights.shape))
            made[key] = spec, model
        return made[key]

    return make


#: A training that takes about a second.
SMALL = [
    "nbhd=11x11x3", "model.blocks=1", "model.filters=4", "train.share=0.02", "train.epochs=3",
    "train.steps=4", "train.min_steps=0",
]  # fmt: skip


@pytest.fixture(scope="session")
def small(tiny):
    """Overrides of a training that takes about a second."""
    return [f"data.path={tiny}", "data.name=tiny", *SMALL]


@pytest.fixture(scope="session")
def material(small):
    """Function (*overrides) -> Material of a small training on the tiny phantom.

    An override of the model drops the sizes that only a 2dcnn has.
    """
    from fibsem.config import Configuration, compose
    from fibsem.training.material.datasets import obtain
    from fibsem.training.material.material import Material

    datasets = {}  # nobody changes one

    @functools.cache
    def config_of(*overrides):
        other = any(override.startswith("model=") for override in overrides)
        kept = [key for key in small if not (other and key.startswith("model."))]
        return Configuration(compose("train", [*kept, *overrides])).run

    def make(*overrides):
        config = config_of(*overrides)
        key = repr((config.data, config.split))
        if key not in datasets:
            datasets[key] = obtain(config.data, config.split)
        return Material(datasets[key], config)

    return make


@pytest.fixture
def one_network_left(monkeypatch):
    """A training leaves its network to the next one alone, as in use; there is none before."""
    from fibsem.training.steps import traced

    for name in ("take", "leave"):
        monkeypatch.setattr(traced, name, inspect.unwrap(getattr(traced, name)))
    monkeypatch.setattr(traced, "_former", [])


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """Address of an empty database in a real PostgreSQL server."""
    if servers.postgres_binaries() is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    if os.geteuid() == 0 and servers.postgres_user() is None:
        pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres")
    with servers.postgres(tmp_path_factory.mktemp("pg")) as address:
        yield address


@pytest.fixture
def new_database(postgres):
    """Address of a database of its own in that server."""
    import psycopg

    name = f"test_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.replace("/postgres", f"/{name}")


@pytest.fixture(scope="session")
def mlflow_server(new_store, tmp_path_factory):
    """Address of a real MLflow tracking server."""
    folder = tmp_path_factory.mktemp("mlflow")
    new_store(folder)
    (folder / "ml.db").rename(folder / "server.db")
    with servers.mlflow_server(folder) as address:
        yield address
