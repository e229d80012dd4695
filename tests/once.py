"""Once a process, what libraries do each time: tests make hundreds of what users make once."""

import collections
import contextlib
import copy
import ctypes
import functools
import itertools
import os
import pickle
import sqlite3
import threading
import weakref
from dataclasses import astuple, replace
from pathlib import Path

#: Networks that are kept to be used again.
KEPT = 16
#: Parameters of glibc's ``mallopt`` in bytes: the size from which arrays are mapped (-3), how much
#: free memory is kept (-1), and how much the heap grows by (-2).
MEMORY = {-3: 2**25, -1: 2**30, -2: 2**24}


def keep_memory():
    """Keep the memory of large arrays in this process instead of returning it to the system.

    The kernel clears every page that it hands out. With this there are half as many page faults.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # other libraries have none
        for setting, size in MEMORY.items():
            mallopt(setting, size)


def read_configurations(patch):
    """Hydra parses all files for each of a thousand configurations: a third of their time."""
    import omegaconf
    from hydra._internal.config_repository import ConfigRepository

    read, known = ConfigRepository.load_config, {}

    def load(self, config_path):
        key = (config_path, *(source.path for source in self.sources))
        if key not in known:
            known[key] = pickle.dumps(read(self, config_path))
        return pickle.loads(known[key])  # anew, since it is changed where it is used

    patch.setattr(ConfigRepository, "load_config", load)
    for module in (omegaconf.base, omegaconf._utils):  # what is in those files is parsed again
        patch.setattr(module, "parse", functools.cache(module.parse))


def parse_overrides(patch):
    """Hydra parses each override twice, with its functions registered anew: half of the rest."""
    from hydra.core.override_parser import overrides_parser as parsing

    parse, known = parsing.OverridesParser.parse_rule, {}

    def parsed(self, s, rule_name):
        if (s, rule_name) not in known:  # what cannot be parsed is said each time
            known[s, rule_name] = pickle.dumps(parse(self, s, rule_name))
        return pickle.loads(known[s, rule_name])  # anew, since its loader is set

    patch.setattr(parsing.OverridesParser, "parse_rule", parsed)
    patch.setattr(parsing, "create_functions", functools.cache(parsing.create_functions))


def compose_groups(patch):
    """Hydra merges all groups anew for each configuration; their values alone differ each time."""
    from hydra._internal import config_loader_impl as loading
    from hydra._internal.config_repository import CachingConfigRepository
    from hydra._internal.defaults_list import Overrides

    find, lists = loading.create_defaults_list, {}
    merge, known = loading.ConfigLoaderImpl._compose_config_from_defaults_list, {}

    def paths(repo):
        return tuple(source.path for source in repo.get_sources())

    def copied(self, delegate):  # whose places are set anew where it is changed
        self.delegate, self.cache = copy.copy(delegate), {}

    def defaults(repo, config_name, overrides_list, **how):
        values = Overrides(repo, overrides_list).config_overrides
        groups = [one.input_line for one in overrides_list if one not in values]
        key = (paths(repo), config_name, *groups, *how.items())
        if key not in lists:
            lists[key] = find(repo, config_name, overrides_list, **how)
        return replace(lists[key], config_overrides=values)

    def composed(self, defaults, repo):
        key = (paths(repo), *map(astuple, defaults))
        if key not in known:
            known[key] = pickle.dumps(merge(self, defaults, repo))
        return pickle.loads(known[key])

    patch.setattr(CachingConfigRepository, "__init__", copied)
    patch.setattr(loading, "create_defaults_list", defaults)
    patch.setattr(loading.ConfigLoaderImpl, "_compose_config_from_defaults_list", composed)


def leave_hydra_out(patch):
    """Hydra fills in settings of its own, half of a configuration, and `compose` removes them."""
    import hydra
    from hydra._internal import config_loader_impl as loading
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode
    from omegaconf import OmegaConf, open_dict

    compose, known = hydra.compose, {}

    def composed(config_name, overrides):
        loader = GlobalHydra.instance().hydra.config_loader
        parsed, repo = loader._parse_overrides_and_create_caching_repo(config_name, overrides)
        loader.validate_sweep_overrides_legal(parsed, RunMode.RUN, from_shell=False)
        listed = loading.create_defaults_list(
            repo, config_name, parsed, prepend_hydra=True, skip_missing=False
        )
        key = (config_name, *(source.path for source in repo.get_sources()),
               *map(astuple, listed.defaults))  # fmt: skip
        if key not in known:
            config = loader._compose_config_from_defaults_list(listed.defaults, repo)
            OmegaConf.set_struct(config, True)
            with open_dict(config):
                del config["hydra"]
            known[key] = pickle.dumps(config)
        config = pickle.loads(known[key])
        loader._apply_overrides_to_config(listed.config_overrides, config)
        return config

    def composed_or_refused(config_name, overrides):
        if not any("hydra" in one for one in overrides):
            with contextlib.suppress(Exception):  # which Hydra itself tells better
                return composed(config_name, overrides)
        return compose(config_name, overrides)

    patch.setattr(hydra, "compose", composed_or_refused)


def read_migrations(patch):
    """Optuna and MLflow execute and order all migrations whenever they open a database."""
    from alembic import util
    from alembic.script import ScriptDirectory

    read, known = util.load_python_file, {}
    order, ordered = ScriptDirectory.from_config, {}

    def load(folder, name):
        if name == "env.py":  # which is there to be executed
            return read(folder, name)
        if (folder, name) not in known:
            known[folder, name] = read(folder, name)
        return known[folder, name]

    def in_order(config):
        folder = config.get_main_option("script_location")
        if folder not in ordered:
            ordered[folder] = order(config)
        return ordered[folder]

    patch.setattr(util, "load_python_file", load)
    patch.setattr(ScriptDirectory, "from_config", staticmethod(in_order))


def lay_out_stores(patch):
    """MLflow makes some fifty migrations for each new store: the first SQLite is copied."""
    from mlflow.store.db import utils

    make, first = utils._initialize_tables, []

    def initialize(engine):
        if engine.dialect.name != "sqlite" or not utils._is_empty_database(engine):
            make(engine)
            return
        with contextlib.closing(engine.raw_connection()) as connection:
            if first:
                with contextlib.closing(sqlite3.connect(":memory:")) as copied:
                    copied.deserialize(*first)
                    copied.backup(connection.driver_connection)
            else:
                make(engine)
                first.append(connection.driver_connection.serialize())

    patch.setattr(utils, "_initialize_tables", initialize)
    patch.setattr("mlflow.store.model_registry.sqlalchemy_store._initialize_tables", initialize)


def expect_no_prompts(patch):
    """MLflow reads a registered model before each change of it, lest it be a prompt: none is."""
    from mlflow import MlflowClient

    patch.setattr(MlflowClient, "_raise_if_prompt", lambda self, name: None)


def check_requirements(patch):
    """MLflow looks for each package that a model needs whenever it logs or loads one."""
    from mlflow.utils import requirements_utils as needs

    checked = functools.cache(needs._check_requirement_satisfied)
    patch.setattr(needs, "_check_requirement_satisfied", checked)


def trace_steps(patch):
    """Each training traces its steps for seconds, but for one of the network before: all of them.

    As the package does it, a network that is taken over forgets what it knew; so does a new one
    here, for a training that ends by an error leaves its network to nobody.
    """
    import tensorflow as tf

    from fibsem.training.steps import learner, traced

    take, leave, known = traced.take, traced.leave, collections.deque(maxlen=KEPT)

    @functools.wraps(take)
    def taken(computed):
        spread = learner.default_strategy() is not tf.distribute.get_strategy()
        if spread or threading.current_thread() is not threading.main_thread():
            return take(computed)  # others may train at the same time
        for k, (other, network) in enumerate(known):
            if other == computed:
                del known[k]
                known.append((other, network))
                return network
        network = learner.compiled_for_steps(computed.spec, computed.updates, 0.0)
        known.append((computed, network))
        return network

    @functools.wraps(leave)
    def left(computed, trained):
        if not any(network is trained.steps for _, network in known):
            leave(computed, trained)

    patch.setattr(traced, "take", taken)
    patch.setattr(traced, "leave", left)


def prepare_operations(patch):
    """TensorFlow prepares an operation, or a graph, for half a millisecond to half a second.

    It does so again after each seed, which operations that count for themselves begin again with
    (the package uses none), and for each name of a variable, which it shows in an error.
    """
    from tensorflow.python.eager import context
    from tensorflow.python.ops import gen_resource_variable_ops as operations

    make = operations.var_handle_op

    def made(*, debug_name="", **how):
        return make(debug_name="" if context.executing_eagerly() else debug_name, **how)

    patch.setattr(operations, "var_handle_op", made)
    patch.setattr(context.pywrap_tfe, "TFE_ContextClearCaches", lambda handle: None)


def remember_no_lines(patch):
    """TensorFlow keeps for each operation of a graph by which lines of Python it was made.

    An error in a graph tells them. They are those of pytest for the most part: some forty of them.
    """
    from tensorflow.python.framework import ops

    made = functools.partial(ops._create_c_op, extract_traceback=False)
    patch.setattr(ops, "_create_c_op", made)


def wait_for_no_disk(patch):
    """Let SQLite neither wait for the disk nor keep its rollback journal there.

    A file takes 10 ms to reach the disk, a transaction 30. The machine does not go down in a test,
    and the process of the tests is not killed. Processes that tests start and kill have a journal
    file, as in use.
    """
    opened, here = sqlite3.connect, os.getpid()

    def connect(*args, **how):
        connection = opened(*args, **how)
        ((busy_ms,),) = connection.execute("PRAGMA busy_timeout")
        connection.execute("PRAGMA busy_timeout = 0")  # a test may have it locked, or damaged
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA synchronous = OFF")
            if os.getpid() == here:
                connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
        return connection

    patch.setattr(os, "fsync", lambda file: None)
    for module in (sqlite3, sqlite3.dbapi2):
        patch.setattr(module, "connect", connect)


#: What of a recipe its brightness does not depend on.
SIZES = ("shape", "squares", "square_px", "samples", "truth_volume")


def calibrate_films(patch):
    """A phantom's brightness is measured on twelve times as many voxels as most tests' films."""
    from fibsem.data.phantom import render

    calibrate, known = render.calibrate, {}

    @functools.wraps(calibrate)
    def calibrated(*given):
        recipe, *film = given
        key = repr(({name: kept for name, kept in vars(recipe).items() if name not in SIZES}, film))
        if key not in known:
            known[key] = calibrate(*given)
        return known[key]

    patch.setattr(render, "calibrate", calibrated)


def open_films(patch):
    """What a training opens is looked through and digested: once where nobody touched a file."""
    from fibsem.training.material import datasets

    load, known = datasets.load_dataset, {}

    def stamps(folder):
        files = sorted(folder.rglob("*"))
        looks = (file.stat() for file in files)
        return (*map(str, files), *((s.st_ctime_ns, s.st_size, s.st_ino) for s in looks))

    @functools.wraps(load)
    def loaded(path, recipe=None):
        folder = Path(path)
        if not folder.is_dir():
            return load(path, recipe)
        key = (str(path), repr(recipe), stamps(folder))
        if key not in known:
            known[key] = load(path, recipe)
        return known[key]

    patch.setattr(datasets, "load_dataset", loaded)


def count_once(patch):
    """The operations of a network are counted of one that is built for it: once for each."""
    from fibsem.inference.model import cost

    def remembering(build):
        known = []

        def built(spec, **how):
            for one, network in known:
                if one == (spec, how):
                    return network
            known.append(((spec, how), build(spec, **how)))
            del known[:-KEPT]
            return known[-1][1]

        return built

    patch.setattr(cost, "build", remembering(cost.build))
    patch.setattr(cost, "build_for_steps", remembering(cost.build_for_steps))


def time_small(patch):
    """What a model costs is timed on a block as large as the films of most tests."""
    from fibsem.inference.model import cost

    for mode in ("dense", "features"):
        patch.setitem(cost.SIDE, mode, 128)
    rate = functools.partial(cost.matrix_product_rate, 512)
    patch.setattr(cost, "matrix_product_rate", rate)


def collect_seldom(patch):
    """Keras has the collector look through all after a trial: here after each hundredth."""
    import keras

    clear, count = keras.backend.clear_session, itertools.count(1)

    def cleared(free_memory=True):
        clear(free_memory=free_memory and next(count) % 100 == 0)

    patch.setattr(keras.backend, "clear_session", cleared)


@contextlib.contextmanager
def graphs_as_written():
    """TensorFlow rewrites each graph before its first step, and Keras wraps calls for its errors.

    Half of the time of a graph goes there, and those of most tests are run a few times.
    """
    import keras
    import tensorflow as tf

    rewriting = tf.config.optimizer.set_experimental_options
    rewriting({"disable_meta_optimizer": True})
    for library in (tf.debugging, keras.config):
        library.disable_traceback_filtering()
    yield
    rewriting({"disable_meta_optimizer": False})
    for library in (tf.debugging, keras.config):
        library.enable_traceback_filtering()


def draw_small(patch):
    """Most of a picture's time is in its pixels, which few tests look at."""
    from fibsem.analysis.figures import style

    patch.setitem(style.STYLE, "savefig.dpi", 50)


def draw_at_once(patch):
    """The rest goes into room for its texts, for which all is drawn twice and three times."""
    from matplotlib.figure import Figure

    save = Figure.savefig

    def saved(self, *where, bbox_inches=None, **how):
        self.set_layout_engine("none")
        save(self, *where, **how)

    patch.setattr(Figure, "savefig", saved)


def draw_for_no_print(patch):
    """Each figure is drawn a second time as SVG, at which few tests look."""
    patch.setattr("fibsem.analysis.figures.style.svg", lambda figure: b"<svg/>")


def draw_each_once(patch):
    """A picture is made each time, and rendered the first time: at the tenth nobody looks.

    That the same data are the same picture is proven where each is rendered, in the reports' tests.
    """
    from fibsem.analysis import figures
    from fibsem.system.files import replace_file

    save, known = figures.save, {}

    def saved(figure, path):
        drawing = path.with_suffix(".svg")
        if path.name not in known:
            save(figure, path)
            known[path.name] = path.read_bytes(), drawing.read_bytes()
        for place, drawn in zip((path, drawing), known[path.name], strict=True):
            replace_file(place, drawn)
        return path

    patch.setattr(figures, "save", saved)


def lend_twins(patch, idle):
    """A scorer builds and traces a dense form; here it takes that of one that is gone, if alike.

    The weights are filled in anew as those of a new one are.
    """
    import keras

    from fibsem.inference.model import predict
    from fibsem.models import dense

    build, compiled = dense.build, predict.compiled
    begin = predict.BlockScorer.__init__
    forwards = {}

    def built(spec, **how):
        rough = keras.config.dtype_policy().name == "mixed_bfloat16"
        for k, (known, network, forward) in enumerate(idle):
            if known == (spec, rough):
                del idle[k]
                forwards[id(network)] = forward  # which holds it
                return network
        return build(spec, **how)

    def traced(network):
        return forwards.pop(id(network), None) or compiled(network)

    def begun(self, spec, model, precision="float32", symmetry=1):
        begin(self, spec, model, precision, symmetry)
        if self.mode == "dense":
            key = spec, precision == "bfloat16"
            weakref.finalize(self, leave, (key, self.network, self._forward)).atexit = False

    def leave(entry):
        idle.append(entry)
        del idle[:-KEPT]

    patch.setattr(dense, "build", built)
    patch.setattr(predict, "compiled", traced)
    patch.setattr(predict.BlockScorer, "__init__", begun)
