"""Names of users in MLflow: every one is taken, found again, and no other."""

import mlflow
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name

from fibsem.config import TrackingConfig
from fibsem.errors import UserError
from fibsem.tracking import names
from fibsem.tracking.naming import METRICS, metric_part, stored_name
from fibsem.tracking.runs import Tracking

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
HOSTILE = [
    "HPC 30 % (2)", "it's", 'say "x"', "it's \"x\"", "a\\", "a`b", "a/b", "..", "x" * 260, "Größe",
    "'; DROP TABLE runs; --", "100%", "a_x25-", " ", "日本", "a=b,c", "%", "~",
]  # fmt: skip


@given(NAMES)
@example("..")
@example("_x_x25-")
@example("a/../b")
def test_mlflow_takes_every_name_in_a_key(name):
    for key in (f"porosity/{metric_part(name)}", f"time/segment_{metric_part(name)}_s"):
        _validate_metric_name(key)
        assert len(key) <= 250
    if len(name) < 20:
        assert METRICS.read(metric_part(name)) == name


@given(NAMES, NAMES)
@example("x" * 300, "x" * 301)
def test_different_names_are_different_keys(one, other):
    assert (metric_part(one) == metric_part(other)) == (one == other)
    assert (stored_name(one) == stored_name(other)) == (one == other)


def test_ordinary_names_stay():
    assert metric_part("HPC22") == "HPC22"
    assert stored_name("phantom") == "phantom"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Configuration of a store in a folder with a hostile name."""
    folder = tmp_path_factory.mktemp("a") / "50 % #1, (ü) 'x'"
    return TrackingConfig(f"sqlite:///{folder / 'ml.db'}", str(folder / "art %41?"))


def test_runs_of_hostile_names_are_found(store):
    tracking = Tracking.open(store, "film")
    parent = tracking.start("parent", tags={})
    made = {
        name: tracking.start(name, tags={"fibsem.study": name}, parent=parent) for name in HOSTILE
    }
    for name, run_id in made.items():
        assert [run.info.run_id for run in tracking.runs({"fibsem.study": name})] == [run_id]
        tracking.log_metrics(run_id, {f"porosity/{metric_part(name)}": 0.5})
        (metric,) = tracking.client.get_run(run_id).data.metrics
        assert metric.startswith("porosity/")
    assert len(tracking.runs({names.PARENT: parent})) == len(HOSTILE)
    tracking.log_json(parent, {"a": "ü"}, "config.json")
    assert tracking.read_json(parent, "config.json") == {"a": "ü"}


def test_every_dataset_has_an_experiment(store):
    ids = [Tracking.open(store, name).experiment_id for name in HOSTILE]
    assert len(set(ids)) == len(HOSTILE)
    assert [Tracking.open(store, name).experiment_id for name in HOSTILE] == ids


def test_nothing_else_has_a_say_where_models_lie(store, monkeypatch):
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://127.0.0.1:9")
    client = Tracking.open(store, "film").client
    assert client.search_registered_models() == []
    assert mlflow.get_registry_uri() == store.uri


@pytest.mark.parametrize("name", ["a?b.db", "a%20b.db", "x?/m.db"])
def test_a_path_that_mlflow_would_misread_is_refused(name):
    with pytest.raises(UserError, match=r"`tracking.uri` must be a path without question marks"):
        TrackingConfig(uri=f"sqlite:///{name}")
