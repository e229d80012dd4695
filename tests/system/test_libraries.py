"""What TensorFlow says while it is loaded is held back, and nothing else is lost."""

import os
import subprocess
import sys
import textwrap

import pytest

from fibsem.system.libraries import without_remarks

REMARKS = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795711447.336308   24257 port.cc:153] oneDNN custom operations are on.\n"
    b"E0000 00:00:1795711447.336617   24257 cuda_dnn.cc:8310] Unable to register cuDNN factory\n"
)
SELDOM_USED = """
    import sys

    import fibsem
    import keras

    assert not {"sklearn", "matplotlib", "scipy.stats"} & set(sys.modules)
    assert keras.wrappers.SKLearnClassifier.__mro__[-2].__module__.startswith("sklearn")
    assert callable(keras.visualization.plot_image_gallery)
    assert {"sklearn", "matplotlib"} <= set(sys.modules)
"""
#: Its parts are loaded once: the first use of the package loads them, too.
SHELL = """
    import fibsem.models.blocks, sys
    from IPython.core.interactiveshell import InteractiveShell
    import IPython, importlib

    assert IPython.core.interactiveshell.InteractiveShell is InteractiveShell
    assert IPython.core.__spec__.submodule_search_locations
    importlib.reload(IPython.core.hooks)
    InteractiveShell()
"""
#: Sources, each in a process of its own that has imported Keras and nothing else.
EACH_ALONE = """
import fibsem, keras, os, sys, traceback

for source in sys.argv[1:]:
    pid = os.fork()
    if pid == 0:
        try:
            exec(source, {})
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0, source
"""


def test_only_remarks_are_left_out(capfd):
    with without_remarks():
        os.write(2, REMARKS + b"trial 3 failed: diverged\n" + REMARKS)
    assert capfd.readouterr().err == "trial 3 failed: diverged\n"


def test_all_of_it_is_said_where_it_fails(capfd):
    with pytest.raises(ZeroDivisionError), without_remarks():
        os.write(2, REMARKS) / 0
    assert capfd.readouterr().err.encode() == REMARKS


def load(tmp_path, source, **variables):
    """What a process says on standard error while it imports a stand-in for TensorFlow."""
    (tmp_path / "tensorflow.py").write_text(f"import os\n{source}\n")
    line = [sys.executable, "-c", "import fibsem, tensorflow"]
    environment = {name: text for name, text in os.environ.items() if name[:6] != "TF_CPP"}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *sys.path])
    return subprocess.run(line, capture_output=True, env=environment | variables, timeout=60)


def test_whoever_imports_it_hears_nothing(tmp_path):
    done = load(tmp_path, f"os.write(2, {REMARKS!r})")
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_variable_asks_for_all_of_it(tmp_path):
    done = load(tmp_path, f"os.write(2, {REMARKS!r})", TF_CPP_MIN_LOG_LEVEL="0")
    assert done.stderr == REMARKS


def test_where_it_ends_the_process_the_place_is_said(tmp_path):
    done = load(tmp_path, "os.abort()")
    assert b"Fatal Python error: Aborted" in done.stderr
    assert b"tensorflow.py" in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "KERAS_BACKEND",
        "KERAS_MAX_EPOCHS",
        "KERASTUNER_TUNER_ID",
        "ONEDNN_DEFAULT_FPMATH_MODE",
        "TF_SET_ONEDNN_FPMATH_MODE",
    ],
)
def test_settings_of_other_programs_are_not_inherited(tmp_path, name):
    done = load(tmp_path, f"print(os.environ.get({name!r}), flush=True)", **{name: "torch"})
    assert b"torch" not in done.stdout


@pytest.mark.parametrize(
    ("theirs", "probe"),
    [
        ({"PYTHONWARNINGS": "error"}, "import warnings; warnings.warn('a library says')"),
        ({"MPLBACKEND": "nosuch"}, "import matplotlib; assert matplotlib.get_backend() == 'agg'"),
        ({"MLFLOW_REGISTRY_URI": "x"}, "import os; assert 'MLFLOW_REGISTRY_URI' not in os.environ"),
    ],
)
def test_a_command_leaves_what_was_set_for_others(theirs, probe):
    begin = "from fibsem.system.libraries import disinherit; disinherit()"
    line = [sys.executable, "-c", f"{begin}; {probe}"]
    environment = {**os.environ, **theirs, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(line, capture_output=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_what_keras_seldom_needs_is_loaded_where_it_is_used():
    """A third of its import: none of it at first, all of it for whoever asks, as IPython does."""
    line = [sys.executable, "-c", EACH_ALONE, *map(textwrap.dedent, (SELDOM_USED, SHELL))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(line, capture_output=True, env=environment, timeout=100, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_user_sees_our_lines_only(tmp_path, small):
    """In the command, in workers and in their trials, which servers fork."""
    environment = {name: text for name, text in os.environ.items() if name[:6] != "TF_CPP"}
    one = ["train.epochs=1", "train.steps=1"]
    axes = ["space=smoke", "space.axes.model.blocks=[1]", "space.axes.model.filters=[4]"]
    for command, *overrides in (
        ["train"],
        ["sweep", "search.workers=2", "search.isolate=true", "search.trials=1", *axes],
    ):
        line = [sys.executable, "-m", f"fibsem.{command}", *small, *one, *overrides]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        others = [text for text in done.stderr.splitlines() if not text.startswith("trials ")]
        assert others == []
