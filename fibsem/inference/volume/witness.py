"""What of a volume was really read: its slices may be replaced while it is segmented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fibsem.data.digests import Stamp, slice_digest, slice_digests, stamps_of
from fibsem.data.volumes import Volume
from fibsem.data.volumes.mended import MendedSource
from fibsem.data.volumes.source import Around
from fibsem.data.volumes.writers import Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box


@dataclass(frozen=True, eq=False)
class Witness(Around):
    """A source that keeps the digest of every whole slice, as it was first read.

    A slice that reads otherwise a second time ends the work: what has been made of it would be half
    of one film, half of another.
    """

    seen: dict[int, str] = field(default_factory=dict)

    def read(self, box: Box) -> Voxels:
        voxels = self.source.read(box)
        if box.shape[1:] == self.shape[1:]:
            now = {z: slice_digest(image) for z, image in enumerate(voxels, box.start[0])}
            enter(now, self.seen, self.name(box.start[0]))
        return voxels


def enter(now: Mapping[int, str], seen: dict[int, str], where: object) -> None:
    """Enter digests among those that were seen.

    Raises
    ------
    UserError
        If a slice was seen with another one.
    """
    changed = [z for z, digest in now.items() if seen.setdefault(z, digest) != digest]
    if changed:
        raise changed_under(changed, where)


def changed_under(slices: Iterable[int], where: object) -> UserError:
    """What is said of slices that were replaced while the volume was segmented."""
    return UserError(
        f"a volume must not change while it is segmented, but slice {listed(slices)} of it is not "
        f"what was read before ({where}); the choices are the former files or overwrite=true."
    )


def listed(slices: Iterable[int]) -> str:
    """Numbers of slices as a message can hold them.

    >>> listed([7, 3]), listed(range(100))
    ('3, 7', '0, 1, 2, 3, 4, 5, 6, 7 and 92 more')
    """
    numbers = sorted(slices)
    more = len(numbers) - 8
    return ", ".join(map(str, numbers[:8])) + (f" and {more} more" if more > 0 else "")


def witnessed(volume: Volume, seen: dict[int, str]) -> Volume:
    """The same volume, whose slices are entered into ``seen`` as they are read."""
    source = volume.source
    if isinstance(source, MendedSource):  # below it: what stands for a missing slice is none
        return volume.seen_through(replace(source, source=Witness(source.source, seen)))
    return volume.seen_through(Witness(source, seen))


def plain(volume: Volume) -> Volume:
    """The same volume as its files are, with its gaps."""
    source = volume.source
    while isinstance(source, MendedSource | Witness):
        source = source.source
    return volume.seen_through(source)


def check_unchanged(volume: Volume, before: Mapping[int, Stamp], seen: Mapping[int, str]) -> None:
    """Refuse a result if slices were replaced after they had been read.

    Only those to whose files somebody has written are read again.

    Raises
    ------
    UserError
        Names them.
    """
    touched = [z for z, stamp in stamps_of(volume).items() if stamp != before[z] and z in seen]
    now = slice_digests(plain(volume), touched)
    changed = [z for z in touched if now[z] != seen[z]]
    if changed:
        raise changed_under(changed, volume.path)
