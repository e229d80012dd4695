"""What of a volume was really read: its slices may be replaced while it is segmented."""

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
from fibsem.inference.options import anew, leaving_out
from fibsem.system.advice import VALID


@dataclass(frozen=True)
class Rule:
    """What must hold of slices that are read again, and what can be done where it does not.

    ``damaged`` is what helps where one cannot be read at all.
    """

    text: str
    remedy: str
    damaged: str = ""


def of_volume() -> Rule:
    """That a film stays what it was read as."""
    return Rule("a volume must not change while it is segmented", _former(), leaving_out())


def of_mask() -> Rule:
    """That a mask of material stays what it was read as."""
    return Rule(f"a mask of `{VALID}` must not change while a volume is segmented", _former())


def _former() -> str:
    return f"the choices are the former files or {anew()}"


class Witness(Around):
    """A source that enters the digest of every whole slice into ``read_as``, as it was first read.

    A slice that reads otherwise a second time ends the work: what has been made of it would be half
    of one film, half of another; the message begins with the ``rule``.
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
    """Enter the digests of slices; those that were entered before stay.

    Raises
    ------
    UserError
        If a slice was entered with another digest.
    """
    changed = [z for z, digest in now.items() if read_as.setdefault(z, digest) != digest]
    if changed:
        raise changed_under(changed, where, rule)


def changed_under(slices: Iterable[int], where: object, rule: Rule) -> UserError:
    """What is said of slices that were replaced while the volume was segmented."""
    return UserError(
        f"{rule.text}, but slice {listed(slices)} of it is not what was read before ({where}); "
        f"{rule.remedy}."
    )


def listed(slices: Iterable[int]) -> str:
    """Numbers of slices as a message can hold them.

    >>> listed([7, 3]), listed(range(100))
    ('3, 7', '0, 1, 2, 3, 4, 5, 6, 7 and 92 more')
    """
    numbers = sorted(slices)
    more = len(numbers) - 8
    return ", ".join(map(str, numbers[:8])) + (f" and {more} more" if more > 0 else "")


def witnessed(volume: Volume, read_as: dict[int, str], rule: Rule) -> Volume:
    """A volume the digests of whose slices are entered into ``read_as`` when first read."""
    return volume.with_source(_watched(volume.source, read_as, rule))


def _watched(source: Source, read_as: dict[int, str], rule: Rule) -> Source:
    """A source with a witness of what its files hold: what stands for a missing slice is none."""
    if isinstance(source, MendedSource):
        return source.onto(_watched(source.source, read_as, replace(rule, damaged="")))
    if isinstance(source, CoveredSource):
        return source.onto(_watched(source.source, read_as, rule))
    return Witness(source, read_as, rule)


def plain(volume: Volume) -> Volume:
    """A volume as its files are, with its gaps."""
    source = volume.source
    while isinstance(source, MendedSource | CoveredSource | Witness):
        source = source.source
    return volume.with_source(source)


def check_unchanged(
    volume: Volume,
    before: Mapping[int, Stamp],
    read_as: Mapping[int, str],
    rule: Rule,
) -> None:
    """Refuse a result if slices were replaced after they had been read.

    Only those to whose files somebody has written are read again.

    Raises
    ------
    UserError
        Names them.
    """
    touched = [z for z, stamp in stamps_of(volume).items() if stamp != before[z] and z in read_as]
    now = slice_digests(plain(volume), touched)
    changed = [z for z in touched if now[z] != read_as[z]]
    if changed:
        raise changed_under(changed, volume.path, rule)


@dataclass(frozen=True)
class Watched:
    """A volume that is read several times, and must be the same one each time.

    Attributes
    ----------
    volume
        To be read from; whole slices are compared with what they were at first.
    stamps, read_as
        Of its files before anything was read, and the digests of what was.
    rule
        What must hold of it.
    """

    volume: Volume
    stamps: Mapping[int, Stamp]
    read_as: Mapping[int, str]
    rule: Rule

    @classmethod
    def of(cls, volume: Volume, rule: Rule) -> Watched:
        """Watch a volume from now on."""
        stamps, read_as = stamps_of(volume), dict[int, str]()
        return cls(witnessed(volume, read_as, rule), stamps, read_as, rule)

    def check(self) -> None:
        """Refuse what was made of slices that are others by now."""
        check_unchanged(self.volume, self.stamps, self.read_as, self.rule)
