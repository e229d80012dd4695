"""The second of two equal commands in one folder is told that another process is at work."""

import pytest

from fibsem import evaluate, inspect, promote, report, segment, simulate, sweep, train
from fibsem.config import Configuration, compose
from fibsem.data.manifest import load_dataset
from fibsem.data.phantom.simulation import lock_of
from fibsem.errors import UserError
from fibsem.system.files import write_json
from fibsem.system.identity import KEYS
from fibsem.system.locks import alone, at_work
from fibsem.tracking.runs import Tracking


@pytest.fixture(scope="module")
def store(new_store, tmp_path_factory):
    return new_store(tmp_path_factory.mktemp("store"))


def bundle(folder):
    """A model that segments."""
    from fibsem.analysis.postprocessing import PostProcessing
    from fibsem.data.preprocessing import Recipe
    from fibsem.geometry import Nbhd
    from fibsem.inference.model.segmenter import Segmenter
    from fibsem.models.spec import resolve
    from fibsem.models.threshold import Threshold
    from fibsem.tracking.bundle import Bundle

    spec = resolve("threshold", Nbhd(1, 11, 11), "valid", {})
    segmenter = Segmenter.of(spec, Threshold(spec), Recipe(), PostProcessing(), "")
    Bundle(segmenter, (None, None, None), {}).save(folder)
    return folder


def trial(tiny, store):
    """A finished trial that can be promoted."""
    tree = compose("sweep", [f"data.path={tiny}", "model=threshold", "nbhd=11x11x3", *store])
    dataset = load_dataset(tiny)
    tracking = Tracking.open(Configuration(tree).run.tracking, dataset.name)
    tags = {"fibsem.command": "trial", "fibsem.study": "s", "fibsem.data": dataset.hash}
    run_id = tracking.start("a trial", tags=tags)
    tracking.log_metrics(run_id, {"val/loss": 0.5})
    tracking.log_json(run_id, tree, "config.json")
    tracking.end(run_id)


COMMANDS = pytest.mark.parametrize(
    ("command", "more"),
    [
        (train, ["model=threshold", "nbhd=11x11x3"]),
        (evaluate, ["model=threshold", "nbhd=11x11x3"]),
        (sweep, ["model=threshold", "nbhd=11x11x3", "search=keras_tuner"]),
        (promote, ["segment=false"]),
        (segment, []),
        (inspect, []),
        (report, []),
    ],
)


def begin(command, more, tiny, store, tmp_path, out):
    """Call a command with what it needs."""
    name = command.__name__.removeprefix("fibsem.")
    keys = [f"data.path={tiny}", f"output={out}", *store, *more]
    if command is segment:
        keys = [f"volume={tiny / 'HPC45' / 'slices'}", f"weights={bundle(tmp_path / 'b')}",
                f"output={out}", *more]  # fmt: skip
    if command is promote:
        trial(tiny, store)
    if command is report:
        record = {"study": "s", "trials": {}, "parent_run_id": "p", "dataset": "phantom"}
        write_json(tmp_path / "found" / "summary.json", record)
        keys.append(f"folders=[{tmp_path / 'found'}]")
    command.main(compose(name, keys))


@COMMANDS
def test_the_second_command_is_told(command, more, tiny, store, tmp_path):
    out = tmp_path / "out"
    with (
        at_work(out),
        pytest.raises(UserError, match=f"another process is at work in {out};") as caught,
    ):
        begin(command, more, tiny, store, tmp_path, out)
    assert "\n" not in str(caught.value)
    assert {path.name for path in out.iterdir()} == {".lock"}


@pytest.mark.parametrize("anew", [[], ["overwrite=true"]])
@pytest.mark.parametrize("kind", ["segmentation", "inspection"])
@COMMANDS
def test_results_of_another_command_are_left(command, more, kind, anew, tiny, store, tmp_path):
    """Also of those that keep nothing but a summary."""
    if (command, kind) in ((segment, "segmentation"), (inspect, "inspection")):
        pytest.skip("it is its own")
    out = tmp_path / "out"
    write_json(out / "summary.json", dict.fromkeys(KEYS[kind], 1))
    before = (out / "summary.json").read_text()
    with pytest.raises(UserError, match=r"`output` must be .*out") as caught:
        begin(command, [*more, *anew], tiny, store, tmp_path, out)
    assert "\n" not in str(caught.value)
    assert (out / "summary.json").read_text() == before
    assert {path.name for path in out.iterdir()} <= {".lock", "summary.json"}


def test_the_second_simulation_is_told(tmp_path):
    out = tmp_path / "film"
    with alone(lock_of(out)), pytest.raises(UserError, match=f"at work in {out};"):
        simulate.main(compose("simulate", [f"output={out}", "phantom=demo"]))
    assert not out.exists()
