"""Volumes on disk or in memory: a file per format, behind one interface.

Opening reads headers only. A box is read from its own slices, and from uncompressed slices row by
row. No file stays open in between, so threads and processes may share a volume.
"""

from fibsem.data.volumes.lengths import stated_nm
from fibsem.data.volumes.opening import open_labels, open_volume, reopen
from fibsem.data.volumes.series.names import natural_key
from fibsem.data.volumes.source import Manner, open_zip
from fibsem.data.volumes.volume import ArrayVolume, Volume
from fibsem.data.volumes.voxels import VoxelNm
from fibsem.data.volumes.writer import VolumeWriter
from fibsem.data.volumes.writers import Format, create_volume
from fibsem.data.volumes.zarrs.ome import Meaning
from fibsem.data.volumes.zarrs.omezarr import resolutions

__all__ = [
    "ArrayVolume",
    "Format",
    "Manner",
    "Meaning",
    "Volume",
    "VolumeWriter",
    "VoxelNm",
    "create_volume",
    "natural_key",
    "open_labels",
    "open_volume",
    "open_zip",
    "reopen",
    "resolutions",
    "stated_nm",
]
