"""TensorFlow and Keras as this project uses them: quiet, lean, and with settings of our own.

Both read variables and files of other programs while they are imported, TensorFlow's C++ says
several lines on standard error that no variable turns off, and Keras loads scikit-learn, Matplotlib
and IPython for what hardly anybody calls. So what they find is settled when the package is
imported, in every process, before either of them is.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import sys
import warnings
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Any

#: What TensorFlow says while it is loaded: remarks, warnings and errors that did not end it.
REMARK = re.compile(rb"WARNING: All log messages before absl|[IWE]\d{4} \d\d:\d\d:[\d.]+ ")
#: What is loaded where it is first used: wrappers for scikit-learn, galleries by Matplotlib, and
#: IPython for an editor of files, which were a third of the time that Keras takes to be imported.
SELDOM = ("keras.wrappers", "keras.visualization", "keras.src.visualization", "IPython")
#: Variables that change what Keras and Keras-Tuner do.
KERAS = ("KERAS_", "KERASTUNER_")
#: Variables by which oneDNN rounds what is computed in float32 to bfloat16 or float16.
ROUNDING = (
    "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE", "TF_SET_ONEDNN_FPMATH_MODE",
)  # fmt: skip
#: Variables of MLflow by which a server is reached; others say where things lie.
REACHING = re.compile(
    r"MLFLOW_(TRACKING_(?!URI|DIR)|HTTP_|S3_|GCS_|BOTO_|KERBEROS_|MYSQL_SSL|MULTIPART_|WORKSPACE$"
    r"|ARTIFACT_UPLOAD|DISABLE_TELEMETRY|\w*TIMEOUT)"
)
#: Warnings that Python does not show unless it is asked to.
UNTOLD = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


def settle() -> None:
    """Settle what TensorFlow and Keras will find in this process, and in those that it starts.

    Keras finds no ``keras.json``, because below a device there are no files: its defaults hold,
    and nothing is written. oneDNN computes in the precision that a key asks for. TensorFlow is
    loaded without its remarks, unless the variable
    ``TF_CPP_MIN_LOG_LEVEL`` asks for them: 0 shows all.
    """
    for name in [name for name in os.environ if name.startswith(KERAS) or name in ROUNDING]:
        del os.environ[name]
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["KERAS_HOME"] = f"{os.devnull}/keras"
    os.environ["KERAS_TUNER_NO_TELEMETRY"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.meta_path.insert(0, _Lazily())
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3":
        sys.meta_path.insert(0, _Quietly())


def disinherit() -> None:
    """Leave what was set for other programs; for commands, whose own keys say it all.

    Variables of MLflow, a window for figures, which are drawn into files alone, and warnings that
    are errors, which would end a command where a library has something to say.
    """
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        if not REACHING.match(name):
            del os.environ[name]
    os.environ["MPLBACKEND"] = "agg"
    if os.environ.pop("PYTHONWARNINGS", ""):
        warnings.resetwarnings()
        for kind in UNTOLD:
            warnings.simplefilter("ignore", kind)


class _Quietly(MetaPathFinder):
    """Finds TensorFlow where Python would, and holds back what it says while it is loaded."""

    def find_spec(
        self, name: str, path: Any, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == "tensorflow" else None
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def quietly(module: ModuleType) -> None:
            with without_remarks():
                load(module)

        spec.loader.exec_module = quietly  # type: ignore[method-assign]
        return spec


class _Lazily(MetaPathFinder):
    """Finds what is seldom used where Python would, and lets it be loaded by its first use."""

    def find_spec(
        self, name: str, path: Any, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if target is None and name in sys.modules and name.rpartition(".")[0] in SELDOM:
            return ModuleSpec(name, _AsLoaded(sys.modules[name]))
        spec = PathFinder.find_spec(name, path, target) if name in SELDOM else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


class _AsLoaded(Loader):
    """Gives the part of a package that loading the package has loaded meanwhile.

    Python looks for a part when it has asked the package for its path, which is the first use of
    one that waits, and would load a second one beside that which the package knows.
    """

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


@contextlib.contextmanager
def without_remarks() -> Iterator[None]:
    """Hold standard error back, also from C++; what is not a remark of TensorFlow's comes after.

    Where the block fails everything comes after. Where it ends the process, by an ``abort`` that
    cannot be caught, at least the place where it happened is said.
    """
    with contextlib.ExitStack() as stack:
        try:
            stderr = os.fdopen(os.dup(2), "wb", buffering=0)
        except OSError:  # there is none
            yield
            return
        stack.enter_context(stderr)
        held = stack.enter_context(os.fdopen(os.memfd_create("stderr"), "r+b", buffering=0))
        watching = not faulthandler.is_enabled()
        if watching:
            faulthandler.enable(stderr)
        os.dup2(held.fileno(), 2)
        remark: re.Pattern[bytes] | None = None
        try:
            yield
            remark = REMARK
        finally:
            os.dup2(stderr.fileno(), 2)
            if watching:
                faulthandler.disable()
            held.seek(0)
            for line in held.readlines():
                if remark is None or not remark.match(line):
                    stderr.write(line)
