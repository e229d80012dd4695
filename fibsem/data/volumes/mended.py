"""A volume that replaces unreadable slices by the nearest readable one."""

from __future__ import annotations

import numpy as np

from fibsem.data.volumes.faults import SliceError
from fibsem.data.volumes.source import Around, Source, check_finite
from fibsem.data.volumes.voxels import Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box


class MendedSource(Around):
    """Source that reads slice by slice and detects missing slices on reading.

    Parameters
    ----------
    source
        The source with gaps. A slice is missing if it is absent or its content is damaged. Other
        errors are raised, as the slice may be readable the next time.
    missing
        The missing slices found so far, with the reason; grows as slices are read.
    """

    def __init__(self, source: Source, missing: dict[int, str] | None = None) -> None:
        super().__init__(source)
        self.missing = {} if missing is None else missing

    def onto(self, source: Source) -> MendedSource:
        """Return a mended source for another reader; both share the slices found missing."""
        return MendedSource(source, self.missing)

    def read(self, box: Box) -> Voxels:
        voxels = np.empty(box.shape, self.dtype)
        for image, z in zip(voxels, range(box.start[0], box.stop[0]), strict=True):
            image[:] = self._nearest(z, box)
        return voxels

    def _nearest(self, z: int, box: Box) -> Voxels:
        """Read the rows and columns of a box in slice z, or in the readable slice nearest to it."""
        (_, y0, x0), (_, y1, x1) = box.start, box.stop
        depth = self.shape[0]
        for k in sorted(range(depth), key=lambda k: (abs(k - z), k)):
            if k in self.missing:
                continue
            try:
                image: Voxels = self.source.read(Box((k, y0, x0), (k + 1, y1, x1)))[0]
                check_finite(image, self.name(k))
                return image
            except SliceError as error:
                self.missing[k] = str(error)
        raise UserError(
            f"a volume must have a slice that can be read, but none of the {depth} can: "
            f"{next(iter(self.missing.values()))}"
        )
