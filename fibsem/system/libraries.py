"""Prepare TensorFlow and Keras: no log noise, fewer imports, and this project's own settings.

Both read environment variables and files of other programs while they are imported, TensorFlow's
C++ code writes several lines to standard error that no variable turns off, and Keras loads
scikit-learn, Matplotlib and IPython for rarely used functions. The environment is therefore
prepared when this package is imported, in every process, before either library is imported.
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

#: Lines that TensorFlow logs while it is loaded: information, warnings and non-fatal errors.
REMARK = re.compile(rb"WARNING: All log messages before absl|[IWE]\d{4} \d\d:\d\d:[\d.]+ ")
#: Modules that are loaded at their first use: wrappers for scikit-learn, galleries by Matplotlib,
#: and IPython for a file editor, which took a third of the time of importing Keras.
SELDOM = ("keras.wrappers", "keras.visualization", "keras.src.visualization", "IPython")
#: Prefixes of variables that configure Keras and Keras-Tuner.
KERAS = ("KERAS_", "KERASTUNER_")
#: Variables that make oneDNN round float32 computations to bfloat16 or float16.
ROUNDING = (
    "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE", "TF_SET_ONEDNN_FPMATH_MODE",
)  # fmt: skip
#: MLflow variables that say how to reach a server; the rest say where data are stored.
REACHING = re.compile(
    r"MLFLOW_(TRACKING_(?!URI|DIR)|HTTP_|S3_|GCS_|BOTO_|KERBEROS_|MYSQL_SSL|MULTIPART_|WORKSPACE$"
    r"|ARTIFACT_UPLOAD|DISABLE_TELEMETRY|\w*TIMEOUT)"
)
#: Warnings that Python does not show by default.
UNTOLD = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


def settle() -> None:
    """Set the environment of TensorFlow and Keras for this process and its child processes.

    ``KERAS_HOME`` lies below the null device, where no file can be: Keras finds no ``keras.json``,
    uses its defaults and writes nothing. oneDNN computes in the precision that the configuration
    asks for. TensorFlow's messages at import are hidden, unless the variable
    ``TF_CPP_MIN_LOG_LEVEL`` is set: 0 shows all.
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
    """Remove settings that were made for other programs; for commands, which have their own keys.

    These are MLflow's variables apart from those in :data:`REACHING`, a Matplotlib backend with
    windows (figures are only written to files), and ``PYTHONWARNINGS``, which could turn a
    library's warning into an error that ends the command.
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
    """Import finder for TensorFlow that holds back its messages while it is loaded."""

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
    """Import finder that loads the modules in ``SELDOM`` only at their first use."""

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
    """Loader that returns a submodule which loading its package has already put in place.

    To import a submodule, Python reads its package's path, which is the first use of a lazy
    package and loads it. Python would then load the submodule a second time.
    """

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


@contextlib.contextmanager
def without_remarks() -> Iterator[None]:
    """Hold back standard error, C++ output included, and print it later without TensorFlow's logs.

    If the block raises, all held lines are printed. If it ends the process by an ``abort``, which
    cannot be caught, ``faulthandler`` still prints a traceback.
    """
    with contextlib.ExitStack() as stack:
        try:
            stderr = os.fdopen(os.dup(2), "wb", buffering=0)
        except OSError:  # there is no standard error
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
