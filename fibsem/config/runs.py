"""Settings that all runs have: data, network, training, tracking."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from fibsem.config.reading import flat, read_path, require, require_file
from fibsem.config.training import TrainConfig
from fibsem.config.unused import FITTED, why_unused
from fibsem.data.dataset.split import SplitRecipe
from fibsem.data.preprocessing import Recipe
from fibsem.models.spec import ModelSpec
from fibsem.system.addresses import SQLITE, database_file
from fibsem.system.secrets import remember

#: The model of a sweep whose trials are of several architectures.
AUTO = "auto"


@dataclass(frozen=True)
class DataConfig:
    """The dataset: a manifest by its path, or a named one that is simulated or downloaded.

    Examples
    --------
    >>> DataConfig("demo", phantom="demo").root
    'data'
    """

    name: str
    path: str | None = None
    root: str = "data"
    phantom: str | None = None
    download: bool = False


@dataclass(frozen=True)
class SamplingConfig:
    """Seed for draws of pixels, which belongs to the dataset and not to the run.

    Examples
    --------
    >>> SamplingConfig(seed=1).seed
    1
    """

    seed: int = 0


@dataclass(frozen=True)
class TrackingConfig:
    """Where runs are logged.

    Examples
    --------
    >>> TrackingConfig(experiment="films").uri
    'sqlite:///mlruns/mlflow.db'
    """

    uri: str = "sqlite:///mlruns/mlflow.db"
    artifacts: str = "mlruns/artifacts"
    experiment: str | None = None
    system_metrics: bool = False
    pictures: bool = True

    def __post_init__(self) -> None:
        remember(self.uri)
        require_file("tracking.uri", self.uri)
        _check_file(database_file(self.uri))
        read_path(self.artifacts, "tracking.artifacts")

    @property
    def absolute_uri(self) -> str:
        """Address of the store that is valid in any working directory."""
        file = database_file(self.uri)
        if file is None:
            return self.uri
        _check_file(file.resolve())
        return f"{SQLITE}{file.resolve()}"


def _check_file(file: Path | None) -> None:
    """Refuse characters in a path that MLflow would take for options or decode."""
    legal = file is None or not re.search(r"\?|%[0-9A-Fa-f]{2}", str(file))
    require("tracking.uri", file, legal, "a path without question marks and %20 or the like")


@dataclass(frozen=True)
class EvaluateConfig:
    """Settings of an evaluation.

    Examples
    --------
    >>> EvaluateConfig().patch_limit
    2000000
    """

    patch_limit: int = 2_000_000


@dataclass(frozen=True)
class RunConfig:
    """One training, of a trial or a final run: dataset, network, schedule, seed.

    Examples
    --------
    ```python
    config = Configuration(compose("train", ["nbhd=33x33x3"])).run
    config.spec.name, config.train.epochs
    ```
    """

    data: DataConfig
    preprocess: Recipe
    split: SplitRecipe
    sampling: SamplingConfig
    spec: ModelSpec
    train: TrainConfig
    tracking: TrackingConfig
    seed: int

    @property
    def name(self) -> str:
        """Name of the run: network and seed."""
        return f"{self.spec.name} {self.spec.nbhd} seed {self.seed}"

    def why_unused(self, key: str, *, planned: bool = False) -> str | None:
        """Explain why a dotted key has no effect; None if it has one.

        ``planned`` states that a budget will set the steps.
        """
        group, _, name = key.partition(".")
        if group == "model":
            return self.spec.why_unused(name)
        if group == "train" and name and not self.spec.is_network and name not in FITTED:
            return f"model={self.spec.name} is fitted at once, in no steps"
        if key == "train.frame" and self.spec.family != "squares":
            return f"it is of networks on squares as model=unet, and not of {self.spec.name}"
        now = asdict(self.train) | ({"steps": "those of budget="} if planned else {})
        return why_unused(key, {f"train.{name}": value for name, value in now.items()})

    @property
    def hyperparameters(self) -> dict[str, object]:
        """Every hyperparameter of network and training by dotted key, automatic values resolved."""
        spec = self.spec
        parts = {
            "model": {"name": spec.name, "padding": spec.padding, **spec.hyperparameters},
            "train": asdict(self.train),
            "preprocess": asdict(self.preprocess),
        }
        return {"nbhd": str(spec.nbhd), **dict(flat(parts))}

    @property
    def settings(self) -> dict[str, object]:
        """Every setting that affects the result of a training by dotted key, values resolved."""
        spec = self.spec
        parts = {
            "split": asdict(self.split),
            "sampling": asdict(self.sampling),
            "preprocess": asdict(self.preprocess),
            "model": {"name": spec.name, "padding": spec.padding, **spec.hyperparameters},
            "train": self.train.settings,
        }
        return {"nbhd": str(spec.nbhd), "seed": self.seed, **dict(flat(parts))}
