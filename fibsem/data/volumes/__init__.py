"""Volumes on disk or in memory, one file per format behind one interface.

Opening reads headers only. A box is read from its own slices, and uncompressed slices row by row.
Nothing stays open in between, so that threads and processes may share a volume.
"""

from fibsem.data.volumes.tiff import natural_key
from fibsem.data.volumes.volume import ArrayVolume, Volume, known_nm, open_volume
from fibsem.data.volumes.writers import Format, VolumeWriter, VoxelNm, create_volume

__all__ = [
    "ArrayVolume",
    "Format",
    "Volume",
    "VolumeWriter",
    "VoxelNm",
    "create_volume",
    "known_nm",
    "natural_key",
    "open_volume",
]
