"""What commands do before their work, done once in the server that they are forked from.

They find what Hydra has read and what MLflow and Optuna have ordered. No network is made here:
TensorFlow is used on one side of a fork alone.
"""

import builtins
import gc

from hydra.core.plugins import Plugins
from mlflow.store.db import utils
from sqlalchemy.orm import configure_mappers

from fibsem.config import compose
from tests import once

once.read_configurations(builtins)
once.parse_overrides(builtins)
once.compose_groups(builtins)
once.read_migrations(builtins)
Plugins.instance()
for command in ("train", "sweep", "evaluate", "promote", "segment", "report"):
    compose(command, [])
utils._get_latest_schema_revision()
configure_mappers()
gc.collect()
gc.freeze()  # no command looks through it for garbage
