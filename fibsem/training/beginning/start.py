"""Initial weights of a training from another model, ``train.init``.

The default are the weights that come with the package, if it has any for the architecture
(:mod:`fibsem.models.pretrained`). The weights are chosen once, when the command begins.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fibsem import models
from fibsem.config import DIGEST, SHIPPED, Configuration, RunConfig
from fibsem.data.dataset.dataset import Dataset
from fibsem.errors import UserError
from fibsem.models.pretrained import Layers, pretrained
from fibsem.models.spec import ModelSpec
from fibsem.training.beginning.fitting import Fit, fill, layers_of
from fibsem.training.beginning.origin import Origin, learned_by_any, too_good
from fibsem.training.beginning.teacher import KEY as TEACHER
from fibsem.training.beginning.teacher import pinned_teacher, teacher_of
from fibsem.training.beginning.trained_before import read_once, trained_at, with_digest

if TYPE_CHECKING:
    import keras

KEY = "train.init"
#: Scaling of the grey values that the package's own weights were trained on.
SCALING = "standardise"
#: Remedy in warnings that keeps former test squares in the test split.
REMEDY = "the parts of before (a column `split` in the region table)"


@dataclass(frozen=True)
class Start:
    """Networks of a model whose weights can initialise a training.

    Attributes
    ----------
    address
        Address of the model, with aliases resolved and a digest appended.
    networks
        Networks of the model, several for an ensemble, each with its specification.
    scaling
        Scaling of the grey values that they were trained on.
    origin
        Data that they were trained on; by default simulated films, which no user has.
    """

    address: str
    networks: tuple[tuple[ModelSpec, Layers], ...]
    scaling: str
    origin: Origin = field(default_factory=Origin)

    @property
    def title(self) -> str:
        """Name of the model in messages."""
        address = DIGEST.sub("", self.address)
        if address == SHIPPED:
            return "weights that come with fibsem (train.init=null: random ones)"
        of = " + ".join(f"{spec.name} {spec.nbhd}" for spec, _ in self.networks)
        return f"{address} ({of})"

    def of(self, model: str) -> Start | None:
        """Return the start for an architecture; None if the package has no weights for it.

        A model that the user named is returned unchanged for every architecture.
        """
        if DIGEST.sub("", self.address) != SHIPPED:
            return self
        networks = tuple(pair for pair in self.networks if pair[0].name == model)
        return replace(self, networks=networks) if networks else None

    def give(self, network: keras.Model) -> Fit:
        """Copy the weights of the best fitting network into a network; see :func:`fill`."""
        return fill(network, self.networks)


@read_once
def start_of(address: str, tracking_uri: str) -> Start:
    """Return the initial weights at an address, or None (random weights) if there is no address.

    UserError is raised if there is no model at the address, the model has no network, or its
    weights do not match the digest of the address.
    """
    plain = DIGEST.sub("", address)
    if plain == SHIPPED:
        networks, scaling, now, origin = pretrained(), SCALING, SHIPPED, Origin()
    else:
        before = trained_at(plain, tracking_uri, KEY)
        members = [member for member in before.segmenter.members if member.spec.is_network]
        if not members:
            raise UserError(f"`{KEY}` must be a network, but {plain} has no layers.")
        networks = tuple((member.spec, layers_of(member.model)) for member in members)
        scaling, now, origin = before.segmenter.recipe.scaling, before.address, before.origin
    return Start(with_digest(now, _digest(networks), address, KEY), networks, scaling, origin)


def origins(init: str | None, teacher: str | None, tracking_uri: str) -> list[Origin]:
    """Return the origins of the initial model and of the teacher, as far as there are any."""
    models_before = start_of(init, tracking_uri), teacher_of(teacher, tracking_uri)
    return [model.origin for model in models_before if model is not None]


def learned_of_test(
    init: str | None, tracking_uri: str, dataset: Dataset, teacher: str | None = None
) -> int | None:
    """Return the number of test squares that the initial model or the teacher learned from.

    None if this is unknown.
    """
    return learned_by_any(origins(init, teacher, tracking_uri), dataset)


def pinned(
    configuration: Configuration,
    *networks: RunConfig,
    dataset: Dataset | None = None,
    scalings: Iterable[str] = (),
) -> Configuration:
    """Pin ``train.init`` and ``train.teacher`` of a configuration to their current models.

    Prints how well the initial weights fit, and warns if a model has learned from test squares of
    the dataset.

    Parameters
    ----------
    configuration
        Configuration as it was typed.
    networks
        Configurations to be trained, one per architecture of a sweep; by default that of
        ``configuration``.
    dataset
        Dataset of the training.
    scalings
        Scalings of grey values among the trials of a sweep.

    Raises
    ------
    UserError
        If a model does not exist, fits no layer or expects another scaling, or if the teacher
        cannot be used.
    """
    networks = tuple(
        network for network in networks or (configuration.run,) if network.spec.is_network
    )
    if networks and (named := networks[0].train.teacher) is not None:
        uri, share = networks[0].tracking.absolute_uri, networks[0].train.teacher_share
        taught_by = pinned_teacher(named, share, uri, dataset, networks[0].split)
        configuration = configuration.with_values({TEACHER: taught_by})
    asking = [network for network in networks if network.train.init is not None]
    if not asking:
        return configuration
    asked = asking[0].train.init
    scaled = set(scalings) or {str(network.preprocess.scaling) for network in asking}
    start = start_of(asked, asking[0].tracking.absolute_uri)
    assert start is not None
    fits = [_fit(start, network.spec) for network in networks]
    fit_any = any(fit and fit.layers for fit in fits)
    if asked == SHIPPED and (start.scaling not in scaled or not fit_any):
        return configuration.with_values({KEY: None})
    if asked != SHIPPED and (others := scaled - {start.scaling}):
        raise UserError(
            f"`preprocess.scaling` must be {start.scaling}, as of the weights of {KEY}="
            f"{start.title}, but got {', '.join(sorted(others))}."
        )
    if not fit_any:
        wanted = " and ".join(f"{network.spec.name} {network.spec.nbhd}" for network in networks)
        raise UserError(
            f"`{KEY}` must have a layer that fits {wanted}, but none of {start.title} does; the "
            "choices are its model and nbhd, or train.init=null."
        )
    for config, fit in zip(networks, fits, strict=True):
        if fit:
            print(f"{config.spec.name} begins with {start.title}: {fit.sentence}")
    if dataset is not None:
        learned, squares = start.origin.test_squares(dataset), len(dataset.regions("test"))
        if said := too_good(learned, squares):
            print(f"warning: {said}; the choices are train.init=null, or {REMEDY}", file=sys.stderr)
    return configuration.with_values({KEY: start.address})


def suited(init: str | None, scaling: str) -> str | None:
    """Return ``init``, or None if it stands for the package's weights and the scaling differs.

    >>> suited("auto", "standardise"), suited("auto", "none"), suited("outputs/train/a", "none")
    ('auto', None, 'outputs/train/a')
    """
    others = init is None or DIGEST.sub("", init) != SHIPPED
    return init if others or scaling == SCALING else None


def _fit(start: Start, spec: ModelSpec) -> Fit | None:
    fitting = start.of(spec.name)
    return None if fitting is None else fitting.give(models.build_for_steps(spec))


def _digest(networks: Sequence[tuple[ModelSpec, Layers]]) -> str:
    """Return a digest of 16 hex digits over the weights and the names of their layers."""
    digest = hashlib.sha256()
    for _, layers in networks:
        for name, weights in layers.items():
            digest.update(name.encode())
            for weight in weights:
                digest.update(weight.tobytes())
    return digest.hexdigest()[:16]
