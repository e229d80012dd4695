"""What a training begins with instead of random weights: those of another model, ``train.init``.

By default they are those that come with the package, where it has some for the architecture
(:mod:`fibsem.models.pretrained`). Which weights they are is settled once, when the command begins.
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
#: What was done to the grey values that the package's own weights have learned on.
SCALING = "standardise"
#: What keeps a test square a test square.
REMEDY = "the parts of before (a column `split` in the region table)"


@dataclass(frozen=True)
class Start:
    """The networks of a model, to begin a training with.

    Attributes
    ----------
    address
        Where they are, whatever becomes of an alias, with their digest.
    networks
        One, or those of an ensemble, each with its specification.
    scaling
        What was done to the grey values that they were trained on.
    origin
        The data that they were trained on; simulated films of nobody by default.
    """

    address: str
    networks: tuple[tuple[ModelSpec, Layers], ...]
    scaling: str
    origin: Origin = field(default_factory=Origin)

    @property
    def title(self) -> str:
        """The start as messages name it."""
        place = DIGEST.sub("", self.address)
        if place == SHIPPED:
            return "weights that come with fibsem (train.init=null: random ones)"
        of = " + ".join(f"{spec.name} {spec.nbhd}" for spec, _ in self.networks)
        return f"{place} ({of})"

    def of(self, model: str) -> Start | None:
        """What an architecture begins with: of the package's weights those of itself, if any."""
        if DIGEST.sub("", self.address) != SHIPPED:
            return self
        own = tuple(pair for pair in self.networks if pair[0].name == model)
        return replace(self, networks=own) if own else None

    def give(self, network: keras.Model) -> Fit:
        """Put the weights into the layers that they fit; of several networks those of the best."""
        return fill(network, self.networks)


@read_once
def start_of(address: str, tracking_uri: str) -> Start:
    """What a training begins with; None where that is random.

    Refused where the digest behind an address is not that of the weights there.
    """
    place = DIGEST.sub("", address)
    if place == SHIPPED:
        networks, scaling, now, origin = pretrained(), SCALING, SHIPPED, Origin()
    else:
        before = trained_at(place, tracking_uri, KEY)
        members = [member for member in before.segmenter.members if member.spec.is_network]
        if not members:
            raise UserError(f"`{KEY}` must be a network, but {place} has no layers.")
        networks = tuple((member.spec, layers_of(member.model)) for member in members)
        scaling, now, origin = before.segmenter.recipe.scaling, before.address, before.origin
    return Start(with_digest(now, _digest(networks), address, KEY), networks, scaling, origin)


def origins(init: str | None, teacher: str | None, tracking_uri: str) -> list[Origin]:
    """The data of all models that a training knows something of."""
    models_before = start_of(init, tracking_uri), teacher_of(teacher, tracking_uri)
    return [one.origin for one in models_before if one is not None]


def learned_of_test(
    init: str | None, tracking_uri: str, dataset: Dataset, teacher: str | None = None
) -> int | None:
    """Test squares that the start of a training, or its teacher, has learned from.

    None where nobody knows.
    """
    return learned_by_any(origins(init, teacher, tracking_uri), dataset)


def pinned(
    given: Configuration,
    *networks: RunConfig,
    dataset: Dataset | None = None,
    scalings: Iterable[str] = (),
) -> Configuration:
    """The configuration with the models that it names now, and no others later.

    They are those of ``train.init`` and of ``train.teacher``. What they have seen of the test
    squares of a dataset is said.

    Parameters
    ----------
    given
        As it was typed.
    networks
        What is to be trained, of a sweep over architectures one of each; by default what it says.
    dataset
        What it is trained on.
    scalings
        How a sweep scales grey values, where its trials differ in that.

    Raises
    ------
    UserError
        If they are not there, fit no layer, or expect other grey values; or cannot teach.
    """
    networks = tuple(each for each in networks or (given.run,) if each.spec.is_network)
    if networks and (named := networks[0].train.teacher) is not None:
        uri, share = networks[0].tracking.absolute_uri, networks[0].train.teacher_share
        taught_by = pinned_teacher(named, share, uri, dataset, networks[0].split)
        given = given.with_values({TEACHER: taught_by})
    asking = [each for each in networks if each.train.init is not None]
    if not asking:
        return given
    asked = asking[0].train.init
    scaled = set(scalings) or {str(each.preprocess.scaling) for each in asking}
    start = start_of(asked, asking[0].tracking.absolute_uri)
    assert start is not None
    fits = [_fit(start, each.spec) for each in networks]
    fit_any = any(fit and fit.layers for fit in fits)
    if asked == SHIPPED and (start.scaling not in scaled or not fit_any):
        return given.with_values({KEY: None})
    if asked != SHIPPED and (other := scaled - {start.scaling}):
        raise UserError(
            f"`preprocess.scaling` must be {start.scaling}, as of the weights of {KEY}="
            f"{start.title}, but got {', '.join(sorted(other))}."
        )
    if not fit_any:
        wanted = " and ".join(f"{one.spec.name} {one.spec.nbhd}" for one in networks)
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
    return given.with_values({KEY: start.address})


def suited(init: str | None, scaling: str) -> str | None:
    """What a training begins with: no weights of the package, where it scales otherwise.

    >>> suited("auto", "standardise"), suited("auto", "none"), suited("outputs/train/a", "none")
    ('auto', None, 'outputs/train/a')
    """
    others = init is None or DIGEST.sub("", init) != SHIPPED
    return init if others or scaling == SCALING else None


def _fit(start: Start, spec: ModelSpec) -> Fit | None:
    own = start.of(spec.name)
    return None if own is None else own.give(models.build_for_steps(spec))


def _digest(networks: Sequence[tuple[ModelSpec, Layers]]) -> str:
    """Sixteen hex digits of some weights, and of the layers that they are in."""
    digest = hashlib.sha256()
    for _, layers in networks:
        for name, weights in layers.items():
            digest.update(name.encode())
            for weight in weights:
                digest.update(weight.tobytes())
    return digest.hexdigest()[:16]
