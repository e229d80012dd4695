"""Once a process, what libraries do each time: tests make hundreds of what users make once."""

import contextlib
import functools
import pickle
import sqlite3


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


def read_migrations(patch):
    """Optuna and MLflow execute the files of all migrations whenever they open a database."""
    from alembic import util

    read, known = util.load_python_file, {}

    def load(folder, name):
        if name == "env.py":  # which is there to be executed
            return read(folder, name)
        if (folder, name) not in known:
            known[folder, name] = read(folder, name)
        return known[folder, name]

    patch.setattr(util, "load_python_file", load)


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
