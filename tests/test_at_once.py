"""The second of two equal commands in one folder is told that another process is at work."""

import shutil

import pytest

from fibsem import evaluate, inspect, promote, quantify, report, segment, simulate, sweep, train
from fibsem.config import Configuration, compose
from fibsem.data.dataset.manifest import load_dataset
from fibsem.data.phantom.simulation import lock_of
from fibsem.errors import UserError
from fibsem.system.files import write_json
from fibsem.system.identity import KEYS
from fibsem.system.locks import alone, at_work
from fibsem.tracking.runs import Tracking
from tests import once
from tests.reporting.test_lineage import OLDER


@pytest.fixture(autouse=True, scope="module")
def films_are_opened_once():
    """What is looked at here is who is at work, and not the film."""
    with pytest.MonkeyPatch.context() as patch:
        once.open_films(patch)
        yield


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
    Bundle(segmenter, (None, None, None)).save(folder)
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
        (quantify, []),
        (inspect, []),
        (report, []),
        (segment, ["export=onnx"]),
        (evaluate, ["compare=[RESULT,OTHER]"]),
        (report, ["lineage=RESULT"]),
    ],
)


@pytest.fixture(scope="module")
def evaluation(tiny, store, tmp_path_factory):
    """A finished evaluation."""
    folder = tmp_path_factory.mktemp("evaluated") / "otsu"
    keys = [f"data.path={tiny}", f"output={folder}", *store, "seeds=2"]
    evaluate.main(compose("evaluate", [*keys, "model=threshold", "nbhd=11x11x3"]))
    return folder


@pytest.fixture(scope="module")
def segmentation(tiny, tmp_path_factory):
    """A film that is labelled."""
    folder = tmp_path_factory.mktemp("segmented")
    keys = [f"weights={bundle(folder / 'b')}", f"volume={tiny / 'HPC45' / 'slices'}"]
    segment.main(compose("segment", [*keys, f"output={folder / 'out'}"]))
    return folder / "out"


def _placed(key, places):
    for word, place in places.items():
        key = key.replace(word, str(place))
    return key


@pytest.fixture
def begin(request, tiny, store, tmp_path):
    """Function (command, more, out) -> the command is called with what it needs."""

    def call(command, more, out):
        name, result = command.__name__.removeprefix("fibsem."), tmp_path / "result"
        keys = [f"data.path={tiny}", f"output={out}", *store, *more]
        if command is segment:
            keys = [f"weights={bundle(tmp_path / 'b')}", f"output={out}", *more]
        if command is quantify:
            keys = [f"segmentation={request.getfixturevalue('segmentation')}", f"output={out}"]
        if "export=onnx" in more:
            pytest.importorskip("onnx")
        elif command is segment:
            keys.append(f"volume={tiny / 'HPC45' / 'slices'}")
        if command is promote:
            trial(tiny, store)
        other = tmp_path / "other"
        if "compare=[RESULT,OTHER]" in more:
            result = request.getfixturevalue("evaluation")
            shutil.copytree(result, other, dirs_exist_ok=True)
            for record in (other / "summary.json", *other.glob("seed-*/scores.json")):
                record.write_text(record.read_text().replace('"run_id": "', '"run_id": "other '))
        if "lineage=RESULT" in more:
            write_json(result / "summary.json", OLDER)
        elif command is report:
            record = {"study": "s", "trials": {}, "parent_run_id": "p", "dataset": "phantom"}
            write_json(result / "summary.json", record)
            keys.append(f"folders=[{result}]")
        places = {"RESULT": result, "OTHER": other}
        command.main(compose(name, [_placed(key, places) for key in keys]))

    return call


@COMMANDS
def test_the_second_command_is_told(command, more, begin, tmp_path):
    out = tmp_path / "out"
    with (
        at_work(out),
        pytest.raises(UserError, match=f"another process is at work in {out};") as caught,
    ):
        begin(command, more, out)
    assert "\n" not in str(caught.value)
    assert {path.name for path in out.iterdir()} == {".lock"}


@pytest.mark.parametrize(
    ("kind", "anew"), [("segmentation", []), ("inspection", ["overwrite=true"])]
)
@COMMANDS
def test_results_of_another_command_are_left(command, more, kind, anew, begin, tmp_path):
    """Also of those that keep nothing but a summary."""
    if (command, kind, more) in ((segment, "segmentation", []), (inspect, "inspection", [])):
        kind = "evaluation"  # the other one would be its own
    if command is quantify:
        anew = []  # it has no such key: it begins anew always
    out = tmp_path / "out"
    write_json(out / "summary.json", dict.fromkeys(KEYS[kind], 1))
    before = (out / "summary.json").read_text()
    with pytest.raises(UserError, match=r"`output` must be .*out") as caught:
        begin(command, [*more, *anew], out)
    assert "\n" not in str(caught.value)
    assert (out / "summary.json").read_text() == before
    assert {path.name for path in out.iterdir()} <= {".lock", "summary.json"}


@pytest.mark.parametrize(
    ("command", "more"), [(evaluate, ["compare=[RESULT,OTHER]"]), (report, ["lineage=RESULT"])]
)
def test_what_a_command_itself_wrote_is_written_anew(command, more, begin, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        begin(command, more, out)
    assert (out / "summary.json").is_file()


def test_the_second_simulation_is_told(tmp_path):
    out = tmp_path / "film"
    with alone(lock_of(out)), pytest.raises(UserError, match=f"at work in {out};"):
        simulate.main(compose("simulate", [f"output={out}", "phantom=demo"]))
    assert not out.exists()
