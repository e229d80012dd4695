"""Digests of slices as they were read, to detect changes of a volume while it is segmented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from fibsem.data.dataset.digests import Stamp, slice_digest, slice_digests, stamps_of
from fibsem.data.volumes import Volume
from fibsem.data.volumes.covered import CoveredSource
from fibsem.data.volumes.faults import SliceError
from fibsem.data.volumes.mended import MendedSource
from fibsem.data.volumes.source import Around, Source
from fibsem.data.volumes.voxels import Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.inference.options import advised_missing, advised_overwrite
from fibsem.system.advice import VALID


@dataclass(frozen=True)
class Rule:
    """Text and advice of messages about changed slices.

    ``damaged`` is the advice if a slice cannot be read at all.
    """

    text: str
    remedy: str
    damaged: str = ""


def of_volume() -> Rule:
    """Return the rule that a volume must not change."""
    return Rule("a volume must not change while it is segmented", _former(), advised_missing())


def of_mask() -> Rule:
    """Return the rule that a mask of material must not change."""
    return Rule(f"a mask of `{VALID}` must not change while a volume is segmented", _former())


def _former() -> str:
    return f"the choices are the former files or {advised_overwrite()}"


class Witness(Around):
    """A source that enters the digest of each slice into ``read_as`` when it is first read.

    A later reading with another digest is an error, since results would mix two films; the message
    begins with the text of the ``rule``.
    """

    def __init__(self, source: Source, read_as: dict[int, str], rule: Rule) -> None:
        super().__init__(source)
        self.read_as, self.rule = read_as, rule

    def read(self, box: Box) -> Voxels:
        try:
            voxels = self.source.read(box)
        except SliceError as error:
            raise SliceError(f"{error} {self.rule.damaged}".rstrip()) from error
        if box.shape[1:] == self.shape[1:]:
            now = {z: slice_digest(image) for z, image in enumerate(voxels, box.start[0])}
            enter(now, self.read_as, self.name(box.start[0]), self.rule)
        return voxels


def enter(now: Mapping[int, str], read_as: dict[int, str], where: object, rule: Rule) -> None:
    """Enter digests of slices, and compare them with those entered before.

    Raises
    ------
    UserError
        If a slice was entered with another digest.
    """
    changed = [z for z, digest in now.items() if read_as.setdefault(z, digest) != digest]
    if changed:
        raise changed_under(changed, where, rule)


def changed_under(slices: Iterable[int], where: object, rule: Rule) -> UserError:
    """Return the error for slices that have changed while a volume was segmented."""
    return UserError(
        f"{rule.text}, but slice {listed(slices)} of it is not what was read before ({where}); "
        f"{rule.remedy}."
    )


def listed(slices: Iterable[int]) -> str:
    """Return indices of slices as text, with at most eight of them.

    >>> listed([7, 3]), listed(range(100))
    ('3, 7', '0, 1, 2, 3, 4, 5, 6, 7 and 92 more')
    """
    numbers = sorted(slices)
    more = len(numbers) - 8
    return ", ".join(map(str, numbers[:8])) + (f" and {more} more" if more > 0 else "")


def witnessed(volume: Volume, read_as: dict[int, str], rule: Rule) -> Volume:
    """Return the volume, with digests of its slices entered into ``read_as`` as they are read."""
    return volume.with_source(_watched(volume.source, read_as, rule))


def _watched(source: Source, read_as: dict[int, str], rule: Rule) -> Source:
    """Put a :class:`Witness` around the files, inside the replacement of missing slices."""
    if isinstance(source, MendedSource):
        return source.onto(_watched(source.source, read_as, replace(rule, damaged="")))
    if isinstance(source, CoveredSource):
        return source.onto(_watched(source.source, read_as, rule))
    return Witness(source, read_as, rule)


def plain(volume: Volume) -> Volume:
    """Return a volume as its files are, without replaced or covered slices."""
    source = volume.source
    while isinstance(source, MendedSource | CoveredSource | Witness):
        source = source.source
    return volume.with_source(source)


def check_slices_unchanged(
    volume: Volume,
    before: Mapping[int, Stamp],
    read_as: Mapping[int, str],
    rule: Rule,
) -> None:
    """Check that slices have not changed after they were read.

    Only slices whose files have another time or size are read again.

    Raises
    ------
    UserError
        If slices have changed; names them.
    """
    touched = [
        z for z, stamp in stamps_of(volume.source).items() if stamp != before[z] and z in read_as
    ]
    now = slice_digests(plain(volume), touched)
    changed = [z for z in touched if now[z] != read_as[z]]
    if changed:
        raise changed_under(changed, volume.path, rule)


class Watched:
    """A volume that is read several times and must not change in between.

    Parameters
    ----------
    volume
        The volume as it is before it is read.
    rule
        Text of messages.

    Attributes
    ----------
    volume
        The volume to read from; its slices are compared with the first reading.
    stamps
        Sizes and times of its files before it was read.
    read_as
        Digests of the slices that were read so far; it grows with every reading of ``volume``.
    """

    def __init__(self, volume: Volume, rule: Rule) -> None:
        self.stamps, self.rule = stamps_of(volume.source), rule
        self.read_as: dict[int, str] = {}
        self.volume = witnessed(volume, self.read_as, rule)

    def check(self) -> None:
        """Raise ``UserError`` if slices have changed since they were read."""
        check_slices_unchanged(self.volume, self.stamps, self.read_as, self.rule)
