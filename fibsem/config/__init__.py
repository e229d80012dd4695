"""Configuration: convert Hydra's tree to frozen values, with all validation and its messages.

Only this package and the commands use Hydra. YAML holds values, Python holds names. A
configuration is passed around as a :class:`Configuration`: a plain tree (nested dicts), and the
values that are read from it once. A trial is the tree with a few keys replaced.
"""

from fibsem.config.architecture import why_no_unet, with_architecture
from fibsem.config.budget import Budget
from fibsem.config.commands import command_line, compose, run_command
from fibsem.config.comments import commented_keys
from fibsem.config.configuration import Configuration
from fibsem.config.keys import CONF, choices_of
from fibsem.config.named import check_chosen
from fibsem.config.overrides import as_typed, override
from fibsem.config.promotion import (
    FinalConfig,
    GateConfig,
    PostProcessingConfig,
    PromoteConfig,
    RankConfig,
)
from fibsem.config.reading import Tree, flat, read, read_path, require
from fibsem.config.runs import (
    AUTO,
    DataConfig,
    EvaluateConfig,
    RunConfig,
    SamplingConfig,
    TrackingConfig,
)
from fibsem.config.search import SearchConfig
from fibsem.config.segmentation import estimate_of, voxel_nm_of, weights_of
from fibsem.config.training import DIGEST, SHIPPED, TrainConfig, digest_in
from fibsem.config.trees import OUTPUTS, defaults_of, output_folder, settings_hash, settings_of

__all__ = [
    "AUTO",
    "CONF",
    "DIGEST",
    "OUTPUTS",
    "SHIPPED",
    "Budget",
    "Configuration",
    "DataConfig",
    "EvaluateConfig",
    "FinalConfig",
    "GateConfig",
    "PostProcessingConfig",
    "PromoteConfig",
    "RankConfig",
    "RunConfig",
    "SamplingConfig",
    "SearchConfig",
    "TrackingConfig",
    "TrainConfig",
    "Tree",
    "as_typed",
    "check_chosen",
    "choices_of",
    "command_line",
    "commented_keys",
    "compose",
    "defaults_of",
    "digest_in",
    "estimate_of",
    "flat",
    "output_folder",
    "override",
    "read",
    "read_path",
    "require",
    "run_command",
    "settings_hash",
    "settings_of",
    "voxel_nm_of",
    "weights_of",
    "why_no_unet",
    "with_architecture",
]
