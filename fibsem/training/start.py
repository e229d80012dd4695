"""What a training begins with instead of random weights: those of another model, ``train.init``.

By default they are those that come with the package, where it has some for the architecture
(:mod:`fibsem.models.pretrained`). Which weights they are is settled once, when the command begins:
an alias may move afterwards, and files may be replaced.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fibsem import models
from fibsem.config import DIGEST, SHIPPED, Configuration, RunConfig, digest_in
from fibsem.data.dataset import Dataset
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Member
from fibsem.models.pretrained import Layers, pretrained
from fibsem.models.spec import ModelSpec
from fibsem.system.home import home_path
from fibsem.system.identity import Identity
from fibsem.tracking.bundle import REMOTE, find_bundle
from fibsem.training.fitting import Fit, fill, layers_of
from fibsem.training.origin import Origin, too_good

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


def start_of(address: str | None, tracking_uri: str) -> Start | None:
    """What a training begins with; None where that is random."""
    if address is None:
        return None
    read = _kept if digest_in(address) else _read
    return read(address, tracking_uri)


def learned_of_test(address: str | None, tracking_uri: str, dataset: Dataset) -> int | None:
    """Test squares that the start of a training has learned from; None where nobody knows."""
    start = start_of(address, tracking_uri)
    return start.origin.test_squares(dataset) if start else 0


def pinned(
    given: Configuration, *networks: RunConfig, dataset: Dataset | None = None
) -> Configuration:
    """The configuration with the weights that ``train.init`` names now, and no others later.

    What they have seen of the test squares of a dataset is said.

    Parameters
    ----------
    given
        As it was typed.
    networks
        What is to be trained, of a sweep over architectures one of each; by default what it says.
    dataset
        What it is trained on.

    Raises
    ------
    UserError
        If they are not there, fit no layer, or expect other grey values.
    """
    networks = tuple(each for each in networks or (given.run,) if each.spec.is_network)
    asking = [each for each in networks if each.train.init is not None]
    if not asking:
        return given
    asked, scaling = asking[0].train.init, asking[0].preprocess.scaling
    start = start_of(asked, asking[0].tracking.absolute_uri)
    assert start is not None
    fits = [_fit(start, each.spec) for each in networks]
    fit_any = any(fit and fit.layers for fit in fits)
    if asked == SHIPPED and (start.scaling != scaling or not fit_any):
        return given.with_values({KEY: None})
    if start.scaling != scaling:
        raise UserError(
            f"`preprocess.scaling` must be {start.scaling}, as of the weights of {KEY}="
            f"{start.title}, but got {scaling}."
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


def _fit(start: Start, spec: ModelSpec) -> Fit | None:
    own = start.of(spec.name)
    return None if own is None else own.give(models.build_for_steps(spec))


def _read(address: str, tracking_uri: str) -> Start:
    """The networks at an address; refused where a digest behind it is not theirs."""
    place = DIGEST.sub("", address)
    origin = Origin()
    if place == SHIPPED:
        networks, scaling, now = pretrained(), SCALING, SHIPPED
    else:
        members, scaling, now, origin = _members(place, tracking_uri)
        networks = tuple((member.spec, layers_of(member.model)) for member in members)
    digest, wanted = _digest(networks), digest_in(address)
    if wanted not in (None, digest):
        raise UserError(
            f"`{KEY}` must be the weights that this was begun with, but those of {place} are "
            f"others now ({wanted}, now {digest}); overwrite=true begins anew."
        )
    return Start(f"{now}#{digest}", networks, scaling, origin)


#: Where it is known which weights they are: every trial of a sweep begins with the same ones.
_kept = lru_cache(maxsize=2)(_read)


#: Networks, what was done to their grey values, where they are for good, and what they have seen.
Found = tuple[Sequence[Member], str, str, Origin]


def _members(place: str, tracking_uri: str) -> Found:
    folder = home_path(place)
    trained = None if place.startswith(REMOTE) else Identity.beside(folder)
    if trained is not None and trained.kind == "training":
        return _of_training(folder, trained)
    bundle = find_bundle(place, tracking_uri, KEY)
    members = [member for member in bundle.segmenter.members if member.spec.is_network]
    if not members:
        raise UserError(f"`{KEY}` must be a network, but {place} has no layers.")
    now = str(folder.resolve())
    if place.startswith(REMOTE):
        name, alias, _ = place.partition("@")
        now = f"{name}/{bundle.version}" if alias else name
    return members, bundle.segmenter.recipe.scaling, now, Origin.of_bundle(bundle)


def _of_training(folder: Path, trained: Identity) -> Found:
    """The network that a training has left in its folder."""
    settings = trained.settings
    parts = {key.removeprefix("model."): v for key, v in settings.items() if key[:6] == "model."}
    name, padding = parts.pop("name"), parts.pop("padding")
    record = {"name": name, "nbhd": settings["nbhd"], "padding": padding, "hyperparameters": parts}
    spec = ModelSpec.from_json(record)
    try:
        model = models.load(spec, folder)
    except Exception as error:  # damaged files raise errors of every kind
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"`{KEY}` must be a training that has finished, but {folder} holds no network "
            f"({reason})."
        ) from error
    if not spec.is_network:
        raise UserError(f"`{KEY}` must be a network, but {folder} holds a {name}.")
    now, origin = str(folder.resolve()), Origin.of_training(folder, trained)
    return [Member(spec, model)], settings["preprocess.scaling"], now, origin


def _digest(networks: Sequence[tuple[ModelSpec, Layers]]) -> str:
    """Sixteen hex digits of some weights, and of the layers that they are in."""
    digest = hashlib.sha256()
    for _, layers in networks:
        for name, weights in layers.items():
            digest.update(name.encode())
            for weight in weights:
                digest.update(weight.tobytes())
    return digest.hexdigest()[:16]
