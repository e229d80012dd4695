"""Notice that files of a dataset have been written to since their content was read."""

from __future__ import annotations

from collections.abc import Sequence

from fibsem.data.dataset.digests import Stamp, stamp_of, stamps_of
from fibsem.data.dataset.samples import Sample
from fibsem.data.volumes import Volume

#: Stamps of the files of one sample: of its volume, of a mask of its material, and of its labels.
SampleStamps = tuple[str | Stamp, ...]


class WatchedFiles:
    """The files of some samples, and their stamps when their content was last read or compared.

    Parameters
    ----------
    samples
        Samples whose files are stamped now. Stamps are taken before the content is read, so that
        a change during the reading is noticed.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._stamps = self.stamps()

    def stamps(self) -> list[SampleStamps]:
        """Return the stamps of the files of each sample as they are now."""
        return [
            (
                *(stamp_of(stamps_of(volume.source)) for volume in _volumes_of(sample)),
                Stamp.of((file, "") for file in sample.label_files),
            )
            for sample in self._samples
        ]

    def are_unwritten(self, stamps: Sequence[SampleStamps], *, labels: bool) -> bool:
        """Return whether stamps equal the kept ones; those of labels count if ``labels`` is set."""
        compared = slice(None) if labels else slice(-1)
        return [stamp[compared] for stamp in stamps] == [stamp[compared] for stamp in self._stamps]

    def keep(self, stamps: list[SampleStamps]) -> None:
        """Keep the stamps of files that hold the same content, so that a write is noticed once."""
        self._stamps = stamps


def _volumes_of(sample: Sample) -> list[Volume]:
    """Return the volumes that a sample is read from: its own, and the mask of its material."""
    mask = sample.extent and sample.extent.mask
    return [sample.volume, *([mask] if mask else [])]
